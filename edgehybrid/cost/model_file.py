"""Flatbuffer → logical layers: joins what a converter took apart. No TensorFlow.

A converter stores one layer of the mathematics as several operators: a split layer as two convolutions and a
concatenation, a k-bit layer as binary convolutions of bit planes and additions, a dense layer as a 1×1 convolution on
a map of side 1. ``count_model`` joins them, lists the operators that no rule counts, and names those it does not know.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from itertools import product

import numpy as np

from edgehybrid.cost.layers import LogicalLayer, normal_form
from edgehybrid.cost.memory import peak_bits
from edgehybrid.errors import ModelFileError
from edgehybrid.flatbuffer import ABSENT, CHANNELS_PER_WORD, WEIGHTED, CensusRow, Model, Op, census
from edgehybrid.networks import FLOAT_BITS

# One number in, one number out, at the same place; with a constant, or with a decision about the number itself.
POINTWISE = (
    "ABS", "ADD", "CAST", "CEIL", "DEQUANTIZE", "DIV", "FLOOR", "LceDequantize", "LceQuantize", "MAXIMUM", "MINIMUM",
    "MUL", "NEG", "QUANTIZE", "RELU", "RELU6", "RELU_0_TO_1", "RELU_N1_TO_1", "ROUND", "SIGN", "SUB",
)  # fmt: skip
PADDING = ("PAD", "PADV2", "MIRROR_PAD")
RESHAPING = ("EXPAND_DIMS", "RESHAPE", "SQUEEZE")
# Additions, BatchNorm, activations, pooling, padding and copies: in the file, and counted by no rule.
LISTED = (
    *POINTWISE, *PADDING, *RESHAPING, "ADD_N", "AVERAGE_POOL_2D", "CONCATENATION", "GREATER", "GREATER_EQUAL",
    "HARD_SWISH", "LESS", "LESS_EQUAL", "LOGISTIC", "LceBMaxPool2d", "MAX_POOL_2D", "MEAN", "PRELU", "SELECT",
    "SELECT_V2", "SOFTMAX", "SPLIT", "TRANSPOSE",
)  # fmt: skip
TYPE_BITS = {
    "float64": 64, "float32": FLOAT_BITS, "float16": 16, "bfloat16": 16, "int64": 64, "int32": 32, "int16": 16, "int8": 8,
    "uint8": 8, "int4": 4, "uint4": 4, "int2": 2, "bool": 8,
}  # fmt: skip
# Scales of bit planes are powers of two apart, but for the rounding of float32 products.
PLANE_TOLERANCE = 1e-4


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
        listed_ops: how many of each operator that no rule counts.
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
    graph = _Graph(model)
    pieces = _joined_planes(graph, _pieces(graph))
    pieces = _joined_halves(graph, pieces)
    return ModelCount(
        tuple(StoredLayer(normal_form(piece.layer), piece.operators) for piece in pieces),
        {name: count for name, count in sorted(names.items()) if name in LISTED},
        {name: count for name, count in sorted(names.items()) if name not in LISTED},
        model.tensors[model.outputs[-1]].shape[-1] if model.outputs and model.tensors[model.outputs[-1]].shape else 0,
        _peak(graph),
    )


@dataclass(frozen=True)
class _Piece:
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


class _Graph:
    """Who writes and who reads each tensor."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.writer: dict[int, Op] = {}
        self.readers: dict[int, list[Op]] = {}
        for op in model.ops:
            for index in set(op.inputs) - {ABSENT}:
                self.readers.setdefault(index, []).append(op)
            self.writer.update(dict.fromkeys(op.outputs, op))

    def values(self, op: Op) -> list[int]:
        """The inputs that are computed at run time."""
        return [index for index in op.inputs if index != ABSENT and self.model.tensors[index].data is None]

    def behind(self, index: int, names: tuple[str, ...]) -> int:
        """The tensor that ``index`` is made from by operators of these names with one computed input."""
        # No tensor can be behind itself in a sound file; the bound ends the search in a damaged one.
        for _ in self.model.ops:
            op = self.writer.get(index)
            if op is None or op.name not in names or len(values := self.values(op)) != 1:
                break
            index = values[0]
        return index


def _pieces(graph: _Graph) -> list[_Piece]:
    """One for each operator with weights."""
    ops = [op for op in graph.model.ops if op.name in WEIGHTED]
    return [_piece(graph, op, row) for op, row in zip(ops, census(graph.model), strict=True)]


def _piece(graph: _Graph, op: Op, row: CensusRow) -> _Piece:
    tensors = graph.model.tensors
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
    weight_bits = 1 if packed else _bits(row.precision, row.name)
    activation_bits = 1 if packed else _bits(tensors[read].type_name, row.name)
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
    return _Piece(layer, (row,), (op,), source, frozenset({read} if packed else ()), op.outputs[0])


def _side(shape: tuple[int, ...]) -> tuple[int, int]:
    return shape[1], shape[2]


def _bits(type_name: str, layer: str) -> int:
    if type_name not in TYPE_BITS:
        raise ModelFileError(
            f"The width of the numbers in '{layer}' is unknown.", received=type_name, allowed=", ".join(TYPE_BITS)
        )
    return TYPE_BITS[type_name]


def _joined_planes(graph: _Graph, pieces: list[_Piece]) -> list[_Piece]:
    """Binary convolutions of bit planes, and the additions that weigh them, become one layer of more bits."""
    by_output = {piece.output: piece for piece in pieces}
    joined: dict[int, _Piece] = {}
    for op in reversed(graph.model.ops):
        if op.name not in ("ADD", "ADD_N") or len(graph.values(op)) < 2:
            continue
        leaves: list[tuple[_Piece, object]] = []
        if not all(_collect_planes(graph, index, by_output, leaves) for index in graph.values(op)):
            continue
        planes = [piece for piece, _ in leaves]
        if len({id(piece) for piece in planes}) < len(planes) or any(id(piece) in joined for piece in planes):
            continue
        if whole := _one_of_planes(planes, [scale for _, scale in leaves], op.outputs[0]):
            joined.update(dict.fromkeys(map(id, planes), whole))
    found = [joined.get(id(piece), piece) for piece in pieces]
    return list({id(piece): piece for piece in found}.values())


def _collect_planes(
    graph: _Graph, index: int, by_output: Mapping[int, _Piece], leaves: list[tuple[_Piece, object]]
) -> bool:
    """Follows a term of a sum to the binary convolutions it is made of; False when it is made of anything else."""
    scale: object = 1.0
    for _ in graph.model.ops:
        if len(graph.readers.get(index, ())) != 1:
            return False
        piece, op = by_output.get(index), graph.writer.get(index)
        if piece is not None:
            if not piece.packed:
                return False
            # LceBconv2d holds its own scales; without them it writes bits, which nobody adds.
            stored = graph.model.tensors[piece.ops[0].inputs[2]].data if len(piece.ops[0].inputs) > 2 else None
            leaves.append((piece, np.multiply(scale, 1.0 if stored is None else stored)))
            return True
        if op is None:
            return False
        values = graph.values(op)
        if op.name in ("ADD", "ADD_N") and len(values) > 1 and isinstance(scale, float):
            return all(_collect_planes(graph, value, by_output, leaves) for value in values)
        if op.name not in ("MUL", "ADD") or len(values) != 1 or len(op.inputs) != 2:
            return False
        if op.name == "MUL":
            (constant,) = (i for i in op.inputs if i != values[0])
            scale = np.multiply(scale, graph.model.tensors[constant].data)
        index = values[0]
    return False


def _one_of_planes(planes: list[_Piece], scales: list[object], output: int) -> _Piece | None:
    """The layer of w·a planes with scales 2^(i + j), i < w and j < a; None when they are no planes of one layer.

    w bits of the weights and a bits of the activations: a sum over both of products of bits, each worth a power of two.
    """
    first = planes[0]
    same_shape = {(piece.shape(), piece.layer.out_channels) for piece in planes}
    bit_maps = frozenset().union(*(piece.packed for piece in planes))
    activation_bits = len(bit_maps)
    if len(planes) < 2 or len(same_shape) > 1 or len(planes) % activation_bits:
        return None
    weight_bits = len(planes) // activation_bits
    sizes = np.stack(np.broadcast_arrays(*(np.abs(np.asarray(scale, np.float64)) for scale in scales)))
    smallest = sizes.min(axis=0)
    if not np.all(smallest > 0):
        return None
    powers = np.sort(np.log2(sizes / smallest), axis=0)
    expected = np.array(sorted(i + j for i, j in product(range(weight_bits), range(activation_bits))), np.float64)
    if not np.allclose(powers, expected.reshape(-1, *([1] * (powers.ndim - 1))), atol=PLANE_TOLERANCE):
        return None
    return replace(
        first,
        layer=replace(first.layer, weight_bits=weight_bits, activation_bits=activation_bits),
        operators=tuple(row for piece in planes for row in piece.operators),
        ops=tuple(op for piece in planes for op in piece.ops),
        packed=bit_maps,
        output=output,
    )


def _joined_halves(graph: _Graph, pieces: list[_Piece]) -> list[_Piece]:
    """Convolutions of one map whose outputs stand side by side become one layer, float filters first."""
    by_output = {piece.output: piece for piece in pieces}
    joined: dict[int, _Piece] = {}
    for op in graph.model.ops:
        if op.name != "CONCATENATION":
            continue
        halves = [by_output.get(graph.behind(index, ("ADD", "MUL", "RELU"))) for index in op.inputs]
        found = [half for half in halves if half is not None]
        shape = graph.model.tensors[op.outputs[0]].shape
        side_by_side = bool(shape) and shape[-1] == sum(half.layer.out_channels for half in found)
        if len(found) == len(halves) > 1 and len({half.shape() for half in found}) == 1 and side_by_side:
            whole = _one_of_halves(found, op.outputs[0])
            if whole is not None:
                joined.update(dict.fromkeys(map(id, found), whole))
    kept = [joined.get(id(piece), piece) for piece in pieces]
    return list({id(piece): piece for piece in kept}.values())


def _one_of_halves(halves: list[_Piece], output: int) -> _Piece | None:
    wide = [half for half in halves if half.layer.is_float]
    narrow = [half for half in halves if not half.layer.is_float]
    if len({(half.layer.weight_bits, half.layer.activation_bits) for half in narrow}) > 1:
        return None
    model = (narrow or wide)[0].layer
    layer = replace(
        model,
        name=halves[0].layer.name,
        out_channels=sum(half.layer.out_channels for half in halves),
        float_filters=sum(half.layer.out_channels for half in wide),
        reads_real=any(half.layer.reads_real for half in wide) if wide else model.reads_real,
    )
    ordered = [*wide, *narrow]
    return replace(
        halves[0],
        layer=layer,
        operators=tuple(row for half in ordered for row in half.operators),
        ops=tuple(op for half in ordered for op in half.ops),
        output=output,
    )


def _peak(graph: _Graph) -> tuple[int, int]:
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
        return int(np.prod(tensor.shape, dtype=np.int64)) * _bits(tensor.type_name, tensor.name)

    def unpacked(index: int) -> int:
        shape = model.tensors[index].shape
        channels = _channels(graph, index) if model.tensors[index].type_name == "int32" and len(shape) == 4 else None
        return int(np.prod(shape if channels is None else (*shape[:-1], channels), dtype=np.int64)) * FLOAT_BITS

    return peak(unpacked), peak(stored)


def _channels(graph: _Graph, index: int) -> int:
    """Channels of a map of bits: its readers know; without one, as many as its words can hold."""
    for op in graph.readers.get(index, ()):
        if op.name == "LceBconv2d":
            return op.options.get("channels_in", 0)
        if op.name == "LceDequantize":
            return graph.model.tensors[op.outputs[0]].shape[-1]
        if op.name == "LceBMaxPool2d":
            return _channels(graph, op.outputs[0])
    return graph.model.tensors[index].shape[-1] * CHANNELS_PER_WORD
