"""LiteRT's interpreter, with memory for one image."""

import numpy as np
import pytest
from tiny_flatbuffers import TinyOp, TinyTensor, float_flatbuffer, tflite_bytes

from edgehybrid.errors import FlatbufferError
from edgehybrid.runtime import Interpreter
from edgehybrid.runtime.host import as_stored, open_host


def negated(*shape: int, type_name: str = "float32", outputs: tuple[int, ...] = (1,)) -> bytes:
    """y = -x."""
    tensors = [TinyTensor("x", shape, type_name), TinyTensor("y", shape, type_name)]
    return tflite_bytes(tensors, [TinyOp("NEG", [0], [1])], [0], outputs)


def test_tells_the_shapes_of_one_image() -> None:
    host = open_host(float_flatbuffer(), threads=1)
    assert (host.image_shape, host.logits_shape) == ((5, 5, 2), (7,))


def test_logits_are_not_overwritten_by_the_next_inference() -> None:
    host = open_host(negated(1, 3), threads=1)
    first = host.run(np.full((1, 3), 2, np.float32))
    host.run(np.full((1, 3), 5, np.float32))
    np.testing.assert_array_equal(first, np.full((1, 3), -2, np.float32))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (negated(2, 3), r"input is float32 \(2, 3\); float32 or int8 \(1, …\) is allowed"),
        (negated(1, 3, type_name="int32"), r"input is int32 \(1, 3\)"),
        (negated(1, 3, outputs=(0, 1)), "2 outputs; one is allowed"),
    ],
    ids=["batch", "type", "outputs"],
)
def test_refuses_what_is_no_classifier_of_one_image(content: bytes, message: str) -> None:
    with pytest.raises(FlatbufferError, match=message):
        Interpreter(content)


def test_integers_are_read_as_the_nearest_ones_and_clipped() -> None:
    stored = as_stored({"dtype": np.int8, "quantization": (1 / 255, -128)})
    pixels = np.array([0, -0.0, 1, 0.4 / 255, 0.6 / 255, 2, -1, 128 / 255], np.float32)
    assert stored(pixels).tolist() == [-128, -128, 127, -128, -127, 127, -128, 0]
    assert stored(pixels).dtype == np.int8


def test_every_pixel_comes_back() -> None:
    stored = as_stored({"dtype": np.int8, "quantization": (1 / 255, -128)})
    pixels = np.arange(256)
    assert (stored((pixels / 255).astype(np.float32)).astype(np.int64) + 128).tolist() == pixels.tolist()


def test_floats_are_read_as_they_are() -> None:
    image = np.zeros((1, 2), np.float32)
    assert as_stored({"dtype": np.float32, "quantization": (0.0, 0)})(image) is image
