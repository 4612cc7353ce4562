"""Three counts of one network must agree, layer by layer: the Network's, the Keras model's, the flatbuffer's.

Compared: kind, precision of weights and activations, logical shapes, number of weights, logical MACs. Scales,
BatchNorm and padding are not.
"""

from collections.abc import Sequence
from dataclasses import replace

from edgehybrid.census.formats import INT8_BITS, Format
from edgehybrid.census.logical_layers import LogicalLayer, layers_of_network, normal_form
from edgehybrid.errors import ConversionError
from edgehybrid.networks import FLOAT_BITS, Network


def stored_layers(network: Network, file_format: Format) -> list[LogicalLayer]:
    """The layers in the precision of a file of that format: in float32 and int8 every filter has that precision; in
    packed_int8 whole layers of full precision are in 8 bits.

    No file packs a layer of which the weights or the map alone are quantised: it is one of full precision there. And
    fixed-point maps of k bits, which are never below 0, have the values of k - 1.
    """
    layers = list(layers_of_network(network))
    if file_format == "float32":
        return [_in(layer, FLOAT_BITS, layer.out_channels) for layer in layers]
    if file_format == "int8":
        return [_in(layer, INT8_BITS, 0) for layer in layers]
    bits = INT8_BITS if file_format == "packed_int8" else FLOAT_BITS
    return [_packed(layer, network, bits) for layer in layers]


def _packed(layer: LogicalLayer, network: Network, float_bits: int) -> LogicalLayer:
    if layer.is_float or layer.activation_bits == FLOAT_BITS:
        float_filters = layer.out_channels if float_bits == FLOAT_BITS else 0
        return replace(layer, weight_bits=float_bits, activation_bits=float_bits, float_filters=float_filters)
    if network.quantiser == "fixed_point" and layer.activation_bits > 1:
        return replace(layer, activation_bits=layer.activation_bits - 1)
    return layer


def expected_layers(network: Network, file_format: Format | None = None) -> list[LogicalLayer]:
    """``stored_layers`` as a file can show them; without a format the network's own, as a Keras model shows them."""
    layers = layers_of_network(network) if file_format is None else stored_layers(network, file_format)
    return [normal_form(layer) for layer in layers]


def _in(layer: LogicalLayer, bits: int, float_filters: int) -> LogicalLayer:
    around = layer.residual and replace(layer.residual, bypassed_bits=(bits, bits), source_bits=bits)
    return replace(layer, weight_bits=bits, activation_bits=bits, float_filters=float_filters, residual=around)


def check_agreement(expected: Sequence[LogicalLayer], found: Sequence[LogicalLayer], where: str) -> list[int]:
    """Pairs each expected layer with one found: that of its name, else the first of its shape in forward order.

    Args:
        where: what ``found`` was counted from, for messages.

    Returns:
        for each expected layer its index in ``found``.

    Raises:
        ConversionError: a layer that is missing, has another kind, shape or precision, or was not expected.
    """
    left = dict(enumerate(found))
    pairs = []
    for layer in expected:
        index = next((i for i, other in left.items() if other.name == layer.name), None)
        if index is None:
            index = next((i for i, other in left.items() if _shape(other) == _shape(layer)), None)
        if index is None:
            raise ConversionError(
                f"Layer '{layer.name}' has no counterpart in {where}.",
                received="; ".join(_describe(other) for other in left.values()) or "no further layer",
                allowed=_describe(layer),
            )
        _check_pair(layer, left.pop(index), where)
        pairs.append(index)
    if left:
        raise ConversionError(
            f"There are layers with weights in {where} that nothing asked for.",
            received="; ".join(f"'{other.name}': {_describe(other)}" for other in left.values()),
        )
    return pairs


def _check_pair(layer: LogicalLayer, other: LogicalLayer, where: str) -> None:
    if _shape(layer) != _shape(other) or (layer.weights, layer.macs) != (other.weights, other.macs):
        raise ConversionError(
            f"Layer '{layer.name}' has another shape in {where}.",
            received=_describe(other),
            allowed=_describe(layer),
        )
    # Weights that use the inner values of a k-bit scale alone are stored in fewer planes.
    narrower = replace(layer, weight_bits=min(layer.weight_bits, other.weight_bits))
    if _precision(narrower if 1 < layer.weight_bits < INT8_BITS else layer) != _precision(other):
        raise ConversionError(
            f"Layer '{layer.name}' was to be {_precision(layer)} but is {_precision(other)} in {where}.",
            received=f"'{other.name}'",
            next_step="Look at what stands between its quantizer and the convolution: only a sign directly before a "
            "convolution with constant filters can be packed. Or convert with --format float32.",
        )


def _shape(layer: LogicalLayer) -> tuple[object, ...]:
    return (
        layer.kind,
        layer.kernel,
        layer.in_channels,
        layer.out_channels,
        layer.group_channels,
        layer.in_side,
        layer.out_side,
    )


def _describe(layer: LogicalLayer) -> str:
    (height, width), (out_height, out_width) = layer.in_side, layer.out_side
    return (
        f"{layer.kind} {layer.kernel[0]}×{layer.kernel[1]} {layer.in_channels}→{layer.out_channels}, "
        f"{height}×{width} → {out_height}×{out_width}, {layer.weights} weights, {layer.macs} MACs"
    )


def _precision(layer: LogicalLayer) -> str:
    if layer.is_float:
        return "float32"
    bits = (layer.weight_bits, layer.activation_bits)
    words = {(1, 1): "packed", (INT8_BITS, INT8_BITS): "int8"}.get(
        bits, f"{bits[0]}-bit weights with {bits[1]}-bit activations"
    )
    if not layer.float_filters:
        return words
    read = "the real map" if layer.reads_real else "the quantised map"
    return f"{words} but for {layer.float_filters} float32 filters, which read {read},"
