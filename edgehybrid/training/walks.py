"""What a node of the layerwise pass computes between its convolutions, each compiled to a walk over memory."""

from typing import Any

from edgehybrid.model.compat import tf
from edgehybrid.training.packed_bits import pack, unpack

MAP, GRADIENT = tf.float16, tf.bfloat16

# What XLA compiles, once for each shape.
_compiled = tf.function(autograph=False, jit_compile=True)


@_compiled
def normalised(y: Any, beta: Any, epsilon: float) -> tuple[Any, ...]:
    """BatchNorm: x, its signs as bits, μ, ψ and w̄ (``BatchNormPass`` has the formulas)."""
    numbers, axes = tf.cast(y, tf.float32), list(range(len(y.shape) - 1))
    mean = tf.reduce_mean(numbers, axis=axes)
    magnitude = tf.reduce_mean(tf.abs(numbers - mean), axis=axes)
    deviation = tf.sqrt(tf.square(magnitude) + epsilon)
    x = tf.cast((numbers - mean) / deviation + beta, MAP)
    return x, pack(x >= 0), mean, deviation, magnitude / deviation


@_compiled
def normalised_gradient(of_result: Any, bits: Any, deviation: Any, share: Any) -> tuple[Any, Any]:
    """The gradients of y and of beta."""
    axes = list(range(len(of_result.shape) - 1))
    upstream = tf.cast(of_result, tf.float32)
    v = upstream / deviation
    s = tf.where(unpack(bits, tuple(of_result.shape)), 1.0, -1.0)
    of_map = v - tf.reduce_mean(v, axis=axes) - s * share * tf.reduce_mean(v * s, axis=axes)
    return tf.cast(of_map, GRADIENT), tf.reduce_sum(upstream, axis=axes)


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
