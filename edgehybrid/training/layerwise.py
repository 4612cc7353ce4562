r"""One object for each node of a network: its forward pass, what it keeps of it, and its backward pass by hand.

Maps between nodes are float16, their gradients bfloat16, which has the range of float32: gradients of a mean over a
batch are small. All sums, and the convolutions themselves, are float32. What a node keeps, for each value of a map:

=================================  ==========================================
BatchNorm                          the sign of its result: 1 bit
quantised layer                    the sign it multiplies, and whether the value is inside (-1, 1): 2 bits; 1 where it
                                   reads a BatchNorm, which has kept that sign
ReLU                               whether the value is positive: 1 bit
2×2 max pool                       which of four was the largest: 2 bits for four values
full-precision layer               the value: 16 bits
addition, average pool, flatten    nothing
=================================  ==========================================

Nodes run one by one, not as one graph: a map is freed when the last node that reads it has run. What a node computes
between its convolutions is compiled to one walk over memory, which makes no other map on the way.

Source: Wang et al. 2021 (arXiv:2102.04270), Algorithm 2, with gradients of maps in 16 bits.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

from edgehybrid.model.compat import tf
from edgehybrid.networks import Layer, Network, Node
from edgehybrid.training import walks
from edgehybrid.training.walks import GRADIENT, MAP

# Convolutions compute in float32, for as many images at a time as make a map of so many numbers (8 MiB).
NUMBERS_AT_ONCE = 2**21


class SignGradient(NamedTuple):
    """The gradient of a binary kernel: ``signs / sqrt(n)`` with n its weights.

    Attributes:
        bits: uint8, one bit a weight, 1 for +1.
        shape: of the kernel.
    """

    bits: Any
    shape: tuple[int, ...]

    def dense(self) -> Any:
        """As float32 of the kernel's shape."""
        return walks.signs_of(self.bits, self.shape, 1.0 / _product(self.shape) ** 0.5)


Gradient = Any
Kept = Any


class LayerPass(Protocol):
    """What each of the classes below does."""

    def forward(self, *maps: Any) -> tuple[Any, Kept]:
        """The node's map, and what ``backward`` needs."""

    def backward(self, of_result: Any, kept: Kept) -> tuple[list[Any], list[tuple[Any, Gradient]]]:
        """Gradients of the maps that the node read (None: no one needs it), and of its variables."""


def layer_pass(node: Node, network: Network, model: Any) -> LayerPass:
    """The object for a node, over the variables of the Keras model."""
    if node.op == "batch_norm":
        return BatchNormPass(model.get_layer(node.name))
    if node.op == "layer":
        layer, keras_layer = network.layer(node.name), model.get_layer(node.name)
        reads_image = node.inputs[0] == "image"
        if layer.is_float:
            return RealLayerPass(layer, keras_layer.kernel, reads_image)
        return SignLayerPass(layer, keras_layer.latent_kernel, network.pad_value, reads_image)
    simple: dict[str, Callable[[], LayerPass]] = {
        "relu": ReluPass,
        "max_pool": MaxPoolPass,
        "global_average_pool": AveragePoolPass,
        "flatten": FlattenPass,
        "add": AddPass,
    }
    return simple[node.op]()


class BatchNormPass:
    r"""BatchNorm by the mean absolute deviation, without a slope; per channel, over the batch and all positions:

    $$\mu = \overline{y}, \quad \psi = \sqrt{\overline{|y - \mu|}^2 + \epsilon}, \quad
      x = \frac{y - \mu}{\psi} + \beta$$

    and with $s = \operatorname{sign}(x)$, $\bar w = \overline{|y - \mu|} / \psi$, $v = \partial L / \partial x / \psi$

    $$\frac{\partial L}{\partial y} = v - \overline{v} - s \, \bar w \, \overline{v s}, \qquad
      \frac{\partial L}{\partial \beta} = \sum \frac{\partial L}{\partial x}$$

    ε is the Keras layer's. The moving average of ψ is kept as its square in the layer's ``moving_variance``, less ε, so
    that the Keras layer, whose gamma stays 1, computes x from the averages:

        (y - moving_mean) / sqrt(moving_variance + ε) + beta

    Source: Wang et al. 2021, Algorithm 2; s with beta, as only the sign of x is kept.
    """

    def __init__(self, layer: Any) -> None:
        self._layer = layer

    def forward(self, *maps: Any) -> tuple[Any, Kept]:
        """As ``LayerPass`` says."""
        layer, (y,) = self._layer, maps
        x, bits, mean, deviation, share = walks.normalised(y, layer.beta, float(layer.epsilon))
        layer.moving_mean.assign(_moved(layer.moving_mean, mean, layer.momentum))
        average = _moved(tf.sqrt(layer.moving_variance + layer.epsilon), deviation, layer.momentum)
        layer.moving_variance.assign(tf.square(average) - layer.epsilon)
        return x, NormKept(bits, deviation, share)

    def backward(self, of_result: Any, kept: Kept) -> tuple[list[Any], list[tuple[Any, Gradient]]]:
        """As ``LayerPass`` says."""
        of_map, of_beta = walks.normalised_gradient(of_result, *kept)
        return [of_map], [(self._layer.beta, of_beta)]


class NormKept(NamedTuple):
    """What BatchNorm keeps: the signs of its result; ψ and w̄, float32 (channels,)."""

    bits: Any
    deviation: Any
    share: Any


class _Kernel(NamedTuple):
    """A convolution, or a dense layer as a 1×1 convolution of a map of side 1. Maps and kernels are float32."""

    layer: Layer

    @property
    def shape(self) -> tuple[int, int, int, int]:
        side = self.layer.kernel_side
        return side, side, self.layer.in_channels, self.layer.out_channels

    @property
    def strides(self) -> list[int]:
        return [1, self.layer.stride, self.layer.stride, 1]

    def convolve(self, x: Any, kernel: Any) -> Any:
        return tf.nn.conv2d(x, kernel, self.strides, "SAME")

    def gradient_of_map(self, upstream: Any, kernel: Any) -> Any:
        sizes = [upstream.shape[0], self.layer.in_side, self.layer.in_side, self.layer.in_channels]
        return tf.raw_ops.Conv2DBackpropInput(
            input_sizes=sizes, filter=kernel, out_backprop=upstream, strides=self.strides, padding="SAME"
        )

    def gradient_of_kernel(self, x: Any, upstream: Any) -> Any:
        strides, stride = self.strides, self.layer.stride
        if self.layer.kernel_side == 1:
            # Not strided, for the reason of edgehybrid.model.layers.pointwise_convolution.
            x, strides = x[:, ::stride, ::stride], [1] * 4
        return tf.raw_ops.Conv2DBackpropFilter(
            input=x, filter_sizes=self.shape, out_backprop=upstream, strides=strides, padding="SAME"
        )

    def map_shape(self, images: int) -> tuple[int, int, int, int]:
        return images, self.layer.in_side, self.layer.in_side, self.layer.in_channels

    def result_shape(self, images: int) -> tuple[int, int, int, int]:
        return images, self.layer.out_side, self.layer.out_side, self.layer.out_channels

    def parts(self, images: int) -> list[slice]:
        """The batch in parts of whole bytes of bits: a multiple of 8 images."""
        at_once = max(8, NUMBERS_AT_ONCE // max(self.layer.inputs, self.layer.outputs) // 8 * 8)
        return [slice(begin, min(begin + at_once, images)) for begin in range(0, images, at_once)]


class SignLayerPass:
    r"""A 1-bit convolution or dense layer, with a border p around the signs:

    $$y = \alpha \, (\operatorname{sign}(x) * \operatorname{sign}(W)), \qquad
      \frac{\partial L}{\partial x} = 1_{|x| < 1}
        \left( \alpha \frac{\partial L}{\partial y} * \operatorname{sign}(W)^T \right)$$

    $$\frac{\partial L}{\partial W} := \frac{1}{\sqrt n} \operatorname{sign} \left( \operatorname{sign}(x)^T
        \frac{\partial L}{\partial y} \right)$$

    with n all weights of the layer, sign(0) = +1, and alpha the mean |W| of each filter. Alpha is without effect on
    what is learned, as BatchNorm follows: it is there so that BatchNorm's averages are those of the Keras layer.

    Source: Wang et al. 2021, Algorithm 2.
    """

    def __init__(self, layer: Layer, kernel: Any, pad_value: int, reads_image: bool) -> None:
        self._op, self._variable, self._reads_image = _Kernel(layer), kernel, reads_image
        # As in edgehybrid.model.fused.sign_convolution: a border p around s is a border 0 around s - p, plus p times
        # the sum of each filter.
        self._pad = float(pad_value) if layer.kernel_side > 1 else 0.0

    def forward(self, *maps: Any, known: Any = None) -> tuple[Any, Kept]:
        """``known``: the packed signs of the map, if its maker has kept them."""
        (x,) = maps
        inside = walks.inside(x)
        signs = walks.packed_signs(x) if known is None else known
        images, kernel, alpha = x.shape[0], _kernel_signs(self._variable), _alpha(self._variable)
        offset = self._pad * tf.reduce_sum(kernel, axis=[0, 1, 2])
        results = []
        for part in self._op.parts(images):
            sums = self._op.convolve(self._shifted_signs(signs, part), kernel)
            results.append(walks.scaled(sums, offset, alpha))
            del sums
        return self._as_read(_joined(results), x), SignKept(signs, inside, tuple(x.shape))

    def backward(self, of_result: Any, kept: Kept) -> tuple[list[Any], list[tuple[Any, Gradient]]]:
        """As ``LayerPass`` says."""
        images, kernel, alpha = kept.shape[0], _kernel_signs(self._variable), _alpha(self._variable)
        upstream = tf.reshape(of_result, self._op.result_shape(images))
        del of_result
        of_maps, of_kernel = [], None
        for part in self._op.parts(images):
            scaled = walks.times(upstream[part], alpha)
            if not self._reads_image:
                of_signs = self._op.gradient_of_map(scaled, kernel)
                of_maps.append(walks.where_inside(of_signs, _bytes_of(kept.inside, part, self._op.layer.inputs)))
                del of_signs
            of_part = self._op.gradient_of_kernel(self._shifted_signs(kept.signs, part), scaled)
            of_part += self._pad * tf.reduce_sum(scaled, axis=[0, 1, 2])
            of_kernel = of_part if of_kernel is None else of_kernel + of_part
            del of_part, scaled
        gradient = SignGradient(walks.packed_signs(of_kernel), self._op.shape)
        of_map = None if self._reads_image else tf.reshape(_joined(of_maps), kept.shape)
        return [of_map], [(self._variable, gradient)]

    def _shifted_signs(self, signs: Any, part: slice) -> Any:
        inputs = self._op.layer.inputs
        return walks.signs_of(
            _bytes_of(signs, part, inputs), self._op.map_shape(part.stop - part.start), 1.0, self._pad
        )

    def _as_read(self, y: Any, x: Any) -> Any:
        return tf.reshape(y, [x.shape[0], -1]) if len(x.shape) == 2 else y


class SignKept(NamedTuple):
    """What a quantised layer keeps of the map that it read: two bits a value, and the map's shape."""

    signs: Any
    inside: Any
    shape: tuple[int, ...]


class RealLayerPass:
    """A full-precision convolution or dense layer, with the usual gradients; keeps its input, float16."""

    def __init__(self, layer: Layer, kernel: Any, reads_image: bool) -> None:
        self._op, self._variable, self._reads_image = _Kernel(layer), kernel, reads_image

    def forward(self, *maps: Any) -> tuple[Any, Kept]:
        """As ``LayerPass`` says."""
        (x,) = maps
        images, kernel = x.shape[0], tf.reshape(self._variable, self._op.shape)
        source = tf.reshape(x, self._op.map_shape(images))
        results = [
            tf.cast(self._op.convolve(tf.cast(source[part], tf.float32), kernel), MAP)
            for part in self._op.parts(images)
        ]
        y = _joined(results)
        return (tf.reshape(y, [images, -1]) if len(x.shape) == 2 else y), x

    def backward(self, of_result: Any, kept: Kept) -> tuple[list[Any], list[tuple[Any, Gradient]]]:
        """As ``LayerPass`` says."""
        images, kernel = kept.shape[0], tf.reshape(self._variable, self._op.shape)
        upstream = tf.reshape(of_result, self._op.result_shape(images))
        source = tf.reshape(kept, self._op.map_shape(images))
        del of_result
        of_maps, of_kernel = [], None
        for part in self._op.parts(images):
            of_part = tf.cast(upstream[part], tf.float32)
            if not self._reads_image:
                of_maps.append(tf.cast(self._op.gradient_of_map(of_part, kernel), GRADIENT))
            of_weights = self._op.gradient_of_kernel(tf.cast(source[part], tf.float32), of_part)
            of_kernel = of_weights if of_kernel is None else of_kernel + of_weights
        of_map = None if self._reads_image else tf.reshape(_joined(of_maps), kept.shape)
        return [of_map], [(self._variable, tf.reshape(of_kernel, self._variable.shape))]


class ReluPass:
    """max(x, 0); its gradient is 0 at 0."""

    def forward(self, *maps: Any) -> tuple[Any, Kept]:
        """As ``LayerPass`` says."""
        (x,) = maps
        return tf.nn.relu(x), walks.positive(x)

    def backward(self, of_result: Any, kept: Kept) -> tuple[list[Any], list[tuple[Any, Gradient]]]:
        """As ``LayerPass`` says."""
        return [walks.where_inside(of_result, kept)], []


class MaxPoolPass:
    """2×2, stride 2; an odd last row or column is left out. Of equal values the first, row by row, has the gradient."""

    def forward(self, *maps: Any) -> tuple[Any, Kept]:
        """As ``LayerPass`` says."""
        (x,) = maps
        y, row, column = walks.pooled(x)
        return y, PoolKept(row, column, tuple(x.shape))

    def backward(self, of_result: Any, kept: Kept) -> tuple[list[Any], list[tuple[Any, Gradient]]]:
        """As ``LayerPass`` says."""
        return [walks.pooled_gradient(of_result, kept.row, kept.column, kept.shape)], []


class PoolKept(NamedTuple):
    """Whether the largest of four is in the second row, in the second column: bits; the shape of the map read."""

    row: Any
    column: Any
    shape: tuple[int, ...]


class AveragePoolPass:
    """The mean of each channel's map."""

    def forward(self, *maps: Any) -> tuple[Any, Kept]:
        """As ``LayerPass`` says."""
        (x,) = maps
        return tf.cast(tf.reduce_mean(tf.cast(x, tf.float32), axis=[1, 2]), MAP), tuple(x.shape)

    def backward(self, of_result: Any, kept: Kept) -> tuple[list[Any], list[tuple[Any, Gradient]]]:
        """As ``LayerPass`` says."""
        of_pixel = tf.cast(tf.cast(of_result, tf.float32) / (kept[1] * kept[2]), GRADIENT)
        return [tf.broadcast_to(of_pixel[:, None, None], kept)], []


class FlattenPass:
    """A map as a vector."""

    def forward(self, *maps: Any) -> tuple[Any, Kept]:
        """As ``LayerPass`` says."""
        (x,) = maps
        return tf.reshape(x, [x.shape[0], -1]), tuple(x.shape)

    def backward(self, of_result: Any, kept: Kept) -> tuple[list[Any], list[tuple[Any, Gradient]]]:
        """As ``LayerPass`` says."""
        return [tf.reshape(of_result, kept)], []


class AddPass:
    """The sum of two maps."""

    def forward(self, *maps: Any) -> tuple[Any, Kept]:
        """As ``LayerPass`` says."""
        one, other = maps
        return one + other, None

    def backward(self, of_result: Any, kept: Kept) -> tuple[list[Any], list[tuple[Any, Gradient]]]:
        """As ``LayerPass`` says."""
        return [of_result, of_result], []


def _product(shape: tuple[int, ...]) -> int:
    elements = 1
    for side in shape:
        elements *= side
    return elements


def _joined(parts: list[Any]) -> Any:
    return parts[0] if len(parts) == 1 else tf.concat(parts, axis=0)


def _bytes_of(bits: Any, images: slice, elements: int) -> Any:
    """The bits of some images; ``images`` begins at a multiple of 8."""
    return bits[images.start * elements // 8 : -(-images.stop * elements // 8)]


def _moved(average: Any, of_batch: Any, momentum: float) -> Any:
    return average + (of_batch - average) * (1 - momentum)


def _alpha(kernel: Any) -> Any:
    """Mean |W| of each filter, float32 (filters,)."""
    return walks.mean_magnitude(tf.convert_to_tensor(kernel))


def _kernel_signs(kernel: Any) -> Any:
    return walks.signs(tf.convert_to_tensor(kernel))
