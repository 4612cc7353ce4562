"""Joins the pieces that a converter made of one layer: bit planes, and the halves of a split layer."""

from collections.abc import Mapping
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgehybrid.cost.model_graph import Graph, Piece

# Scales of bit planes are powers of two apart, but for the rounding of float32 products.
PLANE_TOLERANCE = 1e-4

# A binary convolution, and the factor of each of its filters.
Leaf = tuple[Piece, NDArray[Any]]


def joined_planes(graph: Graph, pieces: list[Piece]) -> list[Piece]:
    """Binary convolutions of bit planes, and the additions that weigh them, become one layer of more bits."""
    by_output = {piece.output: piece for piece in pieces}
    joined: dict[int, Piece] = {}
    for op in reversed(graph.model.ops):
        if op.name not in ("ADD", "ADD_N") or len(graph.values(op)) < 2:
            continue
        leaves: list[Leaf] = []
        if not all(_collect_planes(graph, index, by_output, leaves) for index in graph.values(op)):
            continue
        planes = [piece for piece, _ in leaves]
        if len({id(piece) for piece in planes}) < len(planes) or any(id(piece) in joined for piece in planes):
            continue
        if whole := _one_of_planes(planes, [scale for _, scale in leaves], op.outputs[0]):
            joined.update(dict.fromkeys(map(id, planes), whole))
    found = [joined.get(id(piece), piece) for piece in pieces]
    return list({id(piece): piece for piece in found}.values())


def _collect_planes(graph: Graph, index: int, by_output: Mapping[int, Piece], leaves: list[Leaf]) -> bool:
    """Follows a term of a sum to the binary convolutions it is made of; False when it is made of anything else."""
    scale: NDArray[Any] = np.ones(1)
    is_scaled = False
    for _ in graph.model.ops:
        if len(graph.readers.get(index, ())) != 1:
            return False
        piece, op = by_output.get(index), graph.writer.get(index)
        if piece is not None:
            if not piece.packed:
                return False
            # LceBconv2d holds its own scales; without them it writes bits, which nobody adds.
            stored = graph.model.tensors[piece.ops[0].inputs[2]].data if len(piece.ops[0].inputs) > 2 else None
            leaves.append((piece, scale if stored is None else scale * stored))
            return True
        if op is None:
            return False
        values = graph.values(op)
        if op.name in ("ADD", "ADD_N") and len(values) > 1 and not is_scaled:
            return all(_collect_planes(graph, value, by_output, leaves) for value in values)
        if op.name not in ("MUL", "ADD") or len(values) != 1 or len(op.inputs) != 2:
            return False
        if op.name == "MUL":
            (constant,) = (i for i in op.inputs if i != values[0])
            factor = graph.model.tensors[constant].data
            scale, is_scaled = scale if factor is None else scale * factor, True
        index = values[0]
    return False


def _one_of_planes(planes: list[Piece], scales: list[NDArray[Any]], output: int) -> Piece | None:
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
    sizes = np.stack(np.broadcast_arrays(*(np.abs(scale.astype(np.float64)) for scale in scales)))
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


def joined_halves(graph: Graph, pieces: list[Piece]) -> list[Piece]:
    """Convolutions of one map whose outputs stand side by side become one layer, float filters first."""
    by_output = {piece.output: piece for piece in pieces}
    joined: dict[int, Piece] = {}
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


def _one_of_halves(halves: list[Piece], output: int) -> Piece | None:
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
