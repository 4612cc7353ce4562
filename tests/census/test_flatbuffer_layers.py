"""The count of a flatbuffer: layers, what is listed, what is not known, peak of the activations."""

import contextlib
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_flatbuffers import TinyOp, TinyTensor, float_flatbuffer, packed_flatbuffer, tflite_bytes
from tiny_layers import Writer, packed_file

from edgehybrid.census.flatbuffer_layers import LISTED, FlatbufferCount, count_flatbuffer
from edgehybrid.census.multiplications import MULTIPLYING
from edgehybrid.errors import FlatbufferError
from edgehybrid.flatbuffer import parse_flatbuffer, read_flatbuffer
from edgehybrid.flatbuffer.schema import OPERATORS
from edgehybrid.networks import Network, build_network
from edgehybrid.recipe import NetworkRecipe, Placement
from edgehybrid.runs.run_folder import RunFolder


def count(data: bytes) -> FlatbufferCount:
    return count_flatbuffer(parse_flatbuffer(data, "model.tflite"))


def test_float_layers_have_their_shapes_and_precision() -> None:
    convolution, dense = (stored.layer for stored in count(float_flatbuffer()).layers)
    assert (convolution.kind, convolution.kernel, convolution.in_side, convolution.out_side) == (
        "conv",
        (3, 3),
        (5, 5),
        (3, 3),
    )
    assert (convolution.in_channels, convolution.out_channels, convolution.float_filters) == (2, 4, 4)
    assert (convolution.inputs, convolution.outputs, convolution.macs) == (5 * 5 * 2, 3 * 3 * 4, 9 * 18 * 4)
    assert (dense.kind, dense.weights, dense.macs) == ("dense", 36 * 7, 36 * 7)


def test_a_binary_convolution_has_one_bit_and_its_real_channels() -> None:
    ((layer,),) = [[stored.layer for stored in count(packed_flatbuffer()).layers]]
    assert (layer.weight_bits, layer.activation_bits, layer.float_filters) == (1, 1, 0)
    assert (layer.in_side, layer.in_channels) == ((6, 5), 40)
    assert layer.binary_macs == layer.macs == 6 * 5 * 9 * 40 * 8


def test_padding_is_not_a_part_of_the_map() -> None:
    writer = Writer()
    real = writer.value((1, 8, 8, 2))
    padding = writer.constant(np.array([[0, 0], [1, 1], [1, 1], [0, 0]], np.int32))
    found = count(writer.bytes(real, writer.conv(writer.op("PAD", [real, padding], (1, 10, 10, 2)), 4, 3, 8)))
    assert found.layers[0].layer.in_side == (8, 8)
    assert found.listed_ops == {"PAD": 1}


def test_sparse_weights_work_as_dense_ones_and_have_the_bytes_that_are_stored() -> None:
    tensors = [
        TinyTensor("x", (1, 4)),
        TinyTensor("stored", (2, 4), "float16", np.ones(3, np.float16), is_sparse=True),
        TinyTensor("dense", (2, 4), "float16"),
        TinyTensor("weights", (2, 4)),
        TinyTensor("y", (1, 2)),
    ]
    ops = [
        TinyOp("DENSIFY", [1], [2]),
        TinyOp("DEQUANTIZE", [2], [3]),
        TinyOp("FULLY_CONNECTED", [0, 3, -1], [4]),
    ]
    found = count(tflite_bytes(tensors, ops, [0], [4]))
    (stored,) = found.layers
    assert (stored.layer.macs, stored.layer.weights, stored.layer.weight_bits) == (8, 8, 16)
    assert [row.bytes for row in stored.operators] == [6]
    assert found.listed_ops == {"DENSIFY": 1, "DEQUANTIZE": 1}


def test_texts_and_handles_need_no_room_and_an_unknown_length_is_one() -> None:
    tensors = [
        TinyTensor("words", (100,), "string"),
        TinyTensor("table", (), "resource"),
        TinyTensor("numbers", (-1, 10), "uint32"),
    ]
    found = count(tflite_bytes(tensors, [TinyOp("HASHTABLE_FIND", [1, 0], [2])], [0], [2]))
    assert (found.peak_activation_bits, found.uncounted_ops) == ((10 * 32, 10 * 32), {})


def test_a_1x1_convolution_of_one_pixel_is_a_dense_layer() -> None:
    writer = Writer()
    real = writer.value((1, 1, 1, 64))
    (stored,) = count(writer.bytes(real, writer.bconv(writer.quantize(real), 64, 10, 1, 1))).layers
    assert stored.layer.kind == "dense"


def test_int8_layers_have_8_bits() -> None:
    weights = TinyTensor("w", (6, 3, 3, 2), "int8", np.zeros((6, 3, 3, 2), np.int8), scale=0.1)
    tensors = [TinyTensor("map", (1, 4, 4, 2), "int8", scale=0.1), weights, TinyTensor("out", (1, 4, 4, 6), "int8")]
    (stored,) = count(tflite_bytes(tensors, [TinyOp("CONV_2D", [0, 1, -1], [2])], [0], [2])).layers
    assert (stored.layer.weight_bits, stored.layer.activation_bits, stored.layer.float_filters) == (8, 8, 0)


def test_scales_are_listed() -> None:
    assert count(packed_flatbuffer()).listed_ops == {"LceQuantize": 1, "LceBconv2d scales": 1}


def test_operators_whose_work_is_unknown_are_named_apart() -> None:
    tensors = [TinyTensor("a", (1, 4)), TinyTensor("b", (1, 4))]
    ops = [TinyOp(name, [0], [1]) for name in ("edgetpu-custom-op", "COS", "FlexErf", "edgetpu-custom-op", "DELEGATE")]
    found = count(tflite_bytes(tensors, ops, [0], [1]))
    assert found.uncounted_ops == {"DELEGATE": 1, "FlexErf": 1, "edgetpu-custom-op": 2}
    assert (found.listed_ops, found.layers) == ({"COS": 1}, ())


def test_every_builtin_operator_is_counted_listed_or_known_to_be_unread() -> None:
    read = {*MULTIPLYING, *LISTED}
    assert set(OPERATORS.values()) - read == {
        "CUSTOM",
        "DELEGATE",
        "PLACEHOLDER_FOR_GREATER_OP_CODES",
        "STABLEHLO_CONVOLUTION",
        "STABLEHLO_CUSTOM_CALL",
        "STABLEHLO_DOT_GENERAL",
    }


def test_refuses_weights_of_unknown_width() -> None:
    weights = TinyTensor("w", (7, 36), "string", np.zeros((7, 36), np.uint8))
    tensors = [TinyTensor("x", (1, 36)), weights, TinyTensor("y", (1, 7))]
    with pytest.raises(FlatbufferError, match="width of the numbers in 'y' is unknown"):
        count(tflite_bytes(tensors, [TinyOp("FULLY_CONNECTED", [0, 1, -1], [2])], [0], [2]))


def test_refuses_a_convolution_of_no_map() -> None:
    weights = TinyTensor("w", (6, 3, 3, 2), data=np.zeros((6, 3, 3, 2), np.float32))
    tensors = [TinyTensor("x", (4, 2)), weights, TinyTensor("y", (1, 4, 6))]
    with pytest.raises(FlatbufferError, match="does not read and write maps"):
        count(tflite_bytes(tensors, [TinyOp("CONV_2D", [0, 1, -1], [2])], [0], [2]))


def test_the_peak_holds_what_is_alive_at_once() -> None:
    # First step: 6 * 5 * 40 numbers, and the same in two words of bits a pixel. Second: bits, and 6 * 5 * 8 numbers.
    live, stored = count(packed_flatbuffer()).peak_activation_bits
    assert stored == max(30 * 40 * 32 + 30 * 64, 30 * 64 + 30 * 8 * 32)
    assert live == 30 * (40 + 40) * 32


def test_a_converted_network_has_22_layers_whose_scales_and_batch_norms_are_listed(converted_run: RunFolder) -> None:
    found = count_flatbuffer(read_flatbuffer(converted_run.path / "model.packed.x86_64.tflite"))
    assert len(found.layers) == 22
    assert found.listed_ops["LceBconv2d scales"] == 18
    assert {"MUL", "ADD", "RELU"} <= set(found.listed_ops)
    assert found.uncounted_ops == {}
    assert found.classes == 10


def split_planes() -> Network:
    placement = Placement(full_precision=("first",), weight_bits=2, activation_bits=2, float_fraction=0.5)
    return build_network("planes", NetworkRecipe(architecture="resnet20", width=0.0625, placement=placement), 4, 1, 2)


DAMAGED = packed_file(split_planes())


@settings(max_examples=150, deadline=None)
@given(flips=st.lists(st.tuples(st.integers(0, 1 << 20), st.integers(1, 255)), min_size=1, max_size=12))
def test_a_damaged_file_is_counted_or_refused(flips: list[tuple[int, int]]) -> None:
    damaged = bytearray(DAMAGED)
    for position, flip in flips:
        damaged[position % len(damaged)] ^= flip
    with contextlib.suppress(FlatbufferError):
        count(bytes(damaged))


@pytest.mark.fuzz
@pytest.mark.parametrize("seed", range(10))
def test_many_damaged_files_are_counted_or_refused(seed: int) -> None:
    dice, refused = random.Random(seed), 0
    for _ in range(500):
        damaged = bytearray(DAMAGED)
        for _ in range(dice.randint(1, 6)):
            damaged[dice.randrange(len(damaged))] = dice.choice([0, 1, 2, 3, 0x7F, 0xFF])
        try:
            count(bytes(damaged))
        except FlatbufferError:
            refused += 1
    assert refused > 0, f"seed {seed}: no damage was noticed"


@pytest.mark.parametrize("name", ["ADD", "LceBMaxPool2d", "RELU", "CONCATENATION"])
def test_operators_in_a_circle_are_counted(name: str) -> None:
    tensors = [TinyTensor("a", (1, 2, 2, 1), "int32"), TinyTensor("b", (1, 2, 2, 1), "int32")]
    found = count(tflite_bytes(tensors, [TinyOp(name, [0, 0], [1]), TinyOp(name, [1, 1], [0])], [0], [1]))
    assert found.layers == ()
