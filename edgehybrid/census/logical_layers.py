"""The one form in which layers are counted and compared, wherever they come from: Network, Keras, flatbuffer."""

from dataclasses import dataclass, replace
from typing import Literal

from edgehybrid.networks import FLOAT_BITS, Layer, Network

Kind = Literal["conv", "shortcut", "dense", "depthwise", "transposed", "conv3d", "recurrent", "matmul"]


@dataclass(frozen=True)
class Residual:
    """What the rules for shortcuts need to know of the network around one.

    Attributes:
        family: the architecture; the paper counts ResNet's shortcuts otherwise than those added to VGG.
        bypassed_bits: bits of the weights of the two convolutions that the shortcut leads around.
        source_elements: elements of the map it starts from, before any pooling in between.
        source_bits: bits at which the first of the two reads that map.
        identity_connections: additions on maps of that size that add an earlier map as it is.
    """

    family: str
    bypassed_bits: tuple[int, int]
    source_elements: int
    source_bits: int
    identity_connections: int


@dataclass(frozen=True)
class LogicalLayer:
    """A layer with weights as the mathematics has it: not how a framework or a file stores it.

    Bit planes, the halves of a split layer and the 1×1 convolution that stands for a dense layer are one layer.
    Padding, scales and BatchNorm are not in it.

    Attributes:
        in_side, out_side: (height, width) of the maps read and written, pixels.
        group_channels: input channels that one filter reads; in_channels without groups.
        weight_bits, activation_bits: of the quantised filters; 32 (or 16 for stored halves) without any.
        float_filters: how many of the filters are in full precision.
        reads_real: whether float filters beside quantised ones read the real map, not its quantised form.
        reason: why the layer has its precision, where that is known.
        residual: set for shortcuts of a Network only.
        positions: at how many places a filter works, if not one for each of its outputs, as a transposed one's.
        weight_sets: as many sets of filters are stored; 0 where a map is multiplied by another map.
        second_inputs: elements of that other map.
        is_stored_elsewhere: whether another layer before has the same weights.
        scaled: whether each quantised filter has an alpha.
        weight_planes: bit planes that a packed file has of the weights; None: as many as bits.
        calls: how often the layer works in one inference: of a loop, or for each image of a batch.
    """

    name: str
    kind: Kind
    in_channels: int
    out_channels: int
    kernel: tuple[int, int]
    in_side: tuple[int, int]
    out_side: tuple[int, int]
    group_channels: int
    weight_bits: int
    activation_bits: int
    float_filters: int
    reads_real: bool = True
    reason: str = ""
    residual: Residual | None = None
    positions: int | None = None
    weight_sets: int = 1
    second_inputs: int = 0
    is_stored_elsewhere: bool = False
    calls: int = 1
    scaled: bool = True
    weight_planes: int | None = None

    @property
    def is_float(self) -> bool:
        """Whether every filter is in full precision."""
        return self.float_filters == self.out_channels

    @property
    def quantised_filters(self) -> int:
        """Number of filters with ``weight_bits`` bits."""
        return self.out_channels - self.float_filters

    @property
    def filter_weights(self) -> int:
        """Weights of one filter, k²·I."""
        return self.kernel[0] * self.kernel[1] * self.group_channels

    @property
    def filter_outputs(self) -> int:
        """Outputs of one filter, M²."""
        return self.out_side[0] * self.out_side[1]

    @property
    def filter_places(self) -> int:
        """Places at which one filter works, M² but for transposed ones."""
        return self.filter_outputs if self.positions is None else self.positions

    @property
    def inputs(self) -> int:
        """Elements of the maps read, N²·I."""
        return self.in_side[0] * self.in_side[1] * self.in_channels + self.second_inputs

    @property
    def outputs(self) -> int:
        """Elements of the map written, M²·O."""
        return self.filter_outputs * self.out_channels

    @property
    def weights(self) -> int:
        """k²·I·O, of all sets."""
        return self.filter_weights * self.out_channels * self.weight_sets

    @property
    def macs(self) -> int:
        """Multiply-accumulates of any width for one inference, M²·k²·I·O."""
        return self.calls * self.filter_places * self.filter_weights * self.out_channels

    @property
    def binary_macs(self) -> int:
        """The MACs of 1-bit weights with 1-bit activations."""
        if self.weight_bits != 1 or self.activation_bits != 1:
            return 0
        return self.calls * self.filter_places * self.filter_weights * self.quantised_filters


def normal_form(layer: LogicalLayer) -> LogicalLayer:
    """The layer as any source can see it.

    A shortcut is a convolution; a 1×1 convolution of a map of side 1 is a dense layer.
    """
    kind: Kind = "conv" if layer.kind == "shortcut" else layer.kind
    if kind == "conv" and layer.kernel == layer.in_side == layer.out_side == (1, 1):
        kind = "dense"
    return replace(layer, kind=kind)


def layers_of_network(network: Network) -> tuple[LogicalLayer, ...]:
    """The layers of a network in forward order, those of a shortcut with what stands around it."""
    identities = _identity_connections(network)
    return tuple(
        _logical(layer, network, _residual(network, index, identities)) for index, layer in enumerate(network.layers)
    )


def _logical(layer: Layer, network: Network, residual: Residual | None) -> LogicalLayer:
    # Two's complement is its digits and a plane of -1.
    is_complement = network.quantiser == "fixed_point" and 1 < layer.weight_bits < FLOAT_BITS
    return LogicalLayer(
        name=layer.name,
        kind=layer.kind,
        in_channels=layer.in_channels,
        out_channels=layer.out_channels,
        kernel=(layer.kernel_side, layer.kernel_side),
        in_side=(layer.in_side, layer.in_side),
        out_side=(layer.out_side, layer.out_side),
        group_channels=layer.in_channels,
        weight_bits=layer.weight_bits,
        activation_bits=layer.activation_bits,
        float_filters=layer.float_filters,
        reads_real=layer.float_filter_input == "real",
        reason=layer.reason,
        residual=residual,
        scaled=network.scaled_weights,
        weight_planes=layer.weight_bits + 1 if is_complement else None,
    )


def _residual(network: Network, index: int, identities: dict[tuple[int, int], int]) -> Residual | None:
    layer = network.layers[index]
    if layer.kind != "shortcut":
        return None
    # A shortcut stands between the two convolutions that it leads around.
    first, second = network.layers[index - 1], network.layers[index + 1]
    bits = (FLOAT_BITS if first.is_float else first.weight_bits, FLOAT_BITS if second.is_float else second.weight_bits)
    source = (layer.source_side, layer.in_channels)
    elements = source[0] ** 2 * source[1]
    return Residual(network.architecture, bits, elements, first.activation_bits, identities.get(source, 0))


def _identity_connections(network: Network) -> dict[tuple[int, int], int]:
    """How many additions on maps of (side, channels) add an earlier map as it is, without a 1×1 convolution."""
    layers = {layer.name: layer for layer in network.layers}
    # The layer behind each value; the first input of an addition is the branch with the convolutions.
    behind: dict[str, Layer] = {}
    found: dict[tuple[int, int], int] = {}
    for node in network.graph:
        if node.op == "layer":
            behind[node.name] = layers[node.name]
            continue
        if node.op == "thermometer":
            continue
        if node.op == "add":
            branch, skip = (behind[name] for name in node.inputs)
            size = (branch.out_side, branch.out_channels)
            found[size] = found.get(size, 0) + (skip.kind != "shortcut")
        behind[node.name] = behind[node.inputs[0]]
    return found
