"""Energy of one inference: how many memory accesses and MACs of which width a layer makes, and their price.

The formulas are those of Chakraborty et al. 2019 (arXiv:1902.00460), section 3.1.1 and Table 1; rules.py holds every
decision that they leave open, tables/ what an access and a MAC cost. In the paper's symbols a layer has k²·I·O
weights, reads N²·I inputs, writes M²·O outputs and makes M²·k²·I·O MACs; a dense layer has k = N = M = 1.
"""

from collections.abc import Callable, Iterator
from typing import Literal, NamedTuple, get_args

from edgehybrid.census.logical_layers import LogicalLayer
from edgehybrid.cost.rules import Rules
from edgehybrid.cost.tables import EnergyTable
from edgehybrid.networks import FLOAT_BITS

Part = Literal["input", "weight", "output", "alpha", "mac", "alpha_mac"]
PARTS: tuple[Part, ...] = get_args(Part)
PJ_PER_UJ = 1e6
# A filter of at most so many bits has integer weights and one scale, alpha.
MAX_SCALED_BITS = 8

Price = Callable[[Part, int], float]


class Operations(NamedTuple):
    """Operations on numbers of ``bits`` bits: MACs in the parts mac and alpha_mac, else accesses.

    ``number`` is negative for accesses that others replace, and a fraction where a rule spreads one filter.
    """

    part: Part
    number: float
    bits: int


class LayerEnergy(NamedTuple):
    """Energy for one image, in pJ: four kinds of memory access, two kinds of MAC.

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


def energy_of_layer(layer: LogicalLayer, rules: Rules, price: Price) -> tuple[LayerEnergy, LayerEnergy]:
    """Prices a layer's operations: (those of 32-bit numbers, those of fewer bits)."""
    wide = dict.fromkeys(LayerEnergy._fields, 0.0)
    narrow = dict.fromkeys(LayerEnergy._fields, 0.0)
    for part, number, bits in operations_of_layer(layer, rules):
        if number:
            spent = wide if bits == FLOAT_BITS else narrow
            spent[f"{part}_pj"] += layer.calls * number * price(part, bits)
    return LayerEnergy(**wide), LayerEnergy(**narrow)


def prices(table: EnergyTable, rules: Rules) -> Price:
    """What one operation of a part and width costs, pJ. Each is looked up once.

    Raises (the function returned):
        UsageError: the table lacks the constant.
    """
    known: dict[tuple[Part, int], float] = {}

    def price(part: Part, bits: int) -> float:
        found = known.get((part, bits))
        if found is None:
            if part not in ("mac", "alpha_mac"):
                found = table.pj("memory_access", bits)
            elif bits >= FLOAT_BITS:
                found = table.pj("float_mac", bits)
            elif rules.binary_mac == "stated":
                found = bits * table.pj("binary_mac", 1)
            else:
                found = table.pj("integer_mac", bits)
            known[part, bits] = found
        return found

    return price


def operations_of_layer(layer: LogicalLayer, rules: Rules) -> Iterator[Operations]:
    """All operations of one call of a layer."""
    access_bits = _shortcut_access_bits(layer, rules)
    yield from _maps(layer, rules, access_bits)
    yield from _weights(layer, rules, access_bits)
    yield from _macs(layer, rules)
    yield from _scales(layer, rules, access_bits)


def _shortcut_access_bits(layer: LogicalLayer, rules: Rules) -> int | None:
    """Bits of the accesses of a full-precision shortcut that is counted as a quantised one; None for all others.

    Hybrid-Res A: against XNOR, only the MACs of the shortcuts change.
    """
    around = layer.residual
    if rules.float_shortcut == "own" or not layer.is_float or around is None or around.family == "vgg19":
        return None
    return None if FLOAT_BITS in around.bypassed_bits else around.bypassed_bits[0]


def _maps(layer: LogicalLayer, rules: Rules, access_bits: int | None) -> Iterator[Operations]:
    """Reads of inputs and writes of outputs, each once.

    Inputs have the bits of the quantised filters; outputs those of the filter that makes them.
    """
    if layer.kind == "dense" and rules.dense_maps == "free":
        return
    inputs = _inputs_read(layer, rules)
    if layer.kind == "shortcut":
        if rules.shortcut_maps == "shared":
            yield from _raised_source(layer, rules)
            return
        if layer.residual is not None and (rules.shortcut_maps == "source" or _has_own_pool(layer)):
            inputs = layer.residual.source_elements
    yield Operations("input", inputs, access_bits or layer.activation_bits)
    if layer.float_filters and not layer.is_float and layer.reads_real and rules.split_input == "each_precision":
        yield Operations("input", inputs, FLOAT_BITS)
    yield Operations("output", layer.filter_outputs * layer.float_filters, access_bits or FLOAT_BITS)
    yield Operations("output", layer.filter_outputs * layer.quantised_filters, layer.activation_bits)


def _has_own_pool(layer: LogicalLayer) -> bool:
    """Whether a shortcut reads the mean of pixels that nobody else takes: then it is the one that reads all of them.

    The pool before a shortcut of VGG is that of the network.
    """
    around, own = layer.residual, layer.in_side[0] * layer.in_side[1] * layer.in_channels
    return around is not None and around.family != "vgg19" and around.source_elements > own


def _inputs_read(layer: LogicalLayer, rules: Rules) -> int:
    (height, width), (out_height, out_width) = layer.in_side, layer.out_side
    if rules.strided_input == "output":
        height, width = min(height, out_height), min(width, out_width)
    if rules.input_map == "padded":
        height, width = height + layer.kernel[0] - 1, width + layer.kernel[1] - 1
    return height * width * layer.in_channels + layer.second_inputs


def _raised_source(layer: LogicalLayer, rules: Rules) -> Iterator[Operations]:
    """Exception E1: the residual path shares the accesses of the main path, and makes them as wide as itself."""
    around = layer.residual
    if rules.residual_source == "raised" and layer.is_float and around is not None and around.family == "vgg19":
        elements = around.source_elements * (1 + around.identity_connections)
        if around.source_bits != FLOAT_BITS:
            yield Operations("input", elements, FLOAT_BITS)
            yield Operations("input", -elements, around.source_bits)


def _weights(layer: LogicalLayer, rules: Rules, access_bits: int | None) -> Iterator[Operations]:
    if layer.kind == "shortcut" and rules.shortcut_weights == "free":
        return
    reads: float = layer.filter_weights * layer.weight_sets
    if rules.weight_reads == "one_filter":
        reads /= layer.out_channels
    yield Operations("weight", reads * layer.float_filters, access_bits or FLOAT_BITS)
    yield Operations("weight", reads * layer.quantised_filters, layer.weight_bits)


def _macs(layer: LogicalLayer, rules: Rules) -> Iterator[Operations]:
    """A MAC is as wide as the wider of its operands; in the paper both are equal."""
    if layer.kind == "shortcut" and rules.shortcut_macs == "free":
        return
    macs_a_filter = layer.filter_places * layer.filter_weights
    yield Operations("mac", macs_a_filter * layer.float_filters, FLOAT_BITS)
    yield Operations("mac", macs_a_filter * layer.quantised_filters, max(layer.weight_bits, layer.activation_bits))


def _scales(layer: LogicalLayer, rules: Rules, access_bits: int | None) -> Iterator[Operations]:
    """A quantised filter reads alpha, in full precision, and makes M² MACs with it."""
    if layer.kind == "dense" and "energy" not in rules.dense_alpha:
        return
    if layer.kind == "shortcut" and rules.shortcut_alpha == "free":
        return
    scaled = layer.quantised_filters if layer.scaled and layer.weight_bits <= MAX_SCALED_BITS else 0
    if rules.alpha_reads == "counted":
        yield Operations("alpha", scaled if access_bits is None else layer.scaled * layer.out_channels, FLOAT_BITS)
    if rules.alpha_macs == "counted":
        yield Operations("alpha_mac", layer.filter_outputs * scaled, FLOAT_BITS)
