"""Energy of one inference: how many memory accesses and MACs of which width a layer makes, and their price.

The rules are those of Chakraborty et al. 2019 (arXiv:1902.00460), section 3.1.1 and Table 1. Where the text
is open or contradicts itself, the rule is the one that its printed results (Tables 4 to 7) were computed
with; the docstring of each rule says which table fixes it. Never counted: biases, BatchNorm, learned
thresholds, RPReLU, pooling, additions, padding.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

from edgehybrid.cost.tables import EnergyTable
from edgehybrid.networks import FLOAT_BITS, Layer, Network

Part = Literal["input", "weight", "output", "alpha", "mac", "alpha_mac"]


class Operations(NamedTuple):
    """Operations on numbers of ``bits`` bits: MACs in the parts mac and alpha_mac, else accesses."""

    part: Part
    number: int
    bits: int


@dataclass(frozen=True)
class LayerEnergy:
    """Energy of a layer for one image, in pJ: four kinds of memory access, two kinds of MAC.

    ``alpha_pj`` is for reading the scale of each quantised filter, ``alpha_mac_pj`` for multiplying by it.
    """

    input_pj: float
    weight_pj: float
    output_pj: float
    alpha_pj: float
    mac_pj: float
    alpha_mac_pj: float

    @property
    def memory_pj(self) -> float:
        """Energy of the memory accesses."""
        return self.input_pj + self.weight_pj + self.output_pj + self.alpha_pj

    @property
    def compute_pj(self) -> float:
        """Energy of the MACs."""
        return self.mac_pj + self.alpha_mac_pj

    @property
    def total_pj(self) -> float:
        """Memory accesses and MACs."""
        return self.memory_pj + self.compute_pj


def energy_of_layer(layer: Layer, network: Network, table: EnergyTable) -> LayerEnergy:
    """Prices the operations of a layer of ``network`` with ``table``."""
    spent: dict[Part, float] = dict.fromkeys(("input", "weight", "output", "alpha", "mac", "alpha_mac"), 0.0)
    for part, number, bits in operations_of_layer(layer, network):
        constant = table.mac if part in ("mac", "alpha_mac") else table.memory_access
        spent[part] += number * constant.scaled_pj(bits)
    return LayerEnergy(**{f"{part}_pj": energy for part, energy in spent.items()})


def operations_of_layer(layer: Layer, network: Network) -> Iterator[Operations]:
    """All operations of a layer of ``network`` for one image. The network matters for shortcuts only."""
    if layer.kind != "shortcut":
        yield from _maps(layer)
        yield from _filters(layer)
    elif network.architecture == "resnet20":
        yield from _resnet_shortcut(layer, network)
    else:
        yield from _vgg_shortcut(layer, network)


def _maps(layer: Layer) -> Iterator[Operations]:
    """Reads of N²·I inputs and writes of M²·O outputs, each once.

    Inputs have the bits of the quantised filters, also in a split layer; outputs the bits of the filter that
    makes them. A strided layer reads all of its input; a dense layer has N = M = 1.
    Source: Table 1; Table 4 fixes the strided and the dense layers, Hybrid-Res C of Table 5 the split ones.
    """
    outputs_a_filter = layer.out_side**2
    yield Operations("input", layer.inputs, layer.activation_bits)
    yield Operations("output", outputs_a_filter * layer.float_filters, FLOAT_BITS)
    yield Operations("output", outputs_a_filter * layer.quantised_filters, layer.activation_bits)


def _filters(layer: Layer) -> Iterator[Operations]:
    """Reads of k²·I·O weights and M²·k²·I·O MACs; a quantised filter reads alpha and makes M² MACs with it.

    Alpha is in full precision and counts for dense layers too. A MAC is as wide as the wider of its operands;
    in the paper both are equal.
    Source: Table 1 and section 3.1.1; VGG-2bit of Table 6 fixes more than one bit.
    """
    weights_a_filter = layer.weights // layer.out_channels
    macs_a_filter = layer.macs // layer.out_channels
    yield Operations("weight", weights_a_filter * layer.float_filters, FLOAT_BITS)
    yield Operations("weight", weights_a_filter * layer.quantised_filters, layer.weight_bits)
    yield Operations("mac", macs_a_filter * layer.float_filters, FLOAT_BITS)
    yield Operations("mac", macs_a_filter * layer.quantised_filters, max(layer.weight_bits, layer.activation_bits))
    yield Operations("alpha", layer.quantised_filters, FLOAT_BITS)
    yield Operations("alpha_mac", layer.out_side**2 * layer.quantised_filters, FLOAT_BITS)


def _resnet_shortcut(layer: Layer, network: Network) -> Iterator[Operations]:
    """The 1×1 shortcut of a ResNet shares its block's input read and output write: only its filters count.

    In full precision around quantised convolutions it is counted with the accesses of a quantised one,
    alpha's included, so that against XNOR only the MACs change. Source: Table 4; Hybrid-Res A of Table 5.
    """
    first, second = _bypassed_convolutions(layer, network)
    if layer.is_float and not first.is_float and not second.is_float:
        yield Operations("weight", layer.weights, first.weight_bits)
        yield Operations("alpha", layer.out_channels, FLOAT_BITS)
        yield Operations("mac", layer.macs, FLOAT_BITS)
    else:
        yield from _filters(layer)


def _vgg_shortcut(layer: Layer, network: Network) -> Iterator[Operations]:
    """The 1×1 shortcut of a residual VGG: its filters; the map it starts from is accessed in full precision.

    The residual path shares the accesses of the main path. In full precision it needs the map before the pool
    at 32 bits, of which the main path alone needs a few: the difference counts once for the shortcut, and
    once more for each identity connection on a map of that size (one, at the third shortcut). This is a fit
    to one number, not a statement of the paper: no plain count of inputs and outputs gives its energies.
    Source: Hybrid-VGG A of Table 6; Hybrid-VGG A and A' of Table 7 agree.
    """
    yield from _filters(layer)
    if layer.is_float:
        first, _ = _bypassed_convolutions(layer, network)
        elements = layer.source_side**2 * layer.in_channels
        accesses = 1 + _identity_connections(network, layer.source_side, layer.in_channels)
        yield Operations("input", elements * accesses, FLOAT_BITS - first.activation_bits)


def _bypassed_convolutions(shortcut: Layer, network: Network) -> tuple[Layer, Layer]:
    """The two convolutions that a shortcut leads around: it stands between them in the forward order."""
    index = network.layers.index(shortcut)
    return network.layers[index - 1], network.layers[index + 1]


def _identity_connections(network: Network, side: int, channels: int) -> int:
    """How many additions on maps of that size add an earlier map as it is, without a 1×1 convolution."""
    nodes = {node.name: node for node in network.graph}

    def layer_before(name: str) -> Layer:
        # The first input of an addition is the branch with the convolutions.
        node = nodes[name]
        while node.op != "layer":
            node = nodes[node.inputs[0]]
        return network.layer(node.name)

    found = 0
    for node in network.graph:
        if node.op == "add":
            branch, skip = (layer_before(name) for name in node.inputs)
            found += skip.kind != "shortcut" and (branch.out_side, branch.out_channels) == (side, channels)
    return found
