"""How much work a network, a flatbuffer or a part of one is: what a calibration weighs, counted and not measured.

A network's layers and a flatbuffer's are one form (edgehybrid/census/), so a recipe has the work of the flatbuffer that
it would become, and needs no conversion.
"""

from collections.abc import Collection, Iterable
from typing import NamedTuple, Self

from edgehybrid.census.agreement import stored_layers
from edgehybrid.census.flatbuffer_graph import PACKED_BITS, FlatbufferGraph, pieces_of
from edgehybrid.census.flatbuffer_layers import count_flatbuffer
from edgehybrid.census.formats import FORMATS, INT8_BITS, AskedFormat, Format
from edgehybrid.census.logical_layers import LogicalLayer
from edgehybrid.census.operators import CensusRow
from edgehybrid.errors import EdgehybridError
from edgehybrid.flatbuffer import Flatbuffer
from edgehybrid.networks import FLOAT_BITS, Network

# Networks of one kind run in one runtime, in kernels of one precision but for a few layers.
Kind = AskedFormat
KINDS = FORMATS
NS_PER_MS = 1e6
# Weights of up to so many bits are bit planes in a packed file.
MAX_PLANE_BITS = 4
_BITS_PER_BYTE = 8
# The stored forms of a number in full precision.
_FLOAT_WIDTHS = (16, FLOAT_BITS)


class Work(NamedTuple):
    """Work of one inference.

    Attributes:
        binary_macs: multiply-accumulates of 1-bit weights with 1-bit maps, of every bit plane.
        float_macs: those of full precision.
        int8_macs: those of 8-bit weights with 8-bit maps.
        bytes: of the weights as stored, and of the maps that the multiplying operators read and write; a packed one
            reads bits and writes float32.
        operators: that multiply by weights. What stands around them, such as additions and pools, goes with them.
    """

    binary_macs: int = 0
    float_macs: int = 0
    int8_macs: int = 0
    bytes: int = 0
    operators: int = 0

    @property
    def kind(self) -> Kind:
        """By the narrowest numbers that it multiplies."""
        if self.binary_macs:
            return "packed"
        return "int8" if self.int8_macs else "float32"

    def and_also(self, other: Self) -> "Work":
        """Both one after the other."""
        return Work(*(own + more for own, more in zip(self, other, strict=True)))

    def time_ms(self, coefficients_ns: Iterable[float]) -> float:
        """What it takes at so many ns a unit of each class."""
        return sum(amount * ns for amount, ns in zip(self, coefficients_ns, strict=True)) / NS_PER_MS


CLASSES = Work._fields


def work_of_network(network: Network, file_format: Format) -> Work:
    """The work of a network in a flatbuffer of that format.

    Raises:
        EdgehybridError: a layer of more bits than can be packed.
    """
    return _sum(_work_of_layer(layer, None) for layer in stored_layers(network, file_format))


def work_of_flatbuffer(flatbuffer: Flatbuffer) -> Work:
    """The work of one call of a flatbuffer with the shapes that it states.

    Raises:
        FlatbufferError: see ``count_flatbuffer``.
        EdgehybridError: a layer whose numbers are of no class that is known.
    """
    return _sum(
        _work_of_layer(stored.layer, _planes_in(stored.operators)) for stored in count_flatbuffer(flatbuffer).layers
    )


def work_of_nodes(flatbuffer: Flatbuffer, nodes: Collection[int]) -> Work:
    """The work of some operators of a flatbuffer's first subgraph, by their numbers (``benchmark --profile``).

    Raises:
        FlatbufferError, EdgehybridError: see ``work_of_flatbuffer``.
    """
    chosen = {id(flatbuffer.ops[node]) for node in nodes}
    pieces = pieces_of(FlatbufferGraph(flatbuffer))
    return _sum(
        _work_of_layer(piece.layer, _planes_in(piece.operators))
        for piece in pieces
        if any(id(op) in chosen for op in piece.ops)
    )


def _planes_in(operators: Iterable[CensusRow]) -> int:
    """Binary maps that packed operators read: one each, and the three comparisons of a map of 2-bit levels."""
    return sum(2 ** PACKED_BITS[row.op] - 1 for row in operators if row.precision == "packed")


def _sum(parts: Iterable[Work]) -> Work:
    total = Work()
    for part in parts:
        total = total.and_also(part)
    return total


def _work_of_layer(layer: LogicalLayer, planes: int | None) -> Work:
    """The operators that a layer becomes: one for its float filters, one for each plane of the others.

    Args:
        planes: binary maps that a layer of a file reads; None for a network's, which become as many as ``convert``
            makes.
    """
    total = Work()
    if layer.float_filters:
        total = total.and_also(_operator(layer, "float_macs", layer.float_filters, FLOAT_BITS, FLOAT_BITS, FLOAT_BITS))
    if layer.quantised_filters == 0:
        return total
    filters, bits = layer.quantised_filters, (layer.weight_bits, layer.activation_bits)
    if planes is None and max(bits) <= MAX_PLANE_BITS:
        # The digits of the weights with 2^a - 1 comparisons of the map with its quantiser's thresholds.
        planes = (layer.weight_planes or bits[0]) * (2 ** bits[1] - 1)
    if planes:
        plane = _operator(layer, "binary_macs", filters, 1, 1, FLOAT_BITS)
        return _sum((total, *[plane] * planes))
    if bits == (INT8_BITS, INT8_BITS):
        return total.and_also(_operator(layer, "int8_macs", filters, *bits, INT8_BITS))
    if set(bits) <= set(_FLOAT_WIDTHS):
        return total.and_also(_operator(layer, "float_macs", filters, *bits, bits[1]))
    raise EdgehybridError(
        "The layer's numbers are of no kind that a calibration knows.",
        received=f"'{layer.name}': {bits[0]}-bit weights with {bits[1]}-bit maps",
        allowed=f"full precision, 8 bits with 8 bits, or quantised to 1 … {MAX_PLANE_BITS} bits and packed",
    )


def _operator(
    layer: LogicalLayer, macs: str, filters: int, weight_bits: int, read_bits: int, written_bits: int
) -> Work:
    """One operator with some of the layer's filters."""
    bits = (
        filters * layer.filter_weights * layer.weight_sets * weight_bits
        + layer.inputs * read_bits
        + filters * layer.filter_outputs * written_bits
    )
    made = {macs: layer.macs // layer.out_channels * filters}
    return Work(**made, bytes=layer.calls * -(-bits // _BITS_PER_BYTE), operators=layer.calls)
