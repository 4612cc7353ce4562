"""records.py: what callers ask of a model that was read."""

import pytest
from ai_edge_litert import schema_py_generated as schema
from tiny_flatbuffers import TinyOp, TinyTensor, many_kinds_flatbuffer, tflite_bytes

from edgehybrid.errors import FlatbufferError
from edgehybrid.flatbuffer import Op, parse_flatbuffer


def test_a_model_answers_for_its_first_subgraph() -> None:
    flatbuffer = parse_flatbuffer(many_kinds_flatbuffer(), "model.tflite")
    first = flatbuffer.subgraphs[0]
    assert (flatbuffer.ops, flatbuffer.tensors) == (first.ops, first.tensors)
    assert (flatbuffer.inputs, flatbuffer.outputs) == (first.inputs, first.outputs) == ((0,), (8,))


def test_zero_point_0_is_a_zero_point() -> None:
    tensors = [TinyTensor("a", (1,)), TinyTensor("b", (1,), "int8", scale=0.5, zero_point=0)]
    plain, quantised = parse_flatbuffer(tflite_bytes(tensors, []), "model.tflite").tensors
    assert (plain.has_scale, plain.has_zero_point) == (False, False)
    assert (quantised.has_scale, quantised.has_zero_point) == (True, True)


@pytest.mark.parametrize(("option", "value"), [("adj_x", 1), ("adj_y", 0), ("channels_in", 40), ("none_such", 0)])
def test_whole_number_of_an_option_is_0_without_it(option: str, value: int) -> None:
    op = Op("SOME", (), (), {"adj_x": True, "adj_y": False, "channels_in": 40})
    found = op.integer(option)
    assert found == value
    assert type(found) is int


@pytest.mark.parametrize("value", [(1, 2), "1", 1.0])
def test_refuses_an_option_that_is_no_whole_number(value: object) -> None:
    with pytest.raises(FlatbufferError, match="option padding of a CONV_2D"):
        Op("CONV_2D", (), (), {"padding": value}).integer("padding")


def test_option_of_a_damaged_kind_is_refused_where_it_is_asked_for() -> None:
    """``padding`` is a number in Conv2DOptions and a list in StablehloConvolutionOptions."""
    options = schema.StablehloConvolutionOptionsT(padding=[1, 1])
    (op,) = parse_flatbuffer(
        tflite_bytes([TinyTensor("t", (1,))], [TinyOp("CONV_2D", [0], [0], options)]), "model.tflite"
    ).ops
    with pytest.raises(FlatbufferError, match="no whole number"):
        op.integer("padding")
