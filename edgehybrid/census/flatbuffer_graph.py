"""A flatbuffer as a graph, and its operators with weights as pieces of logical layers."""

from dataclasses import dataclass

from edgehybrid.census.logical_layers import LogicalLayer
from edgehybrid.census.operators import WEIGHTED, CensusRow, census
from edgehybrid.errors import ModelFileError
from edgehybrid.flatbuffer import ABSENT, Flatbuffer, Op
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
PADDING = ("PAD", "PADV2", "MIRROR_PAD")
RESHAPING = ("EXPAND_DIMS", "RESHAPE", "SQUEEZE")
# The input of LceBconv2d with its scales, alpha and BatchNorm in one.
SCALE = 2
TYPE_BITS = {
    "float64": 64,
    "float32": FLOAT_BITS,
    "float16": 16,
    "bfloat16": 16,
    "int64": 64,
    "int32": 32,
    "int16": 16,
    "int8": 8,
    "uint8": 8,
    "int4": 4,
    "uint4": 4,
    "int2": 2,
    "bool": 8,
}


class FlatbufferGraph:
    """Who writes and who reads each tensor."""

    def __init__(self, flatbuffer: Flatbuffer) -> None:
        self.flatbuffer = flatbuffer
        self.writer: dict[int, Op] = {}
        self.readers: dict[int, list[Op]] = {}
        for op in flatbuffer.ops:
            for index in set(op.inputs) - {ABSENT}:
                self.readers.setdefault(index, []).append(op)
            self.writer.update(dict.fromkeys(op.outputs, op))

    def values(self, op: Op) -> list[int]:
        """The inputs that are computed at run time."""
        return [index for index in op.inputs if index != ABSENT and self.flatbuffer.tensors[index].data is None]

    def behind(self, index: int, names: tuple[str, ...]) -> int:
        """The tensor that ``index`` is made from by operators of these names with one computed input."""
        # No tensor can be behind itself in a sound file; the bound ends the search in a damaged one.
        for _ in self.flatbuffer.ops:
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
    """

    layer: LogicalLayer
    operators: tuple[CensusRow, ...]
    ops: tuple[Op, ...]
    source: int
    packed: frozenset[int]
    output: int

    def shape(self) -> tuple[object, ...]:
        """What pieces of one layer have in common."""
        layer = self.layer
        return (self.source, layer.kernel, layer.in_channels, layer.group_channels, layer.in_side, layer.out_side)


def pieces_of(graph: FlatbufferGraph) -> list[Piece]:
    """One for each operator with weights."""
    ops = [op for op in graph.flatbuffer.ops if op.name in WEIGHTED]
    return [_piece(graph, op, row) for op, row in zip(ops, census(graph.flatbuffer), strict=True)]


def _piece(graph: FlatbufferGraph, op: Op, row: CensusRow) -> Piece:
    tensors = graph.flatbuffer.tensors
    read = graph.behind(op.inputs[0], PADDING)
    output = tensors[op.outputs[0]]
    # A FULLY_CONNECTED flattens what it reads, and may apply its weights at several positions.
    positions = (row.macs // row.weights, 1)
    in_side, out_side = positions, positions
    if op.name != "FULLY_CONNECTED":
        if len(tensors[read].shape) != 4 or len(output.shape) != 4:
            raise ModelFileError(
                f"A {op.name} does not read and write maps.",
                received=f"{row.name}: {tensors[read].shape} → {output.shape}",
            )
        in_side, out_side = _side(tensors[read].shape), _side(output.shape)
    packed = row.precision == "packed"
    weight_bits = 1 if packed else bits_of_type(row.precision, row.name)
    activation_bits = 1 if packed else bits_of_type(tensors[read].type_name, row.name)
    layer = LogicalLayer(
        name=row.name,
        kind="depthwise" if op.name == "DEPTHWISE_CONV_2D" else "conv",
        in_channels=row.in_channels,
        out_channels=row.out_channels,
        kernel=(row.kernel_height, row.kernel_width),
        in_side=in_side,
        out_side=out_side,
        group_channels=row.weights // (row.kernel_height * row.kernel_width * row.out_channels),
        weight_bits=weight_bits,
        activation_bits=activation_bits,
        float_filters=row.out_channels if weight_bits == FLOAT_BITS else 0,
        reads_real=(writer := graph.writer.get(read)) is None or writer.name != "LceDequantize",
    )
    source = graph.behind(op.inputs[0], (*POINTWISE, *PADDING))
    return Piece(layer, (row,), (op,), source, frozenset({read} if packed else ()), op.outputs[0])


def _side(shape: tuple[int, ...]) -> tuple[int, int]:
    return shape[1], shape[2]


def bits_of_type(type_name: str, layer: str) -> int:
    """Width of a tensor's numbers.

    Raises:
        ModelFileError: a type without a width, such as text.
    """
    if type_name not in TYPE_BITS:
        raise ModelFileError(
            f"The width of the numbers in '{layer}' is unknown.", received=type_name, allowed=", ".join(TYPE_BITS)
        )
    return TYPE_BITS[type_name]
