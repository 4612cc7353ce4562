"""A subgraph of a flatbuffer as a graph, and its multiplications as pieces of logical layers."""

import math
from dataclasses import dataclass

from edgehybrid.census.logical_layers import LogicalLayer
from edgehybrid.census.multiplications import MAP_AXES, Multiplication, map_side
from edgehybrid.census.operators import CensusRow, Operators, counted_multiplications, stored_tensors
from edgehybrid.errors import FlatbufferError
from edgehybrid.flatbuffer import ABSENT, Op
from edgehybrid.networks import FLOAT_BITS

# One number in, one number out, at the same place; with a constant, or with a decision about the number itself.
POINTWISE = (
    "ABS",
    "ADD",
    "CAST",
    "CEIL",
    "DEQUANTIZE",
    "DIV",
    "FLOOR",
    "LceDequantize",
    "LceQuantize",
    "MAXIMUM",
    "MINIMUM",
    "MUL",
    "NEG",
    "QUANTIZE",
    "RELU",
    "RELU6",
    "RELU_0_TO_1",
    "RELU_N1_TO_1",
    "ROUND",
    "SIGN",
    "SUB",
)
# Steps, behind which a map has few values; and what only moves and scales it.
STEPS = ("CEIL", "FLOOR", "LceDequantize", "ROUND", "SIGN")
SCALING = ("ADD", "DIV", "MUL", "SUB")
PADDING = ("PAD", "PADV2", "MIRROR_PAD")
RESHAPING = ("EXPAND_DIMS", "RESHAPE", "SQUEEZE")
# The input of LceBconv2d with its scales, alpha and BatchNorm in one.
SCALE = 2
# Of the maps that binary convolutions read.
PACKED_BITS = {"LceBconv2d": 1, "EdgehybridConv2d": 2}
TYPE_BITS = {
    "bool": 8,
    "bfloat16": 16,
    "float8_e4m3fn": 8,
    "float8_e5m2": 8,
    "float16": 16,
    "float32": FLOAT_BITS,
    "float64": 64,
    "int2": 2,
    "int4": 4,
    "int8": 8,
    "int16": 16,
    "int32": 32,
    "int64": 64,
    "uint4": 4,
    "uint8": 8,
    "uint16": 16,
    "uint32": 32,
    "uint64": 64,
    "complex64": 64,
    "complex128": 128,
}
# Handles of things that have no size in the file.
SIZELESS = ("string", "resource", "variant")


class FlatbufferGraph:
    """Who writes and who reads each tensor."""

    def __init__(self, part: Operators) -> None:
        self.part = part
        self.stored = stored_tensors(part)
        self.writer: dict[int, Op] = {}
        self.readers: dict[int, list[Op]] = {}
        for op in part.ops:
            for index in set(op.inputs) - {ABSENT}:
                self.readers.setdefault(index, []).append(op)
            self.writer.update(dict.fromkeys(op.outputs, op))

    def values(self, op: Op) -> list[int]:
        """The inputs that are computed at run time."""
        return [index for index in op.inputs if index != ABSENT and self.part.tensors[index].data is None]

    def behind(self, index: int, names: tuple[str, ...]) -> int:
        """The tensor that ``index`` is made from by operators of these names with one computed input."""
        # No tensor can be behind itself in a sound file; the bound ends the search in a damaged one.
        for _ in self.part.ops:
            op = self.writer.get(index)
            if op is None or op.name not in names or len(values := self.values(op)) != 1:
                break
            index = values[0]
        return index


@dataclass(frozen=True)
class Piece:
    """Operators that are one layer as far as is known.

    Attributes:
        source: the map behind padding and quantisation that they read.
        packed: the tensors of bits that they read.
        output: the tensor that holds all they compute.
        weights: the tensors of their weights.
    """

    layer: LogicalLayer
    operators: tuple[CensusRow, ...]
    ops: tuple[Op, ...]
    source: int
    packed: frozenset[int]
    output: int
    weights: tuple[int, ...] = ()

    def shape(self) -> tuple[object, ...]:
        """What pieces of one layer have in common."""
        layer = self.layer
        return (self.source, layer.kernel, layer.in_channels, layer.group_channels, layer.in_side, layer.out_side)


def pieces_of(graph: FlatbufferGraph) -> list[Piece]:
    """One for each multiplication."""
    return [_piece(graph, found, row) for found, row in counted_multiplications(graph.part)]


def _piece(graph: FlatbufferGraph, found: Multiplication, row: CensusRow) -> Piece:
    tensors = graph.part.tensors
    read = graph.behind(found.source, PADDING)
    # Padding is no part of a map; but only maps are padded.
    in_side = found.in_side
    if read != found.source and len(tensors[read].shape) == len(tensors[found.source].shape) >= MAP_AXES:
        in_side = map_side(tensors[read].shape)
    packed = row.precision == "packed"
    weight_bits = 1 if packed else bits_of_type(row.precision, row.name)
    activation_bits = PACKED_BITS[found.op.name] if packed else bits_of_type(tensors[read].type_name, row.name)
    layer = LogicalLayer(
        name=row.name,
        kind=found.kind,
        in_channels=row.in_channels,
        out_channels=row.out_channels,
        kernel=found.kernel,
        in_side=in_side,
        out_side=found.out_side,
        group_channels=found.group_channels,
        weight_bits=weight_bits,
        activation_bits=activation_bits,
        float_filters=row.out_channels if weight_bits == FLOAT_BITS else 0,
        reads_real=(writer := graph.writer.get(graph.behind(read, SCALING))) is None or writer.name not in STEPS,
        positions=None if found.positions == found.out_side[0] * found.out_side[1] else found.positions,
        weight_sets=found.weight_sets,
        second_inputs=0 if found.weight_sets else math.prod(tensors[found.weights].shape),
        calls=found.images,
    )
    source = graph.behind(found.source, (*POINTWISE, *PADDING))
    packed_maps = frozenset({read} if packed else ())
    return Piece(layer, (row,), (found.op,), source, packed_maps, found.op.outputs[0], (found.weights,))


def bits_of_type(type_name: str, layer: str) -> int:
    """Width of a tensor's numbers.

    Raises:
        FlatbufferError: a type without a width, such as text.
    """
    if type_name not in TYPE_BITS:
        raise FlatbufferError(
            f"The width of the numbers in '{layer}' is unknown.", received=type_name, allowed=", ".join(TYPE_BITS)
        )
    return TYPE_BITS[type_name]
