"""Flatbuffer → logical layers: joins what a converter took apart. No TensorFlow.

A converter stores one layer of the mathematics as several operators: a split layer as two convolutions and a
concatenation, a k-bit layer as binary convolutions of bit planes and additions, a dense layer as a 1×1 convolution on
a map of side 1. ``count_flatbuffer`` joins them, lists the operators that no rule counts, and names those it does not
know.
"""

import math
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from edgehybrid.census.activation_memory import peak_bits
from edgehybrid.census.calls import executions_of, subgraphs_of
from edgehybrid.census.flatbuffer_graph import (
    RESHAPING,
    SCALE,
    SIZELESS,
    FlatbufferGraph,
    Piece,
    bits_of_type,
    pieces_of,
)
from edgehybrid.census.joins import joined_halves, joined_planes
from edgehybrid.census.logical_layers import LogicalLayer, normal_form
from edgehybrid.census.multiplications import BINARY, CHANNELS_PER_WORD, MULTIPLYING
from edgehybrid.census.operators import CensusRow
from edgehybrid.flatbuffer import Flatbuffer, Op
from edgehybrid.flatbuffer.schema import OPERATORS
from edgehybrid.networks import FLOAT_BITS

# Builtin operators that may multiply by weights in a way that is not read here.
_UNREAD = (
    "CUSTOM",
    "DELEGATE",
    "PLACEHOLDER_FOR_GREATER_OP_CODES",
    "STABLEHLO_CONVOLUTION",
    "STABLEHLO_CUSTOM_CALL",
    "STABLEHLO_DOT_GENERAL",
)
_NATIVE = ("LceBMaxPool2d", "LceDequantize", "LceQuantize", "EdgehybridLevels", "EdgehybridScores")
# In the file, and counted by no rule: all builtin operators that multiply by no weights, and those of others that are
# known to have none.
LISTED = (
    frozenset(OPERATORS.values()).difference(MULTIPLYING, _UNREAD)
    | frozenset(_NATIVE)
    | {"TFLite_Detection_PostProcess"}
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
        layers: in the order of execution; those of called subgraphs behind those of their caller.
        listed_ops: how many of each operator that no rule counts, and how many binary convolutions hold scales.
        uncounted_ops: how many of each operator whose work is not known.
        classes: numbers of the last output.
        peak_activation_bits: (every number in 32 bits, as the file stores them), see activation_memory.py.
        notes: sentences about what the file does not tell, and about parts that do not run in an inference.
    """

    layers: tuple[StoredLayer, ...]
    listed_ops: Mapping[str, int]
    uncounted_ops: Mapping[str, int]
    classes: int
    peak_activation_bits: tuple[int, int]
    notes: tuple[str, ...] = ()


def count_flatbuffer(flatbuffer: Flatbuffer) -> FlatbufferCount:
    """Counts one call of a flatbuffer, with the shapes that it states.

    Raises:
        FlatbufferError: shapes that contradict each other, a number type whose width is unknown, or subgraphs that call
            each other without end.
    """
    executions = executions_of(flatbuffer)
    layers: list[StoredLayer] = []
    names: Counter[str] = Counter()
    # Constants by their place in the file: two operators may share one.
    stored: set[int] = set()
    peaks: dict[int, tuple[int, int]] = {}
    graphs = {number: FlatbufferGraph(executions.subgraphs[number]) for number in executions.times}
    for number, graph in graphs.items():
        names.update(op.name for op in graph.part.ops)
        scaled = [op for op in graph.part.ops if op.name == "LceBconv2d" and len(op.inputs) > SCALE]
        names["LceBconv2d scales"] += sum(op.inputs[SCALE] >= 0 for op in scaled)
        pieces = joined_halves(graph, joined_planes(graph, pieces_of(graph)))
        for piece in pieces:
            layer = replace(normal_form(piece.layer), is_stored_elsewhere=_is_stored(graph, piece, stored))
            times = executions.times[number] * layer.calls
            layers.append(StoredLayer(replace(layer, calls=times), piece.operators))
    # A subgraph's maps are alive beside those of its caller.
    for number in reversed(list(graphs)):
        peaks[number] = _peak(flatbuffer, graphs[number], peaks)
    result = flatbuffer.tensors[flatbuffer.outputs[-1]].shape if flatbuffer.outputs else ()
    listed = {name: count for name, count in sorted(names.items()) if count and _is_listed(name)}
    others = names.keys() - listed.keys() - set(MULTIPLYING)
    return FlatbufferCount(
        tuple(layers),
        listed,
        {name: names[name] for name in sorted(others) if names[name]},
        result[-1] if result else 0,
        peaks[0],
        tuple(executions.notes),
    )


def _is_listed(name: str) -> bool:
    return name in LISTED or name == "LceBconv2d scales"


def _is_stored(graph: FlatbufferGraph, piece: Piece, stored: set[int]) -> bool:
    """Whether the weights of a piece are those of one before; remembers them."""
    buffers = {graph.part.tensors[graph.stored.get(index, index)].buffer for index in piece.weights}
    # Buffer 0 is that of tensors without a constant.
    buffers.discard(0)
    is_stored = bool(buffers) and buffers <= stored
    stored |= buffers
    return is_stored


def _peak(flatbuffer: Flatbuffer, graph: FlatbufferGraph, peaks: Mapping[int, tuple[int, int]]) -> tuple[int, int]:
    """As for networks: operators that change numbers where they stand need no buffer of their own."""
    part = graph.part
    buffer: dict[int, int] = {}
    for op in reversed(part.ops):
        values = graph.values(op)
        for index in op.outputs:
            buffer.setdefault(index, index)
        in_place = op.name in (*RESHAPING, "ADD", "MUL", "RELU", "SUB") and len(values) == 1 == len(op.outputs)
        if in_place and len(graph.readers[values[0]]) == 1 and values[0] not in part.inputs:
            buffer[values[0]] = buffer[op.outputs[0]]
    # A subgraph may be given constants, which are no maps.
    given = [index for index in part.inputs if part.tensors[index].data is None]
    for index in given:
        buffer.setdefault(index, index)
    steps = [({buffer[i] for i in graph.values(op) if i in buffer}, {buffer[i] for i in op.outputs}) for op in part.ops]
    # What a called subgraph needs is alive while it runs: a buffer of no tensor, below 0.
    called: dict[int, tuple[int, int]] = {}
    for number, op in enumerate(part.ops):
        needs = [peaks[callee] for callee in subgraphs_of(flatbuffer, op)]
        if needs:
            called[-1 - number] = max(need[0] for need in needs), max(need[1] for need in needs)
            steps[number][1].add(-1 - number)
    start = {buffer[index] for index in given}

    def peak(bits: Callable[[int], int], form: int) -> int:
        sizes = {index: bits(index) for index in set(buffer.values())}
        return peak_bits(start, steps, sizes | {index: need[form] for index, need in called.items()})

    def stored(index: int) -> int:
        tensor = part.tensors[index]
        return (
            0 if tensor.type_name in SIZELESS else math.prod(tensor.shape) * bits_of_type(tensor.type_name, tensor.name)
        )

    def unpacked(index: int) -> int:
        tensor = part.tensors[index]
        if tensor.type_name in SIZELESS:
            return 0
        holds_words = tensor.type_name == "int32" and tensor.shape and _is_packed(graph, index)
        shape = (*tensor.shape[:-1], _channels(graph, index)) if holds_words else tensor.shape
        return math.prod(shape) * FLOAT_BITS

    return peak(unpacked, 0), peak(stored, 1)


def _is_packed(graph: FlatbufferGraph, index: int) -> bool:
    """Whether a map holds bits: operators of Larq's, and convolutions of levels, alone write or read such maps."""
    readers = graph.readers.get(index, ())
    around = [*readers, *filter(None, [graph.writer.get(index)])]
    return any(op.name.startswith("Lce") for op in around) or any(_reads_levels(op, index) for op in readers)


def _reads_levels(op: Op, index: int) -> bool:
    """And not as the residual, which is a map of integers."""
    return op.name == "EdgehybridConv2d" and op.inputs[:1] == (index,)


def _channels(graph: FlatbufferGraph, index: int) -> int:
    """Channels of a map of bits: its readers know; without one, as many as its words can hold."""
    words = graph.part.tensors[index].shape[-1]
    # A damaged file may lead in a circle.
    for _ in graph.part.ops:
        readers = {op.name: op for op in graph.readers.get(index, ()) if op.outputs}
        for convolution in BINARY:
            if convolution in readers:
                return readers[convolution].integer("channels_in")
        if "LceDequantize" in readers:
            return (graph.part.tensors[readers["LceDequantize"].outputs[0]].shape or (0,))[-1]
        if "LceBMaxPool2d" not in readers:
            break
        index = readers["LceBMaxPool2d"].outputs[0]
    return words * CHANNELS_PER_WORD
