"""The forward pass that curvature is measured on: without side effects, and with smooth quantisers where wanted."""

from collections.abc import Callable
from typing import Any

from edgehybrid.model.compat import keras, larq, tf
from edgehybrid.model.layers import PointwiseConv2D, ScaledQuantConv2D

# A quantiser of larq's and what it reads → what stands for the quantised numbers.
Quantise = Callable[[Any, Any], Any]


def straight_through(quantiser: Any, x: Any) -> Any:
    """The quantiser as it is: steps forward, and back a gradient that is not that of the steps."""
    return quantiser(x)


def smooth(slope: float) -> Quantise:
    r"""Quantisers with a gradient that is their own: tanh(k·x) for the sign, and for several bits the clip to [-1, 1]
    (or fixed-point numbers' own ends) without the steps; x itself where nothing is clipped.

    For k → ∞ tanh(k·x) is the sign, but for x = 0, and its curvature, up to 0.77 k², grows without bound. So sharpness
    of a surrogate belongs to its slope k.
    """

    def quantise(quantiser: Any, x: Any) -> Any:
        if quantiser.precision == 1:
            return tf.tanh(slope * x)
        return tf.clip_by_value(x, quantiser.low, quantiser.high)

    return quantise


class MeasuringPass:
    """Computes logits as a training step does, in float32, and changes no variable.

    BatchNorm takes mean and variance of the batch, as in a step, because gradients go through them, too; its running
    averages stay. So one batch here must be what a step computes at once: the loss then is that which steps descend.
    With ``straight_through`` the logits are those of ``model(images, training=True)``. All operations have second
    derivatives.

    Args:
        model: of ``build_model``, or any whose other layers compute the same in training as else.
        quantise: what stands for the quantised numbers.
    """

    def __init__(self, model: Any, quantise: Quantise) -> None:
        self._input, self._output, self._quantise = model.input, model.output, quantise
        self._layers = [layer for layer in model.layers if not isinstance(layer, keras.layers.InputLayer)]

    def __call__(self, images: Any) -> Any:
        """Logits, float32 (batch, classes), of images, float32 (batch, side, side, channels)."""
        values = {id(self._input): images}
        for layer in self._layers:
            x = tf.nest.map_structure(lambda tensor: values[id(tensor)], layer.input)
            values[id(layer.output)] = self._apply(layer, x)
        return values[id(self._output)]

    def _apply(self, layer: Any, x: Any) -> Any:
        if isinstance(layer, ScaledQuantConv2D):
            return self._convolve_quantised(layer, x)
        if isinstance(layer, PointwiseConv2D):
            return _convolve(x, layer.kernel, layer.strides[0], layer.padding)
        if isinstance(layer, keras.layers.BatchNormalization):
            return _batch_norm(layer, x)
        if isinstance(getattr(layer, "activation", None), larq.quantizers.Quantizer):
            return self._quantise(layer.activation, x)
        return layer(x, training=True)

    def _convolve_quantised(self, layer: Any, x: Any) -> Any:
        kernel = self._quantise(layer.kernel_quantizer, layer.real_kernel())
        # A border p around s is a border 0 around s - p, plus p times the sum of each filter.
        read = x if layer.input_quantizer is None else self._quantise(layer.input_quantizer, x)
        inner = read - layer.pad_values
        y = _convolve(inner, kernel, layer.strides[0], layer.padding)
        return (y + layer.pad_values * tf.reduce_sum(kernel, axis=[0, 1, 2])) * layer.alpha()


def _convolve(x: Any, kernel: Any, stride: int, padding: str) -> Any:
    """A convolution with second derivatives. A strided one of 1×1 would need a filter gradient that is not safe (see
    ``pointwise_convolution``), so the pixels that it reads are taken out first.
    """
    if kernel.shape[0] == kernel.shape[1] == 1:
        x, stride = x[:, ::stride, ::stride], 1
    return tf.nn.conv2d(x, kernel, stride, padding.upper())


def _batch_norm(layer: Any, x: Any) -> Any:
    mean, variance = tf.nn.moments(x, axes=[*range(len(x.shape) - 1)])
    return tf.nn.batch_normalization(x, mean, variance, layer.beta, layer.gamma, layer.epsilon)
