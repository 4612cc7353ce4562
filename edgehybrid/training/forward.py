"""The forward pass of a training step: the Keras model's, with faster operations and a precision of its own."""

from collections import defaultdict
from collections.abc import Iterator
from itertools import repeat
from typing import Any, Literal

from edgehybrid.model.activations import LearnedThreshold
from edgehybrid.model.compat import keras, tf
from edgehybrid.model.fused import add_relu, quantised_levels, scaled_signs, sign_convolution
from edgehybrid.model.layers import PointwiseConv2D, ScaledQuantConv2D, pointwise_convolution
from edgehybrid.model.levels import LevelConv2D, Thermometer


class ForwardPass:
    """Computes ``model(images, training=True)``, and updates BatchNorm's averages, over the model's own variables.

    The Keras model is the reference, and what is evaluated and converted. In float32 the pass differs from it in the
    order of rounding only. In bfloat16, maps (batch, height, width, channels) are kept and convolved in bfloat16:

    - BatchNorm computes in float32 and rounds its result to 8 significant bits, after a learned threshold is subtracted
      where one reads it; a sign is that of the number before, as rounding changes none, and ±1 has a bfloat16;
    - convolutions add in float32 and round each sum; alpha and full-precision weights are rounded, too;
    - slopes compute in float32, and all vectors, the loss and the gradients of variables, their
      sums, the variables and the optimizer are float32.
    """

    def __init__(self, model: Any, precision: Literal["float32", "bfloat16"]) -> None:
        self._dtype = tf.dtypes.as_dtype(precision)
        self._input, self._output = model.input, model.output
        self._layers = [layer for layer in model.layers if not isinstance(layer, keras.layers.InputLayer)]
        readers = defaultdict(list)
        for layer in self._layers:
            for tensor in tf.nest.flatten(layer.input):
                readers[id(tensor)].append(type(layer))
        self._readers = {layer.name: readers[id(layer.output)] for layer in self._layers}

    def __call__(self, images: Any) -> Any:
        """Logits, float32 (batch, classes), of images, float32 (batch, side, side, channels)."""
        # For each reader of a map in turn, the map: always the same, or a copy of its own.
        values: dict[int, Iterator[Any]] = {id(self._input): repeat(images)}
        if not isinstance(self._layers[0], Thermometer):
            values[id(self._input)] = repeat(tf.cast(images, self._dtype))
        for layer in self._layers:
            y = self._apply(layer, tf.nest.map_structure(lambda tensor: next(values[id(tensor)]), layer.input))
            values[id(layer.output)] = iter(y) if isinstance(y, tuple) else repeat(y)
        return tf.cast(next(values[id(self._output)]), tf.float32)

    def _apply(self, layer: Any, x: Any) -> Any:
        """The layer's map; a tuple of copies, where each reader has one of its own."""
        if isinstance(layer, ScaledQuantConv2D) and getattr(layer.input_quantizer, "precision", None) == 1:
            return self._convolve_signs(layer, x)
        if isinstance(layer, LevelConv2D):
            return layer.convolution_op(
                quantised_levels(x, layer.input_quantizer), tf.cast(layer.scaled_kernel(), x.dtype)
            )
        if isinstance(layer, Thermometer):
            return tf.cast(layer.call(x), self._dtype)
        if self._dtype == tf.float32:
            return layer(x, training=True)
        return self._apply_in_reduced_precision(layer, x)

    def _convolve_signs(self, layer: Any, x: Any) -> Any:
        one_bit = layer.kernel_quantizer.precision == 1 and layer.scaled
        kernel = scaled_signs(layer.real_kernel()) if one_bit else layer.scaled_kernel()
        before_batch_norm = self._readers[layer.name] == [keras.layers.BatchNormalization]
        return sign_convolution(x, tf.cast(kernel, x.dtype), layer.strides[0], layer.pad_values, before_batch_norm)

    def _apply_in_reduced_precision(self, layer: Any, x: Any) -> Any:
        if len(layer.output.shape) != 4:
            return layer(tf.nest.map_structure(lambda part: tf.cast(part, tf.float32), x), training=True)
        if isinstance(layer, PointwiseConv2D):
            return pointwise_convolution(x, tf.cast(layer.kernel, x.dtype), layer.strides[0])
        if type(layer) is keras.layers.Conv2D:
            return tf.nn.conv2d(x, tf.cast(layer.kernel, x.dtype), layer.strides, layer.padding.upper())
        if type(layer) is keras.layers.BatchNormalization and not layer.synchronized:
            only_thresholds = set(self._readers[layer.name]) == {LearnedThreshold}
            return _batch_norm(layer, tf.cast(x, tf.float32) if only_thresholds else x)
        if type(layer) is keras.layers.Add and self._readers[layer.name] == [keras.layers.ReLU]:
            return x  # its two terms, for the ReLU to add
        if type(layer) is keras.layers.ReLU and isinstance(x, list):
            one, other = x
            return add_relu(one, other, len(self._readers[layer.name]))
        if not layer.weights:
            # A layer's ``call`` does not cast, other than the layer; a quantiser within it does.
            return tf.cast(layer.call(x), tf.nest.flatten(x)[0].dtype)
        return tf.cast(layer(tf.cast(x, tf.float32), training=True), self._dtype)


def _batch_norm(layer: Any, x: Any) -> Any:
    y, mean, variance = tf.compat.v1.nn.fused_batch_norm(x, layer.gamma, layer.beta, epsilon=layer.epsilon)
    for average, of_batch in ((layer.moving_mean, mean), (layer.moving_variance, variance)):
        average.assign_sub((average - of_batch) * (1 - layer.momentum))
    return y
