"""The graph of a flatbuffer: who writes, who reads, what stands behind a value."""

import numpy as np
import pytest
from tiny_layers import Writer

from edgehybrid.census.flatbuffer_graph import (
    PADDING,
    POINTWISE,
    SIZELESS,
    TYPE_BITS,
    FlatbufferGraph,
    bits_of_type,
    pieces_of,
)
from edgehybrid.errors import FlatbufferError
from edgehybrid.flatbuffer import parse_flatbuffer
from edgehybrid.flatbuffer.schema import TENSOR_TYPES


def scaled_and_padded() -> tuple[FlatbufferGraph, int, int]:
    """real → MUL by a constant → PAD → CONV_2D; the graph, and the indices of real and of the padded map."""
    writer = Writer()
    real = writer.value((1, 4, 4, 2))
    scaled = writer.op("MUL", [real, writer.constant(np.ones(2, np.float32))], (1, 4, 4, 2))
    amounts = writer.constant(np.array([[0, 0], [1, 1], [1, 1], [0, 0]], np.int32))
    padded = writer.op("PAD", [scaled, amounts], (1, 6, 6, 2))
    return FlatbufferGraph(parse_flatbuffer(writer.bytes(real, writer.conv(padded, 3, 3, 4)), "model")), real, padded


def test_looks_behind_operators_of_the_given_names_only() -> None:
    graph, real, padded = scaled_and_padded()
    assert graph.behind(padded, (*POINTWISE, *PADDING)) == real
    assert graph.part.tensors[graph.behind(padded, PADDING)].shape == (1, 4, 4, 2)
    assert graph.behind(padded, ()) == padded


def test_does_not_look_behind_an_operator_of_two_values() -> None:
    writer = Writer()
    first, second = (writer.value((1, 4)) for _ in range(2))
    total = writer.op("ADD", [first, second], (1, 4))
    graph = FlatbufferGraph(parse_flatbuffer(writer.bytes(first, total), "model"))
    assert graph.behind(total, POINTWISE) == total
    assert graph.values(graph.part.ops[0]) == [first, second]


def test_a_piece_knows_its_source_and_its_map_without_padding() -> None:
    graph, real, _ = scaled_and_padded()
    (piece,) = pieces_of(graph)
    assert (piece.source, piece.layer.in_side, piece.layer.out_side) == (real, (4, 4), (4, 4))
    assert piece.packed == frozenset()


def test_every_type_of_the_format_has_a_width_or_no_size() -> None:
    assert set(TYPE_BITS) | set(SIZELESS) == set(TENSOR_TYPES.values())


def test_refuses_a_type_without_a_width() -> None:
    with pytest.raises(FlatbufferError, match="width of the numbers in 'names' is unknown"):
        bits_of_type("string", "names")
