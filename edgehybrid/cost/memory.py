"""Memory in bits of a layer's weights."""

from edgehybrid.census.logical_layers import LogicalLayer
from edgehybrid.cost.energy import MAX_SCALED_BITS
from edgehybrid.cost.rules import Rules
from edgehybrid.networks import FLOAT_BITS


def memory_bits_of_layer(layer: LogicalLayer, rules: Rules) -> int:
    """``32·k²·I`` bits for a full-precision filter, ``b·k²·I + 32`` for one quantised to b bits.

    Nothing where a layer before has the same weights. The 32 bits are alpha's; whether dense layers have them is a
    rule. Biases, BatchNorm, learned thresholds and the numbers of RPReLU are not counted. Source: Chakraborty et al.
    2019, section 3.1.2. Its text leaves alpha open; the memory compressions of its Table 4 fix convolutions and
    shortcuts (XNOR ResNet-20: 17.26) and dense layers (XNOR VGG-19: 24.08).
    """
    if layer.is_stored_elsewhere:
        return 0
    counts = (
        layer.scaled
        and layer.weight_bits <= MAX_SCALED_BITS
        and (layer.kind != "dense" or "memory" in rules.dense_alpha)
    )
    alpha_bits = FLOAT_BITS if counts else 0
    wide = layer.float_filters * FLOAT_BITS * layer.filter_weights
    narrow = layer.quantised_filters * (layer.weight_bits * layer.filter_weights + alpha_bits)
    return layer.weight_sets * (wide + narrow)
