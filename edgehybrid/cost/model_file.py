"""Flatbuffer → logical layers: joins what a converter took apart. No TensorFlow.

A converter stores one layer of the mathematics as several operators: a split layer as two convolutions and a
concatenation, a k-bit layer as binary convolutions of bit planes and additions, a dense layer as a 1×1 convolution on
a map of side 1. ``count_model`` joins them, lists the operators that no rule counts, and names those it does not know.
"""

import math
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from edgehybrid.cost.logical_layers import LogicalLayer, normal_form
from edgehybrid.cost.memory import peak_bits
from edgehybrid.cost.model_graph import PADDING, POINTWISE, RESHAPING, SCALE, Graph, bits_of_type, pieces_of
from edgehybrid.cost.model_joins import joined_halves, joined_planes
from edgehybrid.flatbuffer import Model
from edgehybrid.flatbuffer_census import CHANNELS_PER_WORD, WEIGHTED, CensusRow
from edgehybrid.networks import FLOAT_BITS

# Additions, BatchNorm, activations, pooling, padding and copies: in the file, and counted by no rule.
LISTED = (
    *POINTWISE, *PADDING, *RESHAPING, "ADD_N", "AVERAGE_POOL_2D", "CONCATENATION", "GREATER", "GREATER_EQUAL",
    "HARD_SWISH", "LESS", "LESS_EQUAL", "LOGISTIC", "LceBMaxPool2d", "MAX_POOL_2D", "MEAN", "PRELU", "SELECT",
    "SELECT_V2", "SOFTMAX", "SPLIT", "TRANSPOSE",
)  # fmt: skip


@dataclass(frozen=True)
class StoredLayer:
    """A logical layer, and the operators of the file that compute it, float filters first."""

    layer: LogicalLayer
    operators: tuple[CensusRow, ...]


@dataclass(frozen=True)
class ModelCount:
    """What a flatbuffer holds.

    Attributes:
        layers: in the order of execution.
        listed_ops: how many of each operator that no rule counts, and how many binary convolutions hold scales.
        uncounted_ops: how many of each operator whose work is not known.
        classes: numbers of the last output.
        peak_activation_bits: (every number in 32 bits, as the file stores them), see memory.py.
    """

    layers: tuple[StoredLayer, ...]
    listed_ops: Mapping[str, int]
    uncounted_ops: Mapping[str, int]
    classes: int
    peak_activation_bits: tuple[int, int]


def count_model(model: Model) -> ModelCount:
    """Counts a flatbuffer.

    Raises:
        ModelFileError: shapes that contradict each other, or a number type whose width is unknown.
    """
    names = Counter(op.name for op in model.ops if op.name not in WEIGHTED)
    listed = {name: count for name, count in sorted(names.items()) if name in LISTED}
    if scaled := sum(op.name == "LceBconv2d" and len(op.inputs) > SCALE and op.inputs[SCALE] >= 0 for op in model.ops):
        listed["LceBconv2d scales"] = scaled
    graph = Graph(model)
    pieces = joined_planes(graph, pieces_of(graph))
    pieces = joined_halves(graph, pieces)
    return ModelCount(
        tuple(StoredLayer(normal_form(piece.layer), piece.operators) for piece in pieces),
        listed,
        {name: count for name, count in sorted(names.items()) if name not in LISTED},
        model.tensors[model.outputs[-1]].shape[-1] if model.outputs and model.tensors[model.outputs[-1]].shape else 0,
        _peak(graph),
    )


def _peak(graph: Graph) -> tuple[int, int]:
    """As for networks: operators that change numbers where they stand need no buffer of their own."""
    model = graph.model
    buffer: dict[int, int] = {}
    for op in reversed(model.ops):
        values = graph.values(op)
        for index in op.outputs:
            buffer.setdefault(index, index)
        in_place = op.name in (*RESHAPING, "ADD", "MUL", "RELU", "SUB") and len(values) == 1 == len(op.outputs)
        if in_place and len(graph.readers[values[0]]) == 1 and values[0] not in model.inputs:
            buffer[values[0]] = buffer[op.outputs[0]]
    for index in model.inputs:
        buffer.setdefault(index, index)
    steps = [
        ({buffer[i] for i in graph.values(op) if i in buffer}, {buffer[i] for i in op.outputs}) for op in model.ops
    ]
    start = {buffer[index] for index in model.inputs}

    def peak(bits: Callable[[int], int]) -> int:
        return peak_bits(start, steps, {index: bits(index) for index in set(buffer.values())})

    def stored(index: int) -> int:
        tensor = model.tensors[index]
        return math.prod(tensor.shape) * bits_of_type(tensor.type_name, tensor.name)

    def unpacked(index: int) -> int:
        shape = model.tensors[index].shape
        channels = _channels(graph, index) if model.tensors[index].type_name == "int32" and len(shape) == 4 else None
        return math.prod(shape if channels is None else (*shape[:-1], channels)) * FLOAT_BITS

    return peak(unpacked), peak(stored)


def _channels(graph: Graph, index: int) -> int:
    """Channels of a map of bits: its readers know; without one, as many as its words can hold."""
    words = graph.model.tensors[index].shape[-1]
    # A damaged file may lead in a circle.
    for _ in graph.model.ops:
        readers = {op.name: op for op in graph.readers.get(index, ()) if op.outputs}
        if "LceBconv2d" in readers:
            return readers["LceBconv2d"].options.get("channels_in", 0)
        if "LceDequantize" in readers:
            return (graph.model.tensors[readers["LceDequantize"].outputs[0]].shape or (0,))[-1]
        if "LceBMaxPool2d" not in readers:
            break
        index = readers["LceBMaxPool2d"].outputs[0]
    return words * CHANNELS_PER_WORD
