"""Three to five sentences, in words that hold for one and for many."""

import pytest
from explained import dense_of_bits, explained, sign_and_convolution, sound_models, with_unused
from tiny_flatbuffers import packed_flatbuffer

from converters.explain.summary import summary

MODELS = sound_models()


@pytest.mark.parametrize("name", [name for name in MODELS if name != "no operator"])
def test_it_is_short(name: str) -> None:
    sentences = summary(explained(MODELS[name]))
    assert 3 <= len(sentences) <= 5
    assert all(sentence.endswith(".") and "\n" not in sentence for sentence in sentences)


def test_a_file_without_weights_says_so() -> None:
    assert summary(explained(MODELS["no operator"]))[0] == "No operator of the file has weights."


def test_it_says_what_is_packed_and_where_the_work_is() -> None:
    # 64 · 32 multiply-accumulates in bits, 32 · 10 in float32.
    first, second, third, *_ = summary(explained(dense_of_bits()))
    assert first == (
        "1 of 2 operators with weights is packed; 86.5 % of an inference's 2,368 multiply-accumulates are in bits and "
        "13.5 % in float32."
    )
    assert second.startswith(
        "1 layer with something binary is not packed, 'layer': Larq's converter has no binary dense"
    )
    assert "would take 40 bytes, not 1,280" in second
    assert third.startswith(f"The file's {len(dense_of_bits()):,} bytes are ")


def test_it_says_that_nothing_is_left() -> None:
    assert "Everything quantised is packed." in summary(explained(packed_flatbuffer()))
    assert "Nothing in it is quantised to a few values." in summary(explained(MODELS["float"]))


def test_it_names_waste() -> None:
    text = " ".join(summary(explained(with_unused(sign_and_convolution().bytes(0, -1), bytes(4000)))))
    assert "Wasted: 4,000 bytes of constants that nothing reads." in text
