import numpy as np
import pytest
from tiny_flatbuffers import TinyOp, TinyTensor, tflite_bytes

from edgehybrid.runtime.every_output import every_output

IMAGE = np.array([-1.0, 0.0, 0.5, 2.0], np.float32).reshape(1, 1, 1, 4)


def test_outputs_come_in_their_order_and_maps_between_are_kept() -> None:
    tensors = [TinyTensor(name, (1, 1, 1, 4)) for name in ("image", "relu", "negative")]
    content = tflite_bytes(tensors, [TinyOp("RELU", [0], [1]), TinyOp("NEG", [1], [2])], [0], [2, 1])
    negative, relu = every_output(content)(IMAGE)
    assert relu.ravel().tolist() == [0, 0, 0.5, 2]
    assert np.array_equal(negative, -relu)


def test_8_bits_come_as_the_numbers_that_they_stand_for() -> None:
    tensors = [TinyTensor("image", (1, 1, 1, 4)), TinyTensor("q", (1, 1, 1, 4), "int8", scale=0.5, zero_point=3)]
    (numbers,) = every_output(tflite_bytes(tensors, [TinyOp("QUANTIZE", [0], [1])], [0], [1]))(IMAGE)
    assert np.array_equal(numbers, IMAGE)


def test_packed_maps_come_as_their_words() -> None:
    tensors = [TinyTensor("image", (1, 1, 1, 4)), TinyTensor("bits", (1, 1, 1, 1), "int32")]
    (words,) = every_output(tflite_bytes(tensors, [TinyOp("LceQuantize", [0], [1])], [0], [1]))(IMAGE)
    # Bit 0 is the one negative number's.
    assert (words.dtype, words.ravel().tolist()) == (np.int32, [1])


def test_what_no_runtime_knows_is_refused() -> None:
    tensors = [TinyTensor("image", (1, 1, 1, 4)), TinyTensor("x", (1, 1, 1, 4))]
    with pytest.raises((RuntimeError, ValueError)):
        every_output(tflite_bytes(tensors, [TinyOp("Unheard", [0], [1])], [0], [1]))
