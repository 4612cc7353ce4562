"""Forward and backward pass by hand of what has a kernel: 1-bit and full-precision convolutions and dense layers.

Convolutions compute in float32, for some images at a time, and the largest dense kernels for some inputs at a time, so
that neither a whole map nor such a kernel is ever there in float32 beside the ones that are kept.
"""

from typing import Any, NamedTuple

from edgehybrid.model.compat import tf
from edgehybrid.networks import Layer
from edgehybrid.training import walks
from edgehybrid.training.walks import GRADIENT, MAP

# As many inputs of a dense kernel as make so many weights (16 MiB).
WEIGHTS_AT_ONCE = 2**22

Gradient = Any
Kept = Any


class SignGradient(NamedTuple):
    """The gradient of a binary kernel: ``signs / sqrt(n)`` with n its weights.

    Attributes:
        bits: uint8, one bit a weight, 1 for +1.
        shape: of the kernel.
    """

    bits: Any
    shape: tuple[int, ...]

    @property
    def size(self) -> float:
        """Of each number: 1/sqrt(n)."""
        return 1.0 / _product(self.shape) ** 0.5


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
        sizes = [upstream.shape[0], self.layer.in_side, self.layer.in_side, kernel.shape[2]]
        return tf.raw_ops.Conv2DBackpropInput(
            input_sizes=sizes, filter=kernel, out_backprop=upstream, strides=self.strides, padding="SAME"
        )

    def gradient_of_kernel(self, x: Any, upstream: Any) -> Any:
        strides, stride = self.strides, self.layer.stride
        if self.layer.kernel_side == 1:
            # Not strided, for the reason of edgehybrid.model.layers.pointwise_convolution.
            x, strides = x[:, ::stride, ::stride], [1] * 4
        return tf.raw_ops.Conv2DBackpropFilter(
            input=x,
            filter_sizes=[*self.shape[:2], x.shape[3], self.shape[3]],
            out_backprop=upstream,
            strides=strides,
            padding="SAME",
        )

    def map_shape(self, images: int) -> tuple[int, int, int, int]:
        return images, self.layer.in_side, self.layer.in_side, self.layer.in_channels

    def result_shape(self, images: int) -> tuple[int, int, int, int]:
        return images, self.layer.out_side, self.layer.out_side, self.layer.out_channels

    def input_slices(self) -> list[slice]:
        """The inputs of a 1×1 kernel in slices whose weights are whole bytes of bits; all inputs of any other."""
        inputs = self.layer.in_channels
        if self.layer.kernel_side > 1 or _product(self.shape) <= WEIGHTS_AT_ONCE:
            return [slice(0, inputs)]
        at_once = max(8, WEIGHTS_AT_ONCE // self.layer.out_channels // 8 * 8)
        return [slice(begin, min(begin + at_once, inputs)) for begin in range(0, inputs, at_once)]

    def parts(self, images: int) -> list[slice]:
        """The batch in parts, by the map that is read, whose bits must begin a byte."""
        larger = max(1, -(-self.layer.outputs // self.layer.inputs))
        return walks.images_at_once(walks.NUMBERS_AT_ONCE // larger, images, self.layer.inputs)


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
        images, alpha = x.shape[0], _alpha(self._variable)
        whole, shape = _Whole(self._op.result_shape(images), MAP), tuple(x.shape)
        del x
        slices = self._op.input_slices()
        kernel = self._kernel_signs(slices[0])
        # A kernel of several slices is 1×1, and has no border.
        offset = self._pad * tf.reduce_sum(kernel, axis=[0, 1, 2])
        for part in self._op.parts(images):
            source, sums = self._shifted_signs(signs, part), None
            for some in slices:
                if len(slices) > 1:
                    del kernel
                    kernel = self._kernel_signs(some)
                of_some = self._op.convolve(source[..., some], kernel)
                sums = of_some if sums is None else sums + of_some
            del source, of_some
            whole.put(part, walks.scaled(sums, offset, alpha))
            del sums
        y = whole.taken()
        return (tf.reshape(y, [images, -1]) if len(shape) == 2 else y), SignKept(signs, inside, shape)

    def backward(self, of_result: Any, kept: Kept) -> tuple[list[Any], list[tuple[Any, Gradient]]]:
        """As ``LayerPass`` says."""
        images, alpha = kept.shape[0], _alpha(self._variable)
        upstream = tf.reshape(of_result, self._op.result_shape(images))
        del of_result
        slices = self._op.input_slices()
        of_maps, bits = [], []
        for some in slices:
            kernel, of_kernel = self._kernel_signs(some), None
            shape = (*self._op.map_shape(images)[:3], some.stop - some.start)
            whole = None if self._reads_image else _Whole(shape, GRADIENT)
            for part in self._op.parts(images):
                scaled = walks.times(upstream[part], alpha)
                if whole is not None:
                    of_signs = self._op.gradient_of_map(scaled, kernel)
                    if len(slices) == 1:
                        of_signs = walks.where_inside(of_signs, walks.bits_of(kept.inside, part, self._op.layer.inputs))
                    whole.put(part, tf.cast(of_signs, GRADIENT))
                    del of_signs
                source = self._shifted_signs(kept.signs, part)[..., some]
                of_part = self._op.gradient_of_kernel(source, scaled)
                del source
                of_part += self._pad * tf.reduce_sum(scaled, axis=[0, 1, 2])
                of_kernel = of_part if of_kernel is None else of_kernel + of_part
                del of_part, scaled
            del kernel
            bits.append(walks.packed_signs(of_kernel))
            del of_kernel
            if whole is not None:
                of_maps.append(whole.taken())
        gradient = SignGradient(_joined(bits), self._op.shape)
        of_map = None
        if of_maps:
            of_map = tf.reshape(tf.concat(of_maps, axis=3) if len(slices) > 1 else of_maps[0], kept.shape)
            if len(slices) > 1:
                # The bits of all inputs stand together.
                of_map = walks.where_inside(of_map, kept.inside)
        return [of_map], [(self._variable, gradient)]

    def _kernel_signs(self, inputs: slice) -> Any:
        """Signs of the weights that read some inputs, float32 (side, side, inputs, filters)."""
        kernel = tf.reshape(tf.convert_to_tensor(self._variable), self._op.shape)
        return walks.signs(kernel if inputs == slice(0, self._op.shape[2]) else kernel[:, :, inputs])

    def _shifted_signs(self, signs: Any, part: slice) -> Any:
        inputs = self._op.layer.inputs
        return walks.signs_of(
            walks.bits_of(signs, part, inputs), self._op.map_shape(part.stop - part.start), 1.0, self._pad
        )


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
        source, whole = tf.reshape(x, self._op.map_shape(images)), _Whole(self._op.result_shape(images), MAP)
        for part in self._op.parts(images):
            whole.put(part, tf.cast(self._op.convolve(tf.cast(source[part], tf.float32), kernel), MAP))
        y = whole.taken()
        return (tf.reshape(y, [images, -1]) if len(x.shape) == 2 else y), x

    def backward(self, of_result: Any, kept: Kept) -> tuple[list[Any], list[tuple[Any, Gradient]]]:
        """As ``LayerPass`` says."""
        images, kernel = kept.shape[0], tf.reshape(self._variable, self._op.shape)
        upstream = tf.reshape(of_result, self._op.result_shape(images))
        source = tf.reshape(kept, self._op.map_shape(images))
        del of_result
        whole, of_kernel = None if self._reads_image else _Whole(self._op.map_shape(images), GRADIENT), None
        for part in self._op.parts(images):
            of_part = tf.cast(upstream[part], tf.float32)
            if whole is not None:
                whole.put(part, tf.cast(self._op.gradient_of_map(of_part, kernel), GRADIENT))
            of_weights = self._op.gradient_of_kernel(tf.cast(source[part], tf.float32), of_part)
            of_kernel = of_weights if of_kernel is None else of_kernel + of_weights
        of_map = None if whole is None else tf.reshape(whole.taken(), kept.shape)
        return [of_map], [(self._variable, tf.reshape(of_kernel, self._variable.shape))]


class _Whole:
    """A map that is made part by part, in its place: joined at the end, it would be there twice."""

    def __init__(self, shape: tuple[int, ...], dtype: Any) -> None:
        self._map = tf.raw_ops.Empty(shape=shape, dtype=dtype)

    def put(self, images: slice, part: Any) -> None:
        """Sets some images. No one else has seen the map yet, so it may change."""
        self._map = tf.raw_ops.InplaceUpdate(x=self._map, i=range(images.start, images.stop), v=part)

    def taken(self) -> Any:
        """The map, when all images are set."""
        whole = self._map
        del self._map
        return whole


def _product(shape: tuple[int, ...]) -> int:
    elements = 1
    for side in shape:
        elements *= side
    return elements


def _joined(parts: list[Any]) -> Any:
    return parts[0] if len(parts) == 1 else tf.concat(parts, axis=0)


def _alpha(kernel: Any) -> Any:
    """Mean |W| of each filter, float32 (filters,)."""
    return walks.mean_magnitude(tf.convert_to_tensor(kernel))
