"""Each node of the layerwise pass against a slow NumPy account of its formulas.

Maps are float16 and gradients bfloat16, so results are compared to 2^-10 and 2^-7 of the largest number: half a unit in
the last of 11 and 8 significant bits, and the sums that were rounded before.
"""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from edgehybrid.model.compat import keras, tf
from edgehybrid.networks.network import Layer
from edgehybrid.training import layerwise
from edgehybrid.training.layerwise import (
    AddPass,
    AveragePoolPass,
    BatchNormPass,
    FlattenPass,
    MaxPoolPass,
    RealLayerPass,
    ReluPass,
    SignGradient,
    SignLayerPass,
)

SEED = 2102
MAP_TOLERANCE, GRADIENT_TOLERANCE = 2**-10, 2**-7
Reals = NDArray[np.float64]


def random_map(*shape: int, scale: float = 1.0) -> Any:
    return tf.constant(np.random.default_rng(SEED + len(shape)).normal(0, scale, shape), tf.float16)


def real(tensor: Any) -> Reals:
    return tf.cast(tensor, tf.float64).numpy()


def assert_near(found: Any, expected: Reals, tolerance: float) -> None:
    atol = tolerance * max(np.abs(expected).max(), 1e-30)
    np.testing.assert_allclose(real(found), expected, rtol=0, atol=atol, err_msg=f"seed {SEED}")


def upstream_for(y: Any) -> Any:
    return tf.cast(random_map(*y.shape, scale=0.1), tf.bfloat16)


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


# Layers of bits.


def layer_of(kind: str, side: int, kernel: int, stride: int, channels: int = 5, out: int = 3) -> Layer:
    out_side = -(-side // stride)
    return Layer("own", kind, channels, out, kernel, stride, side, out_side, side, 1, 1, 1)  # type: ignore[arg-type]


def windows(x: Reals, kernel: int, stride: int, border: float) -> Reals:
    """(n, M, M, k, k, I): what each output sees, with a border as ``SAME`` pads."""
    side = x.shape[1]
    out = -(-side // stride)
    whole = max((out - 1) * stride + kernel - side, 0)
    before = whole // 2
    padded = np.pad(x, ((0, 0), (before, whole - before), (before, whole - before), (0, 0)), constant_values=border)
    seen = np.zeros((len(x), out, out, kernel, kernel, x.shape[3]))
    for row in range(out):
        for column in range(out):
            y, z = row * stride, column * stride
            seen[:, row, column] = padded[:, y : y + kernel, z : z + kernel]
    return seen


def gradient_of_input(shape: tuple[int, ...], kernel: Reals, upstream: Reals, stride: int) -> Reals:
    k, side, out = len(kernel), shape[1], upstream.shape[1]
    whole = max((out - 1) * stride + k - side, 0)
    before = whole // 2
    grown = np.zeros((shape[0], side + whole, side + whole, shape[3]))
    for row in range(out):
        for column in range(out):
            y, z = row * stride, column * stride
            grown[:, y : y + k, z : z + k] += np.einsum("no,klio->nkli", upstream[:, row, column], kernel)
    return grown[:, before : before + side, before : before + side]


@pytest.mark.parametrize("pad_value", [0, 1])
@pytest.mark.parametrize(("kernel", "stride"), [(3, 1), (3, 2), (1, 1), (1, 2)])
@pytest.mark.parametrize("at_once", [1, 2**21])
def test_convolution_of_signs(
    kernel: int, stride: int, pad_value: int, at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(layerwise, "NUMBERS_AT_ONCE", at_once)
    layer = layer_of("conv", 5, kernel, stride)
    # 17 images: two whole bytes of them, and one more.
    x = random_map(17, 5, 5, 5) * tf.constant(1.5, tf.float16)
    weights = tf.Variable(np.random.default_rng(SEED).normal(size=(kernel, kernel, 5, 3)), dtype=tf.float32)
    own = SignLayerPass(layer, weights, pad_value, reads_image=False)
    y, kept = own.forward(x)
    upstream = upstream_for(y)
    (of_x,), ((variable, of_kernel),) = own.backward(upstream, kept)
    signs, kernel_signs = (np.where(real(each) >= 0, 1.0, -1.0) for each in (x, weights))
    alpha = np.abs(real(weights)).mean(axis=(0, 1, 2))
    seen = windows(signs, kernel, stride, float(pad_value) if kernel > 1 else 0.0)
    assert_near(y, np.einsum("nyxkli,klio->nyxo", seen, kernel_signs) * alpha, MAP_TOLERANCE)
    scaled = real(upstream) * alpha
    of_signs = gradient_of_input(tuple(x.shape), kernel_signs, scaled, stride)
    assert_near(of_x, of_signs * (np.abs(real(x)) < 1), GRADIENT_TOLERANCE)
    sums = np.einsum("nyxkli,nyxo->klio", seen, scaled)
    expected = np.where(sums >= 0, 1, -1) / np.sqrt(sums.size)
    assert variable is weights
    assert isinstance(of_kernel, SignGradient)
    # float32 sums that are 0 but for rounding may have either sign.
    is_clear = np.abs(sums) > 1e-5 * np.abs(sums).max()
    np.testing.assert_allclose(real(of_kernel.dense())[is_clear], expected[is_clear], rtol=1e-6)


def test_zero_counts_as_plus_one_and_nothing_passes_at_one() -> None:
    layer = layer_of("conv", 1, 1, 1, channels=4, out=1)
    weights = tf.Variable(np.ones((1, 1, 4, 1)), dtype=tf.float32)
    x = tf.constant([0.0, -0.0, 1.0, -1.0], tf.float16, shape=(1, 1, 1, 4))
    own = SignLayerPass(layer, weights, 1, reads_image=False)
    y, kept = own.forward(x)
    (of_x,), _ = own.backward(tf.ones_like(y, tf.bfloat16), kept)
    assert real(y).item() == 2.0
    assert real(of_x).ravel().tolist() == [1, 1, 0, 0]


@pytest.mark.parametrize(("kernel", "stride"), [(3, 1), (3, 2), (1, 2)])
def test_full_precision_convolution(kernel: int, stride: int) -> None:
    layer = layer_of("conv", 5, kernel, stride)
    x = random_map(9, 5, 5, 5)
    weights = tf.Variable(np.random.default_rng(SEED).normal(size=(kernel, kernel, 5, 3)), dtype=tf.float32)
    own = RealLayerPass(layer, weights, reads_image=False)
    y, kept = own.forward(x)
    upstream = upstream_for(y)
    (of_x,), ((_, of_kernel),) = own.backward(upstream, kept)
    seen = windows(real(x), kernel, stride, 0.0)
    assert_near(y, np.einsum("nyxkli,klio->nyxo", seen, real(weights)), MAP_TOLERANCE)
    assert_near(of_x, gradient_of_input(tuple(x.shape), real(weights), real(upstream), stride), GRADIENT_TOLERANCE)
    assert_near(of_kernel, np.einsum("nyxkli,nyxo->klio", seen, real(upstream)), 1e-5)


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
