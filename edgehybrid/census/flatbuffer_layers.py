"""Flatbuffer → logical layers: joins what a converter took apart. No TensorFlow.

A converter stores one layer of the mathematics as several operators: a split layer as two convolutions and a
concatenation, a k-bit layer as binary convolutions of bit planes and additions, a dense layer as a 1×1 convolution on
a map of side 1. ``count_flatbuffer`` joins them, lists the operators that no rule counts, and names those it does not
know.
"""

import math
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from edgehybrid.census.activation_memory import peak_bits
from edgehybrid.census.flatbuffer_graph import (
    PADDING,
    POINTWISE,
    RESHAPING,
    SCALE,
    FlatbufferGraph,
    bits_of_type,
    pieces_of,
)
from edgehybrid.census.joins import joined_halves, joined_planes
from edgehybrid.census.logical_layers import LogicalLayer, normal_form
from edgehybrid.census.operators import CHANNELS_PER_WORD, WEIGHTED, CensusRow
from edgehybrid.flatbuffer import Flatbuffer
from edgehybrid.networks import FLOAT_BITS

# Additions, BatchNorm, activations, pooling, padding and copies: in the file, and counted by no rule.
LISTED = (
    *POINTWISE,
    *PADDING,
    *RESHAPING,
    "ADD_N",
    "AVERAGE_POOL_2D",
    "CONCATENATION",
    "GREATER",
    "GREATER_EQUAL",
    "HARD_SWISH",
    "LESS",
    "LESS_EQUAL",
    "LOGISTIC",
    "LceBMaxPool2d",
    "MAX_POOL_2D",
    "MEAN",
    "PRELU",
    "SELECT",
    "SELECT_V2",
    "SOFTMAX",
    "SPLIT",
    "TRANSPOSE",
)


@dataclass(frozen=True)
class StoredLayer:
    """A logical layer, and the operators of the file that compute it, float filters first."""

    layer: LogicalLayer
    operators: tuple[CensusRow, ...]


@dataclass(frozen=True)
class FlatbufferCount:
    """What a flatbuffer holds.

    Attributes:
        layers: in the order of execution.
        listed_ops: how many of each operator that no rule counts, and how many binary convolutions hold scales.
        uncounted_ops: how many of each operator whose work is not known.
        classes: numbers of the last output.
        peak_activation_bits: (every number in 32 bits, as the file stores them), see activation_memory.py.
    """

    layers: tuple[StoredLayer, ...]
    listed_ops: Mapping[str, int]
    uncounted_ops: Mapping[str, int]
    classes: int
    peak_activation_bits: tuple[int, int]


def count_flatbuffer(flatbuffer: Flatbuffer) -> FlatbufferCount:
    """Counts a flatbuffer.

    Raises:
        ModelFileError: shapes that contradict each other, or a number type whose width is unknown.
    """
    names = Counter(op.name for op in flatbuffer.ops if op.name not in WEIGHTED)
    listed = {name: count for name, count in sorted(names.items()) if name in LISTED}
    convolutions = [op for op in flatbuffer.ops if op.name == "LceBconv2d"]
    if scaled := sum(len(op.inputs) > SCALE and op.inputs[SCALE] >= 0 for op in convolutions):
        listed["LceBconv2d scales"] = scaled
    result = flatbuffer.tensors[flatbuffer.outputs[-1]].shape if flatbuffer.outputs else ()
    graph = FlatbufferGraph(flatbuffer)
    pieces = joined_planes(graph, pieces_of(graph))
    pieces = joined_halves(graph, pieces)
    return FlatbufferCount(
        tuple(StoredLayer(normal_form(piece.layer), piece.operators) for piece in pieces),
        listed,
        {name: count for name, count in sorted(names.items()) if name not in LISTED},
        result[-1] if result else 0,
        _peak(graph),
    )


def _peak(graph: FlatbufferGraph) -> tuple[int, int]:
    """As for networks: operators that change numbers where they stand need no buffer of their own."""
    flatbuffer = graph.flatbuffer
    buffer: dict[int, int] = {}
    for op in reversed(flatbuffer.ops):
        values = graph.values(op)
        for index in op.outputs:
            buffer.setdefault(index, index)
        in_place = op.name in (*RESHAPING, "ADD", "MUL", "RELU", "SUB") and len(values) == 1 == len(op.outputs)
        if in_place and len(graph.readers[values[0]]) == 1 and values[0] not in flatbuffer.inputs:
            buffer[values[0]] = buffer[op.outputs[0]]
    for index in flatbuffer.inputs:
        buffer.setdefault(index, index)
    steps = [
        ({buffer[i] for i in graph.values(op) if i in buffer}, {buffer[i] for i in op.outputs}) for op in flatbuffer.ops
    ]
    start = {buffer[index] for index in flatbuffer.inputs}

    def peak(bits: Callable[[int], int]) -> int:
        return peak_bits(start, steps, {index: bits(index) for index in set(buffer.values())})

    def stored(index: int) -> int:
        tensor = flatbuffer.tensors[index]
        return math.prod(tensor.shape) * bits_of_type(tensor.type_name, tensor.name)

    def unpacked(index: int) -> int:
        tensor = flatbuffer.tensors[index]
        holds_words = tensor.type_name == "int32" and len(tensor.shape) == 4
        shape = (*tensor.shape[:-1], _channels(graph, index)) if holds_words else tensor.shape
        return math.prod(shape) * FLOAT_BITS

    return peak(unpacked), peak(stored)


def _channels(graph: FlatbufferGraph, index: int) -> int:
    """Channels of a map of bits: its readers know; without one, as many as its words can hold."""
    words = graph.flatbuffer.tensors[index].shape[-1]
    # A damaged file may lead in a circle.
    for _ in graph.flatbuffer.ops:
        readers = {op.name: op for op in graph.readers.get(index, ()) if op.outputs}
        if "LceBconv2d" in readers:
            return readers["LceBconv2d"].options.get("channels_in", 0)
        if "LceDequantize" in readers:
            return (graph.flatbuffer.tensors[readers["LceDequantize"].outputs[0]].shape or (0,))[-1]
        if "LceBMaxPool2d" not in readers:
            break
        index = readers["LceBMaxPool2d"].outputs[0]
    return words * CHANNELS_PER_WORD
