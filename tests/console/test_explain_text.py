"""What a person reads: the summary first, then a line an operator, then what to change and the sizes."""

from explained import dense_of_bits, explained, with_unused
from tiny_flatbuffers import loop_flatbuffer, packed_flatbuffer

from converters.explain.times import Times
from edgehybrid.console.explain_text import explained_text


def text_of(data: bytes, times: Times | None = None) -> str:
    return explained_text(explained(data), times)


def test_the_sections_stand_in_the_order_of_reading() -> None:
    text = text_of(dense_of_bits())
    places = [
        text.index(part) for part in ("1 of 2 operators", "LceBconv2d", "Not packed", "to no purpose", "the file")
    ]
    assert places == sorted(places)
    assert text.startswith("model.tflite\n")


def test_the_parts_end_in_their_sum() -> None:
    data = packed_flatbuffer()
    lines = text_of(data).splitlines()
    assert any(line.split() == ["sum", f"{len(data):,}", "100.00"] for line in lines)
    assert "1,728 bits of packed words are behind the last channel." in lines


def test_waste_is_named() -> None:
    assert "Nothing reads 'latent' (float32, 4,000 bytes)." in text_of(with_unused(packed_flatbuffer(), bytes(4000)))


def test_operators_of_several_subgraphs_are_told_apart() -> None:
    lines = text_of(loop_flatbuffer()).splitlines()
    assert [line.split(":")[0] for line in lines if " WHILE " in line or " LESS " in line] == ["0", "1"]


def test_times_have_a_column_where_they_are_known() -> None:
    text = text_of(packed_flatbuffer(), Times(0.25, {(0, 1): 2.5}))
    assert " µs " in text
    assert "Measured: 0.250 ms" in text
    assert " µs " not in text_of(packed_flatbuffer())
