"""Every byte belongs to one part."""

from typing import Any

import hostile_flatbuffers
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from explained import LayerWriter, dense_of_bits, explained, reals, signs, sound_models, with_unused
from hypothesis import given, settings
from hypothesis import strategies as st
from lce_layers import BinaryConv
from tiny_flatbuffers import TinyOp, TinyTensor, float_flatbuffer, pack, packed_flatbuffer, tflite_bytes

from converters.explain.sizes import PARTS
from edgehybrid.errors import FlatbufferError

MODELS = sound_models()


@pytest.mark.parametrize("name", MODELS)
def test_the_parts_add_up_to_the_file(name: str) -> None:
    found = explained(MODELS[name])
    assert list(found.sizes.parts) == list(PARTS)
    assert sum(found.sizes.parts.values()) == found.size_bytes == len(MODELS[name])
    assert min(found.sizes.parts.values()) >= 0


@settings(max_examples=200)
@given(st.integers(0, 100_000))
def test_the_parts_of_a_damaged_file_add_up_if_it_can_be_read(number: int) -> None:
    try:
        data = hostile_flatbuffers.mutant(number)
    except (TypeError, ValueError, OverflowError):
        return  # FlatBuffers cannot write it
    try:
        found = explained(data)
    except FlatbufferError:
        return
    assert sum(found.sizes.parts.values()) == len(data)
    assert sum(row.bytes for row in found.ops) <= len(data)


def test_parts_of_a_packed_layer() -> None:
    parts = explained(packed_flatbuffer(channels_in=40)).sizes.parts
    # 8 filters of 3×3 places, 2 words of 4 bytes each, of which 40 bits of 64 hold a weight.
    assert parts["packed_weights"] == 8 * 9 * 8 * 40 // 64
    assert parts["word_padding"] == 8 * 9 * 8 * 24 // 64
    assert parts["scales_and_thresholds"] == 2 * 8 * 4


def test_thresholds_count_with_scales() -> None:
    found = explained(BinaryConv(output="packed").flatbuffer())
    assert found.sizes.parts["scales_and_thresholds"] == 8 * 4


def test_parts_of_float_layers() -> None:
    parts = explained(float_flatbuffer()).sizes.parts
    assert parts["float_weights"] == 4 * (4 * 9 * 2 + 7 * 36)
    assert parts["scales_and_thresholds"] == 4 * 4
    assert parts["other_constants"] == 8  # the shape of the RESHAPE


def test_integer_weights_are_a_part() -> None:
    writer = LayerWriter()
    image = writer.value((1, 32), "int8")
    weights = writer.constant(np.arange(320, dtype=np.int8).reshape(10, 32))
    writer.op("FULLY_CONNECTED", [image, weights, -1], (1, 10), "int8", options=schema.FullyConnectedOptionsT())
    assert explained(writer.bytes(image, -1)).sizes.parts["int8_weights"] == 320


def test_further_planes_are_a_part_of_their_own() -> None:
    parts = explained(two_planes()).sizes.parts
    assert (parts["packed_weights"], parts["bit_planes"]) == (8 * 4, 8 * 4)


def two_planes() -> bytes:
    writer = LayerWriter()
    bits = writer.quantize(writer.value((1, 4, 4, 32)))
    terms = [writer.bconv(bits, 32, 8, 1, 4, np.full(8, scale)) for scale in (1.0, 2.0)]
    writer.op("ADD", terms, (1, 4, 4, 8))
    return writer.bytes(0, -1)


def shared(data: Any) -> bytes:
    """Two dense layers, one behind the other, that read one constant of (4, 4)."""
    return tflite_bytes(
        [
            TinyTensor("x", (1, 4)),
            TinyTensor("w", (4, 4), data=data),
            TinyTensor("y", (1, 4)),
            TinyTensor("again", (4, 4), buffer=2),
            TinyTensor("z", (1, 4)),
        ],
        [TinyOp("FULLY_CONNECTED", [0, 1, -1], [2]), TinyOp("FULLY_CONNECTED", [2, 3, -1], [4])],
        [0],
        [4],
    )


def test_a_shared_constant_counts_for_its_first_reader() -> None:
    found = explained(shared(reals(4, 4)))
    assert [row.bytes for row in found.ops] == [64, 0]
    assert found.sizes.parts["float_weights"] == 64
    assert found.sizes.duplicate_bytes == 0


def test_a_constant_that_stands_twice_is_a_duplicate() -> None:
    writer = LayerWriter()
    image = writer.value((1, 4))
    writer.dense(writer.dense(image, reals(4, 4)), reals(4, 4))
    assert explained(writer.bytes(image, -1)).sizes.duplicate_bytes == 64


def test_weights_that_are_unpacked_belong_to_the_layer() -> None:
    writer = LayerWriter()
    image = writer.value((1, 4))
    half = writer.constant(reals(4, 4).astype(np.float16))
    writer.op("FULLY_CONNECTED", [image, writer.op("DEQUANTIZE", [half], (4, 4)), -1], (1, 4))
    unpacking, dense = explained(writer.bytes(image, -1)).ops
    assert (unpacking.bytes, dense.bytes, dense.precision) == (0, 4 * 4 * 2, "float16")


def test_what_nothing_reads_is_named() -> None:
    latent = reals(64).tobytes()
    found = explained(with_unused(dense_of_bits(), latent, "conv/latent_kernel"))
    assert found.sizes.parts["unused_buffers"] == len(latent)
    assert [(one.name, one.type_name, one.bytes) for one in found.sizes.unused] == [
        ("conv/latent_kernel", "float32", len(latent))
    ]


def test_a_buffer_of_no_tensor_is_named_by_its_number() -> None:
    model = schema.ModelT.InitFromPackedBuf(bytearray(float_flatbuffer()))
    model.buffers.append(schema.BufferT(data=np.zeros(100, np.uint8)))
    (unused,) = explained(pack(model)).sizes.unused
    assert (unused.name, unused.bytes) == (f"buffer {len(model.buffers) - 1}", 100)


def test_metadata_is_a_part() -> None:
    model = schema.ModelT.InitFromPackedBuf(bytearray(float_flatbuffer()))
    model.buffers.append(schema.BufferT(data=np.frombuffer(b"by hand", np.uint8)))
    model.metadata = [schema.MetadataT(name="made", buffer=len(model.buffers) - 1)]
    assert explained(pack(model)).sizes.parts["metadata"] == len(b"by hand")


def test_a_constant_that_is_an_output_is_read() -> None:
    writer = LayerWriter()
    constant = writer.constant(signs(8))
    found = explained(tflite_bytes(writer.tensors, [], [], [constant]))
    assert (found.sizes.parts["other_constants"], found.sizes.unused) == (32, ())


def test_the_rest_is_told_for_an_operator() -> None:
    found = explained(float_flatbuffer())
    assert found.sizes.structure_bytes_per_op == round(found.sizes.parts["structure"] / 3, 1)
