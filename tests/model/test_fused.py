"""Fused operations against the plain chains that they replace."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from edgehybrid.model.compat import tf
from edgehybrid.model.fused import _compiled, add_relu, scaled_signs, sign_convolution
from edgehybrid.model.layers import ScaledQuantConv2D
from edgehybrid.model.quantizers import quantizer

Floats = npt.NDArray[Any]

SEED = 1811
MESSAGE = f"seed {SEED}"
# Sums of some hundred products of order 1 in another order: float32's unit in the last place, 1.2e-7, times as many.
RTOL, ATOL = 1e-4, 1e-4
ABOVE_ONE = np.nextafter(np.float32(1), np.float32(2))
EDGES = np.array([0.0, -0.0, 1.0, -1.0, ABOVE_ONE, -ABOVE_ONE, 1e-38, -1e-38], np.float32)


def normal(*shape: int, seed: int = SEED) -> Floats:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def with_gradients(f: Any, *arguments: Floats, dtype: Any = tf.float32, upstream: Floats | None = None) -> list[Floats]:
    """f, and the gradient of sum(upstream · f) with respect to each argument; float32."""
    tensors = [tf.cast(argument, dtype) for argument in arguments]
    with tf.GradientTape() as tape:
        tape.watch(tensors)
        y = f(*tensors)
    upstream = normal(*y.shape, seed=SEED + 9) if upstream is None else upstream
    found = [y, *tape.gradient(y, tensors, output_gradients=tf.cast(upstream, dtype))]
    return [tf.cast(part, tf.float32).numpy() for part in found]


def plain_convolution(side: int, stride: int, pad_value: float) -> Any:
    """Sign, border and convolution one after the other; the odd pixel of the border stands after the map."""

    def convolve(x: Any, kernel: Any) -> Any:
        total = max((-(-x.shape[1] // stride) - 1) * stride + side - x.shape[1], 0)
        border = [total // 2, total - total // 2]
        signs = tf.cast(quantizer(1)(x), kernel.dtype)
        signs = tf.pad(signs, [[0, 0], border, border, [0, 0]], constant_values=pad_value)
        return tf.nn.conv2d(signs, kernel, stride, "VALID")

    return convolve


SHAPES = [(6, 3, 1), (6, 3, 2), (7, 3, 2), (5, 5, 1), (6, 1, 1), (6, 1, 2), (7, 1, 2)]


@pytest.mark.parametrize("channels", [1, 31, 32, 33])
@pytest.mark.parametrize("pad_value", [0.0, 1.0])
@pytest.mark.parametrize(("map_side", "side", "stride"), SHAPES)
def test_sign_convolution_and_its_gradients(
    map_side: int, side: int, stride: int, pad_value: float, channels: int
) -> None:
    x, kernel = normal(2, map_side, map_side, channels), normal(side, side, channels, 4, seed=SEED + 1)
    x[0, 0, : len(EDGES), 0] = EDGES[:map_side]
    found = with_gradients(lambda x, k: sign_convolution(x, k, stride, pad_value), x, kernel)
    expected = with_gradients(plain_convolution(side, stride, pad_value), x, kernel)
    for got, wanted in zip(found, expected, strict=True):
        np.testing.assert_allclose(got, wanted, RTOL, ATOL, err_msg=MESSAGE)


@pytest.mark.parametrize("pad_value", [0.0, 1.0])
@pytest.mark.parametrize(("map_side", "side", "stride"), SHAPES)
def test_sign_convolution_in_bfloat16_is_exact_where_sums_have_8_bits(
    map_side: int, side: int, stride: int, pad_value: float
) -> None:
    # Sums of at most 5·5·4 = 100 times 0 or -2 and ±1, and upstream ±1: integers of at most 200, which bfloat16 holds.
    x, kernel = normal(2, map_side, map_side, 4), np.sign(normal(side, side, 4, 3, seed=SEED + 1))
    x[0, 0, : len(EDGES), 0] = EDGES[:map_side]
    x = tf.cast(tf.cast(x, tf.bfloat16), tf.float32).numpy()
    plain = plain_convolution(side, stride, pad_value)
    upstream = np.sign(normal(*plain(tf.constant(x), tf.constant(kernel)).shape))
    found = with_gradients(
        lambda x, k: sign_convolution(x, k, stride, pad_value), x, kernel, dtype=tf.bfloat16, upstream=upstream
    )
    expected = with_gradients(plain, x, kernel, upstream=upstream)
    for got, wanted in zip(found, expected, strict=True):
        np.testing.assert_array_equal(got, wanted, err_msg=MESSAGE)


def test_sign_convolution_in_bfloat16_before_batch_norm_rounds_little_more_than_one_with_a_border() -> None:
    x = normal(2, 8, 8, 512)
    kernel = tf.cast(0.0173 * np.sign(normal(3, 3, 512, 16, seed=SEED + 1)), tf.bfloat16)
    plain = plain_convolution(3, 1, 1.0)
    exact = plain(tf.constant(x), tf.cast(kernel, tf.float32)).numpy()

    def error(convolve: Any) -> float:
        difference = tf.cast(tf.function(convolve)(tf.cast(x, tf.bfloat16), kernel), tf.float32).numpy() - exact
        return float(difference.std(axis=(0, 1, 2)).mean())  # BatchNorm subtracts the mean

    # Equal where TensorFlow adds the border's part before it rounds. Where it does not, as on processors that do not
    # multiply bfloat16, there are two errors, one of them of sums of 0 and -2, which are larger.
    assert error(lambda x, k: sign_convolution(x, k, 1, 1.0)) < 2.5 * error(plain), MESSAGE


@pytest.mark.parametrize("dtype", [tf.float32, tf.bfloat16], ids=["float32", "bfloat16"])
@pytest.mark.parametrize("side", [1, 3])
def test_what_is_not_a_number_stays_so(side: int, dtype: Any) -> None:
    x = np.ones((1, 4, 4, 2), np.float32)
    x[0, 2, 2, 1] = np.nan
    y = sign_convolution(tf.constant(x, dtype), tf.ones([side, side, 2, 1], dtype), 1, 1.0)
    touched = np.zeros((4, 4), bool)
    touched[2 - side // 2 : 3 + side // 2, 2 - side // 2 : 3 + side // 2] = True
    np.testing.assert_array_equal(np.isnan(tf.cast(y, tf.float32)[0, ..., 0]), touched)


def test_before_batch_norm_only_the_gradient_of_the_mean_is_left_out() -> None:
    x, kernel = normal(2, 6, 6, 5), normal(3, 3, 5, 4, seed=SEED + 1)
    upstream = normal(2, 6, 6, 4, seed=SEED + 2)
    upstream -= upstream.mean(axis=(0, 1, 2))  # as BatchNorm's gradient is
    found, expected = (
        with_gradients(lambda x, k, b=b: sign_convolution(x, k, 1, 1.0, b), x, kernel, upstream=upstream)
        for b in (True, False)
    )
    for got, wanted in zip(found, expected, strict=True):
        np.testing.assert_allclose(got, wanted, RTOL, ATOL, err_msg=MESSAGE)


@pytest.mark.parametrize("dtype", [tf.float32, tf.bfloat16], ids=["float32", "bfloat16"])
def test_serves_several_graphs_and_any_number_of_images(dtype: Any) -> None:
    _compiled.cache_clear()
    for _ in range(2):
        convolve = tf.function(
            lambda x: sign_convolution(x, tf.ones([3, 3, 2, 5], dtype), 2, 1.0),
            input_signature=[tf.TensorSpec([None, 8, 8, 2], dtype)],
        )
        for images in (1, 3):
            assert convolve(tf.ones([images, 8, 8, 2], dtype)).shape == (images, 4, 4, 5)


@pytest.mark.parametrize(("side", "channels"), [(1, 33), (3, 1), (3, 32)])
def test_scaled_signs_and_their_gradient_are_those_of_the_layer(side: int, channels: int) -> None:
    layer = ScaledQuantConv2D(
        4,
        side,
        padding="same",
        pad_values=1.0,
        input_quantizer=quantizer(1),
        kernel_quantizer=quantizer(1),
        use_bias=False,
    )
    layer.build((None, 6, 6, channels))
    kernel = normal(side, side, channels, 4)
    kernel[0, 0, 0] = [1.0, -1.0, ABOVE_ONE, -ABOVE_ONE]
    layer.latent_kernel.assign(kernel)
    upstream = normal(side, side, channels, 4, seed=SEED + 1)
    with tf.GradientTape() as tape:
        expected = layer.scaled_kernel()
    of_kernel = tape.gradient(expected, layer.latent_kernel, output_gradients=tf.constant(upstream))
    found, found_gradient = with_gradients(scaled_signs, kernel, upstream=upstream)
    # Means of up to 288 numbers of order 1 in float32.
    np.testing.assert_allclose(found, expected, rtol=1e-6, err_msg=MESSAGE)
    np.testing.assert_allclose(found_gradient, of_kernel, rtol=1e-5, atol=1e-6, err_msg=MESSAGE)


def test_a_filter_of_zeros_has_scale_0_and_a_finite_gradient() -> None:
    scaled, gradient = with_gradients(scaled_signs, np.zeros((3, 3, 2, 2), np.float32))
    np.testing.assert_array_equal(scaled, np.zeros_like(scaled))
    assert np.isfinite(gradient).all()


@pytest.mark.parametrize("readers", [1, 2, 3])
@pytest.mark.parametrize("dtype", [tf.float32, tf.bfloat16], ids=["float32", "bfloat16"])
def test_add_relu_is_a_sum_then_a_relu_for_each_reader(dtype: Any, readers: int) -> None:
    a, b = normal(2, 3, 3, 5), normal(2, 3, 3, 5, seed=SEED + 1)
    b[0, 0, 0] = -a[0, 0, 0]
    # Small integers: their sums are exact in any order.
    upstream = np.random.default_rng(SEED).integers(-9, 10, (readers, *a.shape)).astype(np.float32)
    found = with_gradients(lambda a, b: tf.stack(add_relu(a, b, readers)), a, b, dtype=dtype, upstream=upstream)
    expected = with_gradients(
        lambda a, b: tf.stack([tf.nn.relu(a + b)] * readers), a, b, dtype=dtype, upstream=upstream
    )
    for got, wanted in zip(found, expected, strict=True):
        np.testing.assert_array_equal(got, wanted, err_msg=MESSAGE)
