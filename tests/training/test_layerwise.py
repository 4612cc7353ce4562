"""Each node of the layerwise pass against a slow NumPy account of its formulas.

Maps are float16 and gradients bfloat16, so results are compared to 2^-10 and 2^-7 of the largest number: half a unit in
the last of 11 and 8 significant bits, and the sums that were rounded before.
"""

import numpy as np
import pytest
from layerwise_maps import GRADIENT_TOLERANCE, MAP_TOLERANCE, SEED, Reals, assert_near, random_map, real, upstream_for

from edgehybrid.model.compat import keras, tf
from edgehybrid.training.layerwise import (
    AddPass,
    AveragePoolPass,
    BatchNormPass,
    FlattenPass,
    MaxPoolPass,
    ReluPass,
)

# BatchNorm.


def batch_norm(y: Reals, beta: Reals, upstream: Reals, epsilon: float) -> tuple[Reals, Reals, Reals]:
    """x, ∂L/∂y and ∂L/∂beta, as Wang et al. 2021 have them."""
    axes = tuple(range(y.ndim - 1))
    mean = y.mean(axis=axes)
    magnitude = np.abs(y - mean).mean(axis=axes)
    deviation = np.sqrt(magnitude**2 + epsilon)
    x = (y - mean) / deviation + beta
    v, s = upstream / deviation, np.where(x >= 0, 1, -1)
    of_y = v - v.mean(axis=axes) - s * (v * s).mean(axis=axes) * (magnitude / deviation)
    return x, of_y, upstream.sum(axis=axes)


@pytest.mark.parametrize("shape", [(4, 3, 3, 5), (6, 33)])
def test_batch_norm_by_the_mean_absolute_deviation(shape: tuple[int, ...]) -> None:
    layer = keras.layers.BatchNormalization(epsilon=1e-4)
    layer.build((None, *shape[1:]))
    layer.beta.assign(np.random.default_rng(SEED).normal(0, 0.5, shape[-1]))
    y = random_map(*shape, scale=3) + 1
    own = BatchNormPass(layer)
    x, kept = own.forward(y)
    upstream = upstream_for(x)
    (of_y,), ((variable, of_beta),) = own.backward(upstream, kept)
    expected = batch_norm(real(y), real(layer.beta), real(upstream), 1e-4)
    assert variable is layer.beta
    assert_near(x, expected[0], MAP_TOLERANCE)
    assert_near(of_y, expected[1], GRADIENT_TOLERANCE)
    assert_near(of_beta, expected[2], 1e-5)


def test_the_keras_layer_computes_the_same_from_the_averages() -> None:
    layer = keras.layers.BatchNormalization(epsilon=1e-4, momentum=0.0)
    layer.build((None, 2, 2, 3))
    y = random_map(4, 2, 2, 3, scale=2)
    x, _ = BatchNormPass(layer).forward(y)
    # With no momentum the averages are the batch's.
    assert_near(layer(tf.cast(y, tf.float32), training=False), real(x), MAP_TOLERANCE)


# What has no weights.


def test_relu_keeps_a_bit() -> None:
    x = tf.constant([[-1.0, 0.0, 2.0]], tf.float16)
    y, kept = ReluPass().forward(x)
    (of_x,), _ = ReluPass().backward(tf.constant([[5.0, 6.0, 7.0]], tf.bfloat16), kept)
    assert real(y).tolist() == [[0, 0, 2]]
    assert real(of_x).tolist() == [[0, 0, 7]]
    assert kept.dtype == tf.uint8


@pytest.mark.parametrize("side", [4, 5])
def test_max_pool_gives_the_gradient_to_the_first_of_the_largest(side: int) -> None:
    x = tf.constant(np.random.default_rng(SEED).integers(0, 3, (2, side, side, 3)), tf.float16)
    y, kept = MaxPoolPass().forward(x)
    upstream = upstream_for(y)
    (of_x,), _ = MaxPoolPass().backward(upstream, kept)
    expected, expected_gradient = np.zeros(y.shape), np.zeros(x.shape)
    for n, row, column, c in np.ndindex(*y.shape):
        window = real(x)[n, 2 * row : 2 * row + 2, 2 * column : 2 * column + 2, c]
        at = np.unravel_index(window.argmax(), window.shape)
        expected[n, row, column, c] = window.max()
        expected_gradient[n, 2 * row + at[0], 2 * column + at[1], c] = real(upstream)[n, row, column, c]
    np.testing.assert_array_equal(real(y), expected)
    np.testing.assert_array_equal(real(of_x), expected_gradient)


def test_average_pool_flatten_and_addition() -> None:
    x = random_map(3, 4, 4, 5)
    pooled, shape = AveragePoolPass().forward(x)
    assert_near(pooled, real(x).mean(axis=(1, 2)), MAP_TOLERANCE)
    upstream = upstream_for(pooled)
    (of_x,), _ = AveragePoolPass().backward(upstream, shape)
    assert_near(of_x, np.broadcast_to(real(upstream)[:, None, None] / 16, (3, 4, 4, 5)), GRADIENT_TOLERANCE)
    flat, shape = FlattenPass().forward(x)
    np.testing.assert_array_equal(real(FlattenPass().backward(flat, shape)[0][0]), real(x))
    total, nothing = AddPass().forward(x, x)
    np.testing.assert_array_equal(real(total), 2 * real(x))
    assert nothing is None
    assert all(each is upstream for each in AddPass().backward(upstream, None)[0])
