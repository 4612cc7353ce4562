"""Memory of the weights, in bits, by the rules behind the paper's Tables 4 to 7."""

from edgehybrid.networks import FLOAT_BITS, Layer


def memory_bits_of_layer(layer: Layer) -> int:
    """``32·k²·I`` bits for a full-precision filter, ``b·k²·I + 32`` for one quantised to b bits.

    The 32 bits are alpha's; they are not counted for dense layers, though their energy is. Biases, BatchNorm,
    learned thresholds and the numbers of RPReLU are not counted. Source: Chakraborty et al. 2019, section
    3.1.2. Its text leaves alpha open; the memory compressions of its Table 4 fix convolutions and shortcuts
    (XNOR ResNet-20: 17.26) and dense layers (XNOR VGG-19: 24.08).
    """
    weights_a_filter = layer.weights // layer.out_channels
    alpha_bits = 0 if layer.kind == "dense" else FLOAT_BITS
    return (
        layer.float_filters * FLOAT_BITS * weights_a_filter
        + layer.quantised_filters * (layer.weight_bits * weights_a_filter + alpha_bits)
    )  # fmt: skip
