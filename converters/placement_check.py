"""Compares the census of a flatbuffer with the network it was made from, layer by layer."""

from collections.abc import Iterator
from typing import NamedTuple

from converters.targets import Format
from edgehybrid.errors import ConversionError
from edgehybrid.flatbuffer import CensusRow
from edgehybrid.networks import Layer, Network


class Part(NamedTuple):
    """What the flatbuffer must hold of a layer: a split layer has two parts, the others one."""

    layer: str
    precision: str
    kernel_side: int
    in_channels: int
    out_channels: int
    macs: int


def check_placement(network: Network, census: list[CensusRow], file_format: Format) -> dict[str, CensusRow]:
    """Pairs each layer with the operator that computes it, by shape and in forward order.

    Returns:
        the operator of each layer, under the layer's name (with ``_float`` or ``_quantised`` for the parts of a split
        layer).

    Raises:
        ConversionError: a layer that has no operator, has another precision than promised, or an operator too many.
    """
    left = list(census)
    found: dict[str, CensusRow] = {}
    for part in expected_parts(network, file_format):
        row = next((row for row in left if _fits(part, row)), None)
        if row is None:
            raise ConversionError(
                f"Layer '{part.layer}' has no operator in the flatbuffer.",
                received=", ".join(_shape(r.kernel_height, r.in_channels, r.out_channels, r.macs) for r in left),
                allowed=_shape(part.kernel_side, part.in_channels, part.out_channels, part.macs),
            )
        if row.precision != part.precision:
            raise ConversionError(
                f"Layer '{part.layer}' was to be {part.precision} but is {row.precision} in the flatbuffer.",
                received=f"{row.op} '{row.name}'",
                next_step="Look at what stands between its quantizer and the convolution: only a sign directly "
                "before a convolution with constant filters can be packed.",
            )
        left.remove(row)
        found[part.layer] = row
    if left:
        raise ConversionError(
            "The flatbuffer has operators with weights that no layer asked for.",
            received=", ".join(f"{row.op} '{row.name}'" for row in left),
        )
    return found


def expected_parts(network: Network, file_format: Format) -> Iterator[Part]:
    """The parts of all layers in forward order.

    Raises:
        ConversionError: format packed, and a quantised layer of more than one bit.
    """
    for layer in network:
        quantised = "float32" if file_format == "float32" else "packed"
        if quantised == "packed" and not layer.is_float and not layer.binary_macs:
            raise ConversionError(
                f"Layer '{layer.name}' has {layer.weight_bits}-bit weights and {layer.activation_bits}-bit "
                "activations, which have no packed form.",
                allowed="1-bit weights with 1-bit activations",
                next_step="Convert with --format float32.",
            )
        if layer.is_split:
            yield _part(layer, f"{layer.name}_float", "float32", layer.float_filters)
            yield _part(layer, f"{layer.name}_quantised", quantised, layer.quantised_filters)
        else:
            yield _part(layer, layer.name, "float32" if layer.is_float else quantised, layer.out_channels)


def _part(layer: Layer, name: str, precision: str, filters: int) -> Part:
    macs = layer.macs // layer.out_channels * filters
    return Part(name, precision, layer.kernel_side, layer.in_channels, filters, macs)


def _shape(kernel_side: int, in_channels: int, out_channels: int, macs: int) -> str:
    return f"{kernel_side}×{kernel_side} {in_channels}→{out_channels}, {macs} MACs"


def _fits(part: Part, row: CensusRow) -> bool:
    return (part.kernel_side, part.kernel_side, part.in_channels, part.out_channels, part.macs) == (
        row.kernel_height, row.kernel_width, row.in_channels, row.out_channels, row.macs,
    )  # fmt: skip
