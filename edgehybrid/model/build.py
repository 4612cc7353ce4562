"""Network → tf_keras model: one Keras layer, or a few, for each node of the graph."""

from functools import partial
from typing import Any

from edgehybrid.model.activations import LearnedThreshold, RPReLU
from edgehybrid.model.compat import keras
from edgehybrid.model.layers import PointwiseConv2D, ScaledQuantConv2D
from edgehybrid.model.levels import LevelConv2D, QuantizeLevels, ScaledSign, Thermometer
from edgehybrid.model.quantizers import fixed_point, quantizer
from edgehybrid.networks import Layer, Network
from edgehybrid.networks.parts import float_part, quantised_part

# The first author's published code (pca-hybrid, 2019): eps 1e-4, running averages updated by a tenth.
BATCH_NORM_EPSILON = 1e-4
BATCH_NORM_MOMENTUM = 0.9


def build_model(network: Network, synchronized: bool = False) -> Any:
    """The Keras model of a network, with random weights from Keras' global generator.

    With ``synchronized``, BatchNorm takes its statistics over the images of all replicas of a distribution strategy.

    Input: float32 (batch, side, side, channels), normalised. Output: float32 logits (batch, classes).
    """
    image = keras.Input((network.image_side, network.image_side, network.image_channels), name="image")
    values = {"image": image}
    for node in network.graph:
        inputs = [values[name] for name in node.inputs]
        if node.op == "layer":
            values[node.name] = _apply_layer(network.layer(node.name), network, inputs[0])
        elif node.op == "add":
            values[node.name] = keras.layers.Add(name=node.name)(inputs)
        elif node.op == "thermometer":
            values[node.name] = Thermometer(network.thermometer_channels, name=node.name)(inputs[0])
        else:
            values[node.name] = _elementwise_or_pool(node.op, node.name, synchronized)(inputs[0])
    return keras.Model(image, values[network.graph[-1].name], name=network.name.replace("/", "_"))


def _elementwise_or_pool(op: str, name: str, synchronized: bool) -> Any:
    if op == "batch_norm":
        return keras.layers.BatchNormalization(
            momentum=BATCH_NORM_MOMENTUM, epsilon=BATCH_NORM_EPSILON, synchronized=synchronized, name=name
        )
    makers = {
        "relu": keras.layers.ReLU,
        "rprelu": RPReLU,
        "max_pool": keras.layers.MaxPooling2D,
        "average_pool": partial(keras.layers.AveragePooling2D, padding="same"),
        "global_average_pool": keras.layers.GlobalAveragePooling2D,
        "flatten": keras.layers.Flatten,
    }
    return makers[op](name=name)


def _apply_layer(layer: Layer, network: Network, x: Any) -> Any:
    if layer.is_float and not layer.reads_real:
        x = keras.layers.Activation(_activation_quantizer(layer, network), name=f"{layer.name}_input")(
            _shifted(layer, network, x)
        )
    if layer.kind == "dense":
        return _apply_dense(layer, network, x)
    if layer.is_float:
        return _float_convolution(layer, layer.out_channels, layer.name)(x)
    if layer.level_step is not None:
        return _level_convolution(layer, layer.level_step, network)(x)
    shifted = _shifted(layer, network, x)
    if not layer.is_split:
        return _quantised_convolution(layer, network, network.pad_value, layer.name)(shifted)
    # A split layer: its full-precision filters come first, and read the real map or its sign.
    real = x
    if layer.float_filter_input == "sign":
        signs = _activation_quantizer(layer, network)
        real = keras.layers.Activation(signs, name=f"{layer.name}_float_input")(shifted)
    return keras.layers.Concatenate(name=layer.name)(
        [
            _float_convolution(layer, layer.float_filters, float_part(layer.name))(real),
            _quantised_convolution(layer, network, network.pad_value, quantised_part(layer.name))(shifted),
        ]
    )


def _shifted(layer: Layer, network: Network, x: Any) -> Any:
    """What the layer's quantiser sees of x."""
    subtracts = network.learned_thresholds and not layer.reads_real
    return LearnedThreshold(name=f"{layer.name}_threshold")(x) if subtracts else x


def _activation_quantizer(layer: Layer, network: Network) -> Any:
    """None for a layer that reads the map as it is."""
    if layer.reads_real:
        return None
    if network.quantiser == "fixed_point":
        return fixed_point(layer.activation_bits, rectified=True)
    return quantizer(layer.activation_bits, network.clipped_activations)


def _weight_quantizer(layer: Layer, network: Network) -> Any:
    return fixed_point(layer.weight_bits) if network.quantiser == "fixed_point" else quantizer(layer.weight_bits)


def _float_convolution(layer: Layer, filters: int, name: str) -> Any:
    make = PointwiseConv2D if layer.kernel_side == 1 else keras.layers.Conv2D
    return make(
        filters,
        layer.kernel_side,
        layer.stride,
        padding="same",
        use_bias=False,
        kernel_initializer=_initializer(layer),
        name=name,
    )


def _quantised_convolution(layer: Layer, network: Network, pad_value: int, name: str) -> Any:
    return ScaledQuantConv2D(
        layer.quantised_filters,
        layer.kernel_side,
        layer.stride,
        padding="same",
        pad_values=0.0 if layer.reads_real else float(pad_value),
        input_quantizer=_activation_quantizer(layer, network),
        kernel_quantizer=_weight_quantizer(layer, network),
        use_bias=False,
        kernel_initializer=_latent_initializer(layer, network),
        kernel_constraint=None,
        scaled=network.scaled_weights,
        standardise=network.standardised_weights,
        name=name,
    )


def _level_convolution(layer: Layer, step: float, network: Network) -> Any:
    return LevelConv2D(
        layer.out_channels,
        layer.kernel_side,
        layer.stride,
        padding="same",
        input_quantizer=QuantizeLevels(layer.activation_bits, step, network.ewgs),
        kernel_quantizer=ScaledSign(network.shared_scale if layer.adds_to_residual else 0),
        use_bias=False,
        kernel_initializer=_initializer(layer),
        kernel_constraint=None,
        name=layer.name,
    )


def _apply_dense(layer: Layer, network: Network, x: Any) -> Any:
    """A quantised dense layer is a 1×1 convolution on a map of side 1: only convolutions have a packed form."""
    if layer.is_float:
        return keras.layers.Dense(
            layer.out_channels, use_bias=False, kernel_initializer=_initializer(layer), name=layer.name
        )(x)
    x = keras.layers.Reshape((1, 1, layer.in_channels), name=f"{layer.name}_map")(x)
    x = _quantised_convolution(layer, network, 1, layer.name)(_shifted(layer, network, x))
    return keras.layers.Flatten(name=f"{layer.name}_flat")(x)


def _initializer(layer: Layer) -> Any:
    """N(0, 2/(k²·O)) for convolutions, N(0, 0.01²) for dense layers, as in the first author's code."""
    if layer.kind == "dense":
        return keras.initializers.RandomNormal(stddev=0.01)
    return keras.initializers.VarianceScaling(2.0, mode="fan_out", distribution="untruncated_normal")


def _latent_initializer(layer: Layer, network: Network) -> Any:
    """Fixed-point weights are 0 where they are small, so they start in the whole range, U(-1, 1).

    Source: Moons et al. 2017 (arXiv:1711.00215), released code.
    """
    if network.quantiser == "fixed_point":
        return keras.initializers.RandomUniform(-1.0, 1.0)
    return _initializer(layer)
