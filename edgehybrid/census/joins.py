"""Joins the pieces that a converter made of one layer: bit planes, and the halves of a split layer."""

import itertools
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgehybrid.census.flatbuffer_graph import SCALE, FlatbufferGraph, Piece
from edgehybrid.flatbuffer import ABSENT, Op

# Scales of bit planes are powers of two apart, but for the rounding of float32 products.
PLANE_TOLERANCE = 1e-4
SUMS = ("ADD", "ADD_N")

# Constants that the outputs of the filters are multiplied by.
Factors = tuple[NDArray[Any], ...]
# A binary convolution, and what it is multiplied by on the way to a sum.
Leaf = tuple[Piece, Factors]


def joined_planes(graph: FlatbufferGraph, pieces: list[Piece]) -> list[Piece]:
    """Binary convolutions of bit planes, and the additions that weigh them, become one layer of more bits."""
    by_output = {piece.output: piece for piece in pieces}
    joined: dict[int, Piece] = {}
    for op in reversed(graph.part.ops):
        if op.name not in SUMS or len(graph.values(op)) < 2 or len(op.outputs) != 1:
            continue
        leaves = _planes_of_sum(graph, op, by_output)
        if len(leaves) < 2 or any(id(piece) in joined for piece, _ in leaves):
            continue
        planes = [piece for piece, _ in leaves]
        if whole := _one_of_planes(planes, [factors for _, factors in leaves], op.outputs[0]):
            joined.update(dict.fromkeys(map(id, planes), whole))
    return _replaced(pieces, joined)


def _replaced(pieces: list[Piece], joined: Mapping[int, Piece]) -> list[Piece]:
    """Each joined piece once, where its first part stood."""
    found = [joined.get(id(piece), piece) for piece in pieces]
    return list({id(piece): piece for piece in found}.values())


def _planes_of_sum(graph: FlatbufferGraph, total: Op, by_output: Mapping[int, Piece]) -> list[Leaf]:
    """The binary convolutions that a sum is made of; none when it is made of anything else."""
    leaves: list[Leaf] = []
    # Terms still to follow, with the factors met on the way; a tensor met twice is no plane.
    terms: list[tuple[int, Factors]] = [(index, ()) for index in graph.values(total)]
    met: set[int] = set()
    while terms:
        index, factors = terms.pop()
        piece, op = by_output.get(index), graph.writer.get(index)
        if index in met or len(graph.readers.get(index, ())) != 1 or op is None:
            return []
        met.add(index)
        values = graph.values(op)
        if piece is not None:
            if not piece.packed:
                return []
            stored = op.inputs[SCALE] if len(op.inputs) > SCALE else ABSENT
            leaves.append((piece, (*factors, *_constant(graph, stored))))
        elif op.name in SUMS and len(values) > 1 and not factors:
            terms += [(value, ()) for value in values]
        elif op.name in ("MUL", "ADD") and len(values) == 1 and len(op.inputs) == 2:
            # A constant that is added is a bias: it does not scale.
            (constant,) = (i for i in op.inputs if i != values[0])
            terms.append((values[0], (*factors, *(_constant(graph, constant) if op.name == "MUL" else ()))))
        else:
            return []
    return leaves


def _constant(graph: FlatbufferGraph, index: int) -> Factors:
    data = None if index == ABSENT else graph.part.tensors[index].data
    return () if data is None else (data,)


def _one_of_planes(planes: list[Piece], factors: list[Factors], output: int) -> Piece | None:
    """The layer of w weight planes and some activation planes; None when they are no planes of one layer.

    Every map is met by every filter, and each product is worth a power of two (``_bits_of``).
    """
    first = planes[0]
    same_shape = {(piece.shape(), piece.layer.out_channels) for piece in planes}
    bit_maps = frozenset().union(*(piece.packed for piece in planes))
    if len(same_shape) > 1 or len(planes) % len(bit_maps):
        return None
    scales = [_scale(found, first.layer.out_channels) for found in factors]
    known = [np.abs(scale) for scale in scales if scale is not None]
    if len(known) < len(planes) or not np.all(np.stack(known) > 0):
        return None
    sizes = np.stack(known)
    powers = np.sort(np.log2(sizes / sizes.min(axis=0)), axis=0)
    bits = _bits_of(powers, len(bit_maps))
    if bits is None:
        return None
    weight_bits, activation_bits = bits
    return replace(
        first,
        layer=replace(first.layer, weight_bits=weight_bits, activation_bits=activation_bits),
        operators=tuple(row for piece in planes for row in piece.operators),
        ops=tuple(op for piece in planes for op in piece.ops),
        weights=tuple(index for piece in planes for index in piece.weights),
        packed=bit_maps,
        output=output,
    )


def _bits_of(powers: NDArray[np.float64], maps: int) -> tuple[int, int] | None:
    """Bits of weights and of activations, from what the products are worth, ascending (planes, filters).

    The activation maps are digits, worth 2^i, or the 2^a - 1 comparisons with the thresholds of a quantiser of a bits,
    each worth the same. Weight planes are digits, worth 2^j, or the two halves of a ternary weight, or the digits of a
    weight in two's complement with a plane more, worth 1.
    """
    planes = len(powers) // maps
    of_maps = [(maps, list(range(maps)))]
    if (maps + 1).bit_count() == 1:
        of_maps.append((maps.bit_length(), [0] * maps))
    of_filters = [(planes, list(range(planes)))]
    if planes == 2:
        of_filters.append((2, [0, 0]))
    elif planes > 2:
        of_filters.append((planes - 1, [0, *range(planes - 1)]))
    for (activation_bits, maps_worth), (weight_bits, filters_worth) in itertools.product(of_maps, of_filters):
        expected = np.sort([float(i + j) for i, j in itertools.product(maps_worth, filters_worth)])
        if np.allclose(powers, expected[:, None], atol=PLANE_TOLERANCE):
            return weight_bits, activation_bits
    return None


def _scale(factors: Factors, filters: int) -> NDArray[np.float64] | None:
    """The product of the factors for each filter; None when they are no finite numbers, one or one a filter."""
    product = np.ones(filters)
    for factor in factors:
        if factor.dtype != np.float32 or factor.size not in (1, filters) or not np.all(np.isfinite(factor)):
            return None
        with np.errstate(over="ignore"):
            product = product * factor.ravel().astype(np.float64)
    return product if np.all(np.isfinite(product)) else None


def joined_halves(graph: FlatbufferGraph, pieces: list[Piece]) -> list[Piece]:
    """Convolutions of one map whose outputs stand side by side become one layer, float filters first."""
    by_output = {piece.output: piece for piece in pieces}
    joined: dict[int, Piece] = {}
    for op in graph.part.ops:
        if op.name != "CONCATENATION" or len(op.outputs) != 1:
            continue
        halves = [by_output.get(graph.behind(index, ("ADD", "MUL", "RELU"))) for index in op.inputs]
        found = [half for half in halves if half is not None]
        ids = {id(half) for half in found}
        if len(found) < len(halves) or len(found) < 2 or len(ids) < len(found) or ids & joined.keys():
            continue
        shape = graph.part.tensors[op.outputs[0]].shape
        side_by_side = bool(shape) and shape[-1] == sum(half.layer.out_channels for half in found)
        if len({half.shape() for half in found}) == 1 and side_by_side:
            whole = _one_of_halves(found, op.outputs[0])
            if whole is not None:
                joined.update(dict.fromkeys(ids, whole))
    return _replaced(pieces, joined)


def _one_of_halves(halves: list[Piece], output: int) -> Piece | None:
    wide = [half for half in halves if half.layer.is_float]
    narrow = [half for half in halves if not half.layer.is_float]
    if len({(half.layer.weight_bits, half.layer.activation_bits) for half in narrow}) > 1:
        return None
    half_layer = (narrow or wide)[0].layer
    layer = replace(
        half_layer,
        name=halves[0].layer.name,
        out_channels=sum(half.layer.out_channels for half in halves),
        float_filters=sum(half.layer.out_channels for half in wide),
        reads_real=any(half.layer.reads_real for half in wide) if wide else half_layer.reads_real,
    )
    ordered = [*wide, *narrow]
    return replace(
        halves[0],
        layer=layer,
        operators=tuple(row for half in ordered for row in half.operators),
        ops=tuple(op for half in ordered for op in half.ops),
        weights=tuple(index for half in ordered for index in half.weights),
        output=output,
    )
