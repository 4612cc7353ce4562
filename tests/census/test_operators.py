"""What the layers of a model hold, before packing and as stored."""

from importlib.util import find_spec

import numpy as np
import pytest
from tiny_flatbuffers import TinyOp, TinyTensor, float_flatbuffer, packed_flatbuffer, tflite_bytes

from edgehybrid.census.operators import CensusRow, census
from edgehybrid.errors import FlatbufferError
from edgehybrid.flatbuffer import Flatbuffer, parse_flatbuffer

FLOAT, PACKED = float_flatbuffer(), packed_flatbuffer()


def flatbuffer_of(data: bytes) -> Flatbuffer:
    return parse_flatbuffer(data, "model.tflite")


def row_of(data: bytes) -> CensusRow:
    (row,) = census(flatbuffer_of(data))
    return row


def test_counts_float_layers() -> None:
    filters, dense = 3 * 3 * 2 * 4, 36 * 7
    assert census(flatbuffer_of(FLOAT)) == [
        CensusRow("map", "CONV_2D", "float32", 3, 3, 2, 4, filters, 4 * filters, 3 * 3 * filters),
        CensusRow("logits", "FULLY_CONNECTED", "float32", 1, 1, 36, 7, dense, 4 * dense, dense),
    ]


def test_counts_a_binary_convolution_before_packing() -> None:
    # 40 channels fill one word and a quarter of the next: 40 weights count, 2 × 4 bytes are stored.
    weights = 3 * 3 * 40 * 8
    assert row_of(PACKED) == CensusRow(
        "binary_conv", "LceBconv2d", "packed", 3, 3, 40, 8, weights, 3 * 3 * 2 * 4 * 8, 6 * 5 * weights
    )


def test_filter_of_a_grouped_binary_convolution_reads_one_group() -> None:
    # 64 channels, one word a filter: two groups of 32.
    row = row_of(packed_flatbuffer(channels_in=64, words=1))
    assert (row.in_channels, row.weights) == (64, 3 * 3 * 32 * 8)


def conv_like(op: str, in_channels: int, weights: TinyTensor, before: list[TinyOp] | None = None) -> bytes:
    """An operator on a 4×4 map; tensor 3 can be widened to the weights, tensor 1, by an operator before."""
    narrow = np.zeros(weights.shape, np.float16)
    tensors = [
        TinyTensor("map", (1, 4, 4, in_channels)),
        weights,
        TinyTensor("out", (1, 4, 4, 6)),
        TinyTensor("narrow", weights.shape, "float16", narrow),
    ]
    return tflite_bytes(tensors, [*(before or []), TinyOp(op, [0, 1, -1], [2])])


def test_filter_of_a_grouped_convolution_reads_one_group() -> None:
    row = row_of(conv_like("CONV_2D", 4, TinyTensor("w", (6, 3, 3, 2))))
    assert (row.in_channels, row.out_channels, row.weights) == (4, 6, 6 * 3 * 3 * 2)


def test_filter_of_a_depthwise_convolution_reads_one_channel() -> None:
    row = row_of(conv_like("DEPTHWISE_CONV_2D", 3, TinyTensor("w", (1, 3, 5, 6))))
    assert (row.kernel_height, row.kernel_width, row.in_channels, row.out_channels) == (3, 5, 3, 6)
    assert (row.weights, row.macs) == (3 * 5 * 6, 4 * 4 * 3 * 5 * 6)


def test_weights_widened_at_run_time_count_as_stored() -> None:
    data = conv_like("CONV_2D", 2, TinyTensor("w", (6, 3, 3, 2)), [TinyOp("DEQUANTIZE", [3], [1])])
    row = row_of(data)
    assert (row.precision, row.bytes) == ("float16", 2 * 6 * 3 * 3 * 2)


def test_int8_weights_are_named() -> None:
    weights = TinyTensor("w", (6, 1, 1, 2), "int8", np.zeros((6, 1, 1, 2), np.int8), scale=0.1)
    assert row_of(conv_like("CONV_2D", 2, weights)).precision == "int8"


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(conv_like("CONV_2D", 3, TinyTensor("w", (6, 3, 3, 2))), id="2 in 3 channels"),
        pytest.param(conv_like("CONV_2D", 2, TinyTensor("w", (6, 2))), id="a convolution needs four axes"),
        pytest.param(conv_like("CONV_2D", 2, TinyTensor("w", (6, 3, 0, 2))), id="an empty filter"),
        pytest.param(packed_flatbuffer(channels_in=40, words=3), id="40 channels do not fill three words"),
        pytest.param(packed_flatbuffer(channels_in=40, words=1), id="groups of 32 do not divide 40 channels"),
        pytest.param(tflite_bytes([TinyTensor("t", (1, 4, 4, 1))], [TinyOp("CONV_2D", [0], [0])]), id="no weights"),
    ],
)
def test_refuses_to_count_contradicting_shapes(data: bytes) -> None:
    flatbuffer = flatbuffer_of(data)
    with pytest.raises(FlatbufferError):
        census(flatbuffer)


# TensorFlow's converter says that it has no statistics of quantised inputs. There are none to have.
@pytest.mark.filterwarnings("ignore:Statistics for quantized inputs:UserWarning")
def test_counts_what_larq_compute_engine_writes() -> None:
    if find_spec("larq_compute_engine") is None:
        pytest.skip("needs pip install 'edgehybrid[train]'")
    # First: it makes TensorFlow, which the converter imports, use Keras 2.
    from edgehybrid.model.compat import keras, larq  # isort: skip
    import larq_compute_engine  # isort: skip

    image = keras.Input((8, 8, 3))
    real = keras.layers.Conv2D(40, 3, padding="same")(image)
    binary = larq.layers.QuantConv2D(
        64,
        3,
        strides=2,
        padding="same",
        pad_values=1.0,
        use_bias=False,
        input_quantizer="ste_sign",
        kernel_quantizer="ste_sign",
    )(real)
    network = keras.Model(image, keras.layers.BatchNormalization()(binary))
    first, second = census(flatbuffer_of(larq_compute_engine.convert_keras_model(network)))
    assert (first.op, first.precision, first.weights) == ("CONV_2D", "float32", 3 * 3 * 3 * 40)
    assert (second.op, second.precision, second.weights) == ("LceBconv2d", "packed", 3 * 3 * 40 * 64)
    assert (second.in_channels, second.out_channels, second.macs) == (40, 64, 4 * 4 * second.weights)
