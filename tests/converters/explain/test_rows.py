"""One row for each operator, with what the census counts."""

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from explained import LayerWriter, explained, reals, sound_models
from tiny_flatbuffers import TinyGraph, TinyOp, TinyTensor, float_flatbuffer, packed_flatbuffer, tflite_bytes_of

from edgehybrid.flatbuffer import parse_flatbuffer

MODELS = sound_models()


@pytest.mark.parametrize("name", MODELS)
def test_every_operator_of_every_subgraph_has_a_row_and_a_reason(name: str) -> None:
    parts = parse_flatbuffer(MODELS[name], "model.tflite").subgraphs
    found = explained(MODELS[name])
    assert [(row.subgraph, row.op) for row in found.ops] == [
        (number, op.name) for number, part in enumerate(parts) for op in part.ops
    ]
    assert all(row.reason and row.layer for row in found.ops)


def test_a_row_has_the_facts_of_its_operator() -> None:
    convolution, reshape, dense = explained(float_flatbuffer()).ops
    assert (convolution.name, convolution.precision, convolution.output_shape) == ("map", "float32", (1, 3, 3, 4))
    assert (convolution.macs, convolution.bytes) == (9 * 9 * 2 * 4, 4 * (9 * 2 * 4 + 4))
    assert (reshape.precision, reshape.macs, reshape.bytes) == (None, 0, 8)
    assert (dense.macs, dense.bytes) == (7 * 36, 4 * 7 * 36)
    assert dense.file_percent == round(100 * dense.bytes / len(float_flatbuffer()), 4)


def test_bits_behind_the_last_channel_are_counted() -> None:
    quantize, convolution = explained(packed_flatbuffer(channels_in=40)).ops
    assert (quantize.precision, quantize.wasted_bits) == (None, 0)
    # 8 filters of 3×3 places, each with 2 words of 32 bits for 40 channels.
    assert (convolution.precision, convolution.wasted_bits) == ("packed", 8 * 9 * (64 - 40))
    assert "40 of 64 bits" in convolution.reason


def test_no_bits_are_wasted_by_full_words() -> None:
    assert explained(packed_flatbuffer(channels_in=64)).wasted_bits == 0


def test_the_name_of_a_layer_is_found_in_that_of_a_converter() -> None:
    writer = LayerWriter()
    image = writer.value((1, 5, 5, 2))
    writer.convolution(image, reals(4, 3, 3, 2), "net/relu/Relu;net/conv1_bn/FusedBatchNormV3;net/conv1/Conv2D")
    (row,) = explained(writer.bytes(image, -1)).ops
    assert row.layer == "conv1"
    assert row.name.startswith("net/relu/Relu;")


def test_work_of_a_foreign_operator_is_unknown() -> None:
    writer = LayerWriter()
    image = writer.value((1, 5, 5, 2))
    writer.op("TheirOwn", [image], (1, 5, 5, 2))
    found = explained(writer.bytes(image, -1))
    assert found.ops[0].macs is None
    assert found.notes == ("The work of TheirOwn is not known, and not counted.",)


def test_a_subgraph_that_no_inference_runs_has_rows_without_work() -> None:
    dense = [TinyTensor("x", (1, 2)), TinyTensor("w", (3, 2), data=reals(3, 2)), TinyTensor("y", (1, 3))]
    ops = [TinyOp("FULLY_CONNECTED", [0, 1, -1], [2], schema.FullyConnectedOptionsT())]
    data = tflite_bytes_of([TinyGraph(dense, ops, [0], [2], "first"), TinyGraph(dense, ops, [0], [2], "second")])
    found = explained(data)
    assert [(row.runs, row.macs) for row in found.ops] == [(1, 6), (0, 0)]
    assert found.ops[1].reason.startswith("not run in an inference")
    assert any("All 2 subgraphs are explained: 0 'first', 1 'second'." in note for note in found.notes)


def test_a_loop_counts_as_often_as_it_runs() -> None:
    assert {row.op: row.runs for row in explained(MODELS["loop"]).ops} == {"WHILE": 1, "LESS": 6, "ADD": 5}


def test_lengths_that_are_open_are_noted_but_not_those_of_the_batch() -> None:
    def noted(*shape: int) -> bool:
        writer = LayerWriter()
        image = writer.value(shape)
        writer.op("RELU", [image], shape)
        return any("not known before the run" in note for note in explained(writer.bytes(image, -1)).notes)

    assert noted(1, -1, -1, 3)
    assert not noted(-1, 4, 4, 3)


def test_what_reads_constants_alone_is_not_folded() -> None:
    writer = LayerWriter()
    image = writer.value((1, 8))
    axes = writer.constant(np.array([0], np.int32))
    scale = writer.op("MEAN", [writer.constant(reals(100, 8)), axes], (8,), options=schema.ReducerOptionsT())
    writer.op("MUL", [image, scale], (1, 8), options=schema.MulOptionsT())
    found = explained(writer.bytes(image, -1))
    (unfolded,) = found.unfolded
    assert (unfolded.op, unfolded.bytes, unfolded.result_bytes) == ("MEAN", 100 * 8 * 4 + 4, 8 * 4)
    assert found.sizes.parts["unfolded_constants"] == unfolded.bytes
    assert "the converter did not fold it" in found.ops[0].reason
