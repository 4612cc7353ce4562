"""What a node of the layerwise pass computes between its convolutions, each compiled to a walk over memory."""

import math
from collections.abc import Callable
from typing import Any

from edgehybrid.model.compat import tf
from edgehybrid.training.packed_bits import pack, unpack

MAP, GRADIENT = tf.float16, tf.bfloat16
# What is summed, or convolved, at a time: so many numbers (2 MiB in float32).
NUMBERS_AT_ONCE = 2**19

# What XLA compiles, once for each shape.
_compiled = tf.function(autograph=False, jit_compile=True)


def channel_means(y: Any) -> Any:
    """Of a map, float32 (channels,)."""
    return channel_sums(y) / _places(y)


def channel_deviations(y: Any, mean: Any) -> Any:
    """Mean distance from the mean, float32 (channels,)."""
    return _over_images(lambda part: _sum_of_distances(y[part], mean), y) / _places(y)


def channel_sums(y: Any) -> Any:
    """Of a map or a gradient, float32 (channels,)."""
    return _over_images(lambda part: _sum(y[part]), y)


def signed_channel_sums(of_result: Any, bits: Any) -> Any:
    """Of a gradient times ±1, +1 where a bit is 1: float32 (channels,)."""
    elements = of_result[:1].shape.num_elements()
    return _over_images(
        lambda part: _sum_of_signed(of_result[part], bits_of(bits, part, elements)),
        of_result,
    )


def bits_of(bits: Any, images: slice, elements: int) -> Any:
    """The bits of some images of so many elements; the first of them begins a byte."""
    return bits[images.start * elements // 8 : -(-images.stop * elements // 8)]


def images_at_once(numbers: int, images: int, elements: int) -> list[slice]:
    """The batch in parts of at most ``numbers``, if one image has no more; bits of all but the last are whole bytes."""
    least = 8 // math.gcd(8, elements)
    at_once = max(least, numbers // elements // least * least)
    return [slice(begin, min(begin + at_once, images)) for begin in range(0, images, at_once)]


def _over_images(sum_of: Callable[[slice], Any], y: Any) -> Any:
    """Sum over parts of the batch: of a whole map, XLA would make a copy in float32 to sum up."""
    parts = images_at_once(NUMBERS_AT_ONCE, y.shape[0], y[:1].shape.num_elements())
    return tf.add_n([sum_of(part) for part in parts])


@_compiled
def _sum(y: Any) -> Any:
    return tf.reduce_sum(tf.cast(y, tf.float32), axis=_all_but_channels(y))


@_compiled
def _sum_of_distances(y: Any, mean: Any) -> Any:
    return tf.reduce_sum(tf.abs(tf.cast(y, tf.float32) - mean), axis=_all_but_channels(y))


@_compiled
def _sum_of_signed(of_result: Any, bits: Any) -> Any:
    upstream = tf.cast(of_result, tf.float32)
    signed = tf.where(unpack(bits, tuple(of_result.shape)), upstream, -upstream)
    return tf.reduce_sum(signed, axis=_all_but_channels(of_result))


@_compiled
def normalised(y: Any, mean: Any, deviation: Any, beta: Any) -> Any:
    """BatchNorm's x (``BatchNormPass`` has the formulas), in 16 bits."""
    return tf.cast((tf.cast(y, tf.float32) - mean) / deviation + beta, MAP)


@_compiled
def normalised_gradient(of_result: Any, bits: Any, deviation: Any, mean: Any, slope: Any) -> Any:
    """The gradient of y: v - mean - s·slope, in 16 bits."""
    v = tf.cast(of_result, tf.float32) / deviation
    signed_slope = tf.where(unpack(bits, tuple(of_result.shape)), slope, -slope)
    return tf.cast(v - mean - signed_slope, GRADIENT)


def _places(y: Any) -> float:
    """Images times positions."""
    return float(y.shape.num_elements() // y.shape[-1])


def _all_but_channels(y: Any) -> list[int]:
    return list(range(len(y.shape) - 1))


@_compiled
def packed_signs(x: Any) -> Any:
    """Whether each number is ≥ 0, as bits."""
    return pack(x >= 0)


@_compiled
def inside(x: Any) -> Any:
    """Whether each number lies in (-1, 1), as bits."""
    return pack(tf.abs(x) < 1)


@_compiled
def positive(x: Any) -> Any:
    """Whether each number is above 0, as bits."""
    return pack(x > 0)


@_compiled
def signs_of(bits: Any, shape: tuple[int, ...], size: float, shift: float = 0.0) -> Any:
    """``size`` where a bit is 1, else -``size``; each less ``shift``. float32."""
    return tf.where(unpack(bits, shape), size - shift, -size - shift)


@_compiled
def decayed_signs(bits: Any, size: float, decay: Any, variable: Any, factor: Any) -> Any:
    """The gradient of a binary kernel with weight decay, ``(±size + decay·w)·factor``; float32."""
    return (tf.where(unpack(bits, tuple(variable.shape)), size, -size) + decay * variable) * factor


@_compiled
def decayed_signs_square(bits: Any, size: float, decay: Any, variable: Any) -> Any:
    """The sum of its squares, for a factor of 1."""
    return tf.reduce_sum(tf.square(tf.where(unpack(bits, tuple(variable.shape)), size, -size) + decay * variable))


@_compiled
def where_inside(gradient: Any, bits: Any) -> Any:
    """The gradient where a bit is 1, else 0."""
    return tf.where(unpack(bits, tuple(gradient.shape)), tf.cast(gradient, GRADIENT), tf.zeros([], GRADIENT))


@_compiled
def signs(x: Any) -> Any:
    """±1, float32; +1 at 0."""
    return tf.where(x >= 0, 1.0, -1.0)


@_compiled
def mean_magnitude(kernel: Any) -> Any:
    """Mean |W| of each filter."""
    return tf.reduce_mean(tf.abs(kernel), axis=[0, 1, 2])


@_compiled
def scaled(sums: Any, offset: Any, alpha: Any) -> Any:
    """(sums + offset)·alpha, in 16 bits."""
    return tf.cast((sums + offset) * alpha, MAP)


@_compiled
def times(upstream: Any, alpha: Any) -> Any:
    """The gradient of sums from that of scaled ones, float32."""
    return tf.cast(upstream, tf.float32) * alpha


@_compiled
def pooled(x: Any) -> tuple[Any, Any, Any]:
    """2×2 maxima, and whether each was in the second row, in the second column: bits."""
    height, width = x.shape[1] // 2 * 2, x.shape[2] // 2 * 2
    (a, b), (c, d) = ([x[:, i:height:2, j:width:2] for j in (0, 1)] for i in (0, 1))
    top, bottom = tf.maximum(a, b), tf.maximum(c, d)
    in_second_row = bottom > top
    in_second_column = tf.where(in_second_row, d > c, b > a)
    return tf.maximum(top, bottom), pack(in_second_row), pack(in_second_column)


@_compiled
def pooled_gradient(of_result: Any, row: Any, column: Any, shape: tuple[int, ...]) -> Any:
    """The gradient at the place of each maximum, 0 elsewhere."""
    sides = tuple(of_result.shape)
    row, column = unpack(row, sides), unpack(column, sides)
    zero = tf.zeros([], of_result.dtype)
    (a, b), (c, d) = (
        [tf.where((row == i) & (column == j), of_result, zero) for j in (False, True)] for i in (False, True)
    )
    rows = tf.stack([tf.stack([a, b], axis=3), tf.stack([c, d], axis=3)], axis=2)
    images, height, width, channels = sides
    whole = tf.reshape(rows, [images, 2 * height, 2 * width, channels])
    return tf.pad(whole, [[0, 0], [0, shape[1] - 2 * height], [0, shape[2] - 2 * width], [0, 0]])
