"""What the training pass computes in fewer walks over memory than a chain of plain operations would take.

On a processor a walk over the maps of a batch costs as much as a convolution of them. XLA compiles the elementwise
chains here to one walk each; convolutions and BatchNorm stay TensorFlow's, which are oneDNN's and faster than XLA's.
All maps are (batch, height, width, channels), float32 or bfloat16.
"""

import inspect
from collections.abc import Callable
from functools import cache
from typing import Any

from edgehybrid.model.compat import tf
from edgehybrid.model.layers import pointwise_convolution
from edgehybrid.model.levels import QuantizeLevels, gradient_of_level, level_of

Chain = Callable[..., Any]


def sign_convolution(x: Any, kernel: Any, stride: int, pad_value: float, before_batch_norm: bool = False) -> Any:
    r"""Convolution of sign(x) with ``pad_value`` around it, as ``SAME`` pads:

    $$Y = \operatorname{sign}(X) * K, \qquad
      \frac{\partial L}{\partial X} = 1_{|X| \le 1} \left( \frac{\partial L}{\partial Y} * K^T \right)$$

    sign(0) = sign(-0.0) = +1; NaN stays NaN; the border has no gradient.

    It makes no map with a border: a convolution is linear, so a border p around s is a border 0 around s - p, plus p
    times the sum of each filter. That sum is added to every pixel, so where BatchNorm follows, which subtracts the
    mean, its gradient is 0 up to rounding.

    In bfloat16 both parts are large where their sum need not be. Within a ``tf.function`` TensorFlow adds them before
    it rounds, as one operation; run one by one, they lose twice as much to rounding.

    Args:
        x: the map (batch, N, N, I).
        kernel: of the type of x, (k, k, I, O), any values; its gradient is the convolution's.
        stride: pixels.
        pad_value: p.
        before_batch_norm: whether nothing but BatchNorm reads Y; saves the gradient that is 0.

    Returns:
        Y, of the type of x, (batch, M, M, O) with M = ceil(N / stride).
    """
    if kernel.shape[0] == 1:
        return pointwise_convolution(_signs(x, 0.0), kernel, stride)
    of_border = tf.cast(pad_value * tf.reduce_sum(tf.cast(kernel, tf.float32), axis=[0, 1, 2]), x.dtype)
    if before_batch_norm:
        of_border = tf.stop_gradient(of_border)
    return tf.nn.bias_add(tf.nn.conv2d(_signs(x, pad_value), kernel, stride, "SAME"), of_border)


def scaled_signs(kernel: Any) -> Any:
    r"""alpha_o·sign(W)_o with alpha_o = mean |W_o|, for float32 (k, k, I, O) of O filters with n = k²·I weights each.

    With g the gradient with respect to it:

    $$\frac{\partial L}{\partial W_i} = \alpha \, 1_{|W_i| \le 1} \, g_i
      + \frac{\operatorname{sign}(W_i)}{n} \sum_j g_j \operatorname{sign}(W_j)$$

    in half the operations that automatic differentiation makes of it; they are many, as kernels are small.

    Source: Rastegari et al. 2016, section 3.1; the gradient of ``edgehybrid.model.layers.ScaledQuantConv2D``.
    """

    @tf.custom_gradient
    def scaled(kernel: Any) -> Any:
        signs = tf.where(kernel >= 0, 1.0, -1.0)
        alpha = tf.reduce_mean(tf.abs(kernel), axis=[0, 1, 2])

        def gradient(upstream: Any) -> Any:
            of_alpha = tf.reduce_mean(upstream * signs, axis=[0, 1, 2])
            return _within_one(upstream * alpha, kernel) + signs * of_alpha

        return signs * alpha, gradient

    return scaled(tf.convert_to_tensor(kernel))


def quantised_levels(x: Any, quantizer: QuantizeLevels) -> Any:
    """``quantizer(x)`` of the type of x, with its gradient; levels are found and gradients scaled in float32."""

    @tf.custom_gradient
    def levels(x: Any) -> Any:
        numbers = (quantizer.scale, quantizer.step, quantizer.ewgs)
        return _compiled(_levels_of, x.dtype, *numbers)(x), lambda upstream: _compiled(
            _gradient_of_levels, x.dtype, *numbers
        )(upstream, x)

    return levels(x)


def add_relu(a: Any, b: Any, readers: int) -> tuple[Any, ...]:
    r"""max(a + b, 0) of two maps of one shape and type, once for each of its readers, whose gradients are summed in the
    walk that masks them:

    $$\frac{\partial L}{\partial a} = \frac{\partial L}{\partial b}
      = 1_{a + b > 0} \sum_r \frac{\partial L}{\partial y_r}$$
    """

    @tf.custom_gradient
    def forked(a: Any, b: Any) -> tuple[Any, ...]:
        y = _compiled(_add_relu_of, a.dtype)(a, b)

        def gradient(first: Any, *others: Any) -> tuple[Any, Any]:
            if others:
                of_sum = _compiled(_sum_where_positive_of, y.dtype)(first, tf.add_n(others), y)
            else:
                of_sum = _compiled(_where_positive_of, y.dtype)(first, y)
            return of_sum, of_sum

        return (y,) * readers, gradient

    return tuple(forked(a, b))


def _signs(x: Any, shift: float) -> Any:
    """sign(x) - shift, with the sign's gradient."""

    @tf.custom_gradient
    def signs(x: Any) -> Any:
        return _compiled(_signs_of, x.dtype, shift)(x), lambda upstream: _within_one(upstream, x)

    return signs(x)


def _within_one(gradient: Any, x: Any) -> Any:
    """``gradient`` where |x| ≤ 1, else 0."""
    if x.dtype != tf.float32:
        return _compiled(_within_one_of, x.dtype)(gradient, x)
    # The gradient of a fake quantisation is that, in one operation: 255 narrow levels over [-1, 1] reach from
    # -127/127 to 127/127 exactly.
    return tf.raw_ops.FakeQuantWithMinMaxArgsGradient(
        gradients=gradient, inputs=x, min=-1.0, max=1.0, num_bits=8, narrow_range=True
    )


# What XLA compiles, for one type of map and numbers known beforehand.


def _signs_of(dtype: Any, shift: float) -> Chain:
    def signs(x: Any) -> Any:
        plus, minus = tf.constant(1 - shift, dtype), tf.constant(-1 - shift, dtype)
        # What is not a number stays so, and stops the training.
        return tf.where(x >= 0, plus, tf.where(x < 0, minus, x))

    return signs


def _within_one_of(dtype: Any) -> Chain:
    return lambda gradient, x: tf.where(tf.abs(x) <= 1, gradient, tf.zeros([], dtype))


def _levels_of(dtype: Any, scale: float, step: float, _: float) -> Chain:
    return lambda x: tf.cast(level_of(tf.cast(x, tf.float32), scale) * step, dtype)


def _gradient_of_levels(dtype: Any, scale: float, step: float, ewgs: float) -> Chain:
    def gradient(upstream: Any, x: Any) -> Any:
        wide = tf.cast(x, tf.float32)
        return tf.cast(gradient_of_level(tf.cast(upstream, tf.float32), wide, scale, step, ewgs), dtype)

    return gradient


def _add_relu_of(dtype: Any) -> Chain:
    return lambda a, b: tf.nn.relu(a + b)


def _where_positive_of(dtype: Any) -> Chain:
    return lambda gradient, y: tf.where(y > 0, gradient, tf.zeros([], dtype))


def _sum_where_positive_of(dtype: Any) -> Chain:
    return lambda one, other, y: tf.where(y > 0, one + other, tf.zeros([], dtype))


@cache
def _compiled(make: Callable[..., Chain], dtype: Any, *numbers: Any) -> Any:
    """A chain as one compiled function of maps of any shape: TensorFlow warns of functions that it traces for many."""
    chain = make(dtype, *numbers)
    signature = [tf.TensorSpec([None] * 4, dtype) for _ in inspect.signature(chain).parameters]
    return tf.function(chain, input_signature=signature, autograph=False, jit_compile=True)
