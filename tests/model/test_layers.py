"""The scaled convolution against slow NumPy loops, its gradient against XNOR-Net's formula, and the safe 1×1 path."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from edgehybrid.model.compat import tf
from edgehybrid.model.layers import (
    STANDARDISATION_EPSILON,
    ScaledQuantConv2D,
    centred,
    pointwise_convolution,
    standardised,
    xnor_net_gradient_scale,
)
from edgehybrid.model.quantizers import quantizer

Floats = npt.NDArray[Any]

SEED = 1603
MESSAGE = f"seed {SEED}"
# Sums of fewer than 1000 products in float32, whose unit in the last place is 1.2e-7: relative to the greatest
# partial sums, of order 10 here, an error of some 1e-5 at most. The references compute in float64.
RTOL, ATOL = 1e-5, 2e-5


def sign(x: Floats) -> Floats:
    return np.where(x >= 0, 1.0, -1.0)


def padded(x: Floats, side: int, stride: int, value: float) -> tuple[Floats, int]:
    """The map with SAME padding, and the output's side; the odd pixel of padding goes behind."""
    out = -(-x.shape[1] // stride)
    total = max((out - 1) * stride + side - x.shape[1], 0)
    border = (total // 2, total - total // 2)
    return np.pad(x, ((0, 0), border, border, (0, 0)), constant_values=value), out


def convolution(x: Floats, kernel: Floats, stride: int, pad_value: float) -> Floats:
    side = kernel.shape[0]
    x, out = padded(np.asarray(x, float), side, stride, pad_value)
    y = np.zeros((len(x), out, out, kernel.shape[3]))
    for image, row, column in np.ndindex(len(x), out, out):
        patch = x[image, row * stride : row * stride + side, column * stride : column * stride + side]
        for filter_ in range(kernel.shape[3]):
            y[image, row, column, filter_] = (patch * kernel[..., filter_]).sum()
    return y


def kernel_gradient(x: Floats, upstream: Floats, side: int, stride: int, pad_value: float) -> Floats:
    """Gradient of sum(upstream · convolution(x, kernel)) with respect to the kernel."""
    x, out = padded(np.asarray(x, float), side, stride, pad_value)
    found = np.zeros((side, side, x.shape[3], upstream.shape[3]))
    for image, row, column in np.ndindex(len(x), out, out):
        patch = x[image, row * stride : row * stride + side, column * stride : column * stride + side]
        found += patch[..., None] * upstream[image, row, column]
    return found


def input_gradient(x: Floats, kernel: Floats, upstream: Floats, stride: int) -> Floats:
    """The same with respect to x, for a 1×1 kernel."""
    found = np.zeros(x.shape)
    for image, row, column in np.ndindex(upstream.shape[:3]):
        found[image, row * stride, column * stride] += kernel[0, 0] @ upstream[image, row, column]
    return found


def normal(*shape: int, seed: int = SEED) -> Floats:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def layer_of(kernel: Floats, stride: int, pad_value: int, bits: int = 1, standardise: bool = False) -> Any:
    """ScaledQuantConv2D with these latent weights."""
    layer = ScaledQuantConv2D(
        kernel.shape[3],
        kernel.shape[0],
        stride,
        padding="same",
        pad_values=float(pad_value),
        use_bias=False,
        input_quantizer=quantizer(bits),
        kernel_quantizer=quantizer(bits),
        standardise=standardise,
    )
    layer.build((None, None, None, kernel.shape[2]))
    layer.set_weights([kernel])
    return layer


@pytest.mark.parametrize("image_side", [5, 6])
@pytest.mark.parametrize("kernel_side", [1, 3])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("pad_value", [0, 1])
def test_convolves_signs_and_scales_by_the_mean_weight(
    pad_value: int, stride: int, kernel_side: int, image_side: int
) -> None:
    x = normal(2, image_side, image_side, 3)
    kernel = normal(kernel_side, kernel_side, 3, 4, seed=SEED + 1)
    expected = convolution(sign(x), sign(kernel), stride, pad_value) * np.abs(kernel).mean(axis=(0, 1, 2))
    y = layer_of(kernel, stride, pad_value)(tf.constant(x))
    np.testing.assert_allclose(y, expected, RTOL, ATOL, err_msg=MESSAGE)


def test_two_bit_values_are_convolved_and_scaled_likewise() -> None:
    x, kernel = normal(2, 5, 5, 3), normal(3, 3, 3, 4, seed=SEED + 1)
    q = quantizer(2)
    expected = convolution(q(tf.constant(x)).numpy(), q(tf.constant(kernel)).numpy(), 1, 1)
    y = layer_of(kernel, 1, 1, bits=2)(tf.constant(x))
    np.testing.assert_allclose(y, expected * np.abs(kernel).mean(axis=(0, 1, 2)), RTOL, ATOL, err_msg=MESSAGE)


def test_alpha_is_the_mean_absolute_weight_of_each_filter() -> None:
    # Filter 0: (1 + 3) / 2, filter 1: (0.5 + 0) / 2.
    kernel = np.array([[1, 0.5], [-3, 0]], np.float32).reshape(1, 1, 2, 2)
    np.testing.assert_array_equal(layer_of(kernel, 1, 1).alpha(), [2, 0.25])


def test_a_weight_of_0_counts_as_plus_1() -> None:
    kernel = np.array([0, 2], np.float32).reshape(1, 1, 2, 1)
    # Signs 1 and 1 times inputs 1 and 1, alpha (0 + 2) / 2.
    assert layer_of(kernel, 1, 1)(tf.ones((1, 1, 1, 2))).numpy().item() == 2 * 1


@pytest.mark.parametrize(("kernel_side", "stride", "pad_value"), [(3, 1, 1), (3, 2, 0), (1, 2, 1), (1, 1, 0)])
def test_the_kernel_gradient_is_that_of_xnor_net(kernel_side: int, stride: int, pad_value: int) -> None:
    x = normal(2, 5, 5, 3)
    # N(0, 1) puts a third of the weights beyond the window |W| ≤ 1.
    kernel = normal(kernel_side, kernel_side, 3, 4, seed=SEED + 1)
    out = -(-5 // stride)
    upstream = normal(2, out, out, 4, seed=SEED + 2)
    layer = layer_of(kernel, stride, pad_value)
    with tf.GradientTape() as tape:
        y = layer(tf.constant(x))
    gradient = tape.gradient(y, layer.trainable_variables[0], output_gradients=tf.constant(upstream))

    g = kernel_gradient(sign(x), upstream, kernel_side, stride, pad_value)
    alpha, n = np.abs(kernel).mean(axis=(0, 1, 2)), kernel_side**2 * 3
    through_the_sign = alpha * (np.abs(kernel) <= 1) * g
    through_alpha = sign(kernel) / n * (g * sign(kernel)).sum(axis=(0, 1, 2))
    np.testing.assert_allclose(gradient, through_the_sign + through_alpha, RTOL, ATOL, err_msg=MESSAGE)


def test_the_gradient_through_alpha_is_0_at_a_weight_of_0() -> None:
    layer = layer_of(np.zeros((1, 1, 2, 1), np.float32), 1, 1)
    with tf.GradientTape() as tape:
        y = layer(tf.ones((1, 1, 1, 2)))
    # alpha is 0 too, so nothing is left.
    np.testing.assert_array_equal(tape.gradient(y, layer.trainable_variables[0]), np.zeros((1, 1, 2, 1)))


def pointwise_and_gradients(convolve: Any, x: Floats, kernel: Floats, upstream: Floats) -> list[Floats]:
    x, kernel = tf.constant(x), tf.constant(kernel)
    with tf.GradientTape() as tape:
        tape.watch([x, kernel])
        y = convolve(x, kernel)
    return [y.numpy(), *(g.numpy() for g in tape.gradient(y, [x, kernel], output_gradients=tf.constant(upstream)))]


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("side", [5, 6])
def test_pointwise_convolution_equals_tensorflow_where_that_is_safe(side: int, stride: int) -> None:
    out = -(-side // stride)
    data = normal(32, side, side, 16), normal(1, 1, 16, 16, seed=SEED + 1), normal(32, out, out, 16, seed=SEED + 2)
    found = pointwise_and_gradients(lambda x, kernel: pointwise_convolution(x, kernel, stride), *data)
    stock = pointwise_and_gradients(lambda x, kernel: tf.nn.conv2d(x, kernel, stride, "VALID"), *data)
    for ours, theirs in zip(found, stock, strict=True):
        np.testing.assert_allclose(ours, theirs, RTOL, 1e-4, err_msg=MESSAGE)  # sums of up to 32·36 products


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("side", [5, 6])
def test_pointwise_convolution_is_right_where_tensorflow_is_not_safe(side: int, stride: int) -> None:
    out = -(-side // stride)
    x, kernel = normal(29, side, side, 8), normal(1, 1, 8, 6, seed=SEED + 1)
    upstream = normal(29, out, out, 6, seed=SEED + 2)
    y, dx, dkernel = pointwise_and_gradients(
        lambda x, kernel: pointwise_convolution(x, kernel, stride), x, kernel, upstream
    )
    np.testing.assert_allclose(y, convolution(x, kernel, stride, 0), RTOL, ATOL, err_msg=MESSAGE)
    np.testing.assert_allclose(dx, input_gradient(x, kernel, upstream, stride), RTOL, ATOL, err_msg=MESSAGE)
    # Sums of up to 29·36 products.
    np.testing.assert_allclose(dkernel, kernel_gradient(x, upstream, 1, stride, 0), RTOL, 1e-4, err_msg=MESSAGE)


def test_centring_leaves_no_mean_over_input_channels() -> None:
    mean = centred(tf.constant(normal(3, 3, 5, 4))).numpy().mean(axis=2)
    # A mean of 5 float32 numbers of order 1.
    np.testing.assert_allclose(mean, np.zeros((3, 3, 4)), rtol=0, atol=1e-6, err_msg=MESSAGE)


def test_centring_twice_changes_nothing() -> None:
    once = centred(tf.constant(normal(3, 3, 5, 4)))
    # The mean that is left is rounding only.
    np.testing.assert_allclose(centred(once), once, rtol=0, atol=1e-6, err_msg=MESSAGE)


def test_centring_takes_one_mean_at_each_position_and_filter() -> None:
    kernel = tf.constant([[[[1.0, 10.0], [3.0, 30.0]]]])
    np.testing.assert_array_equal(centred(kernel), [[[[-1, -10], [1, 10]]]])


def test_the_gradient_scale_is_the_filter_size_less_the_share_of_centring() -> None:
    # (1 - 1/4) · 3 · 3 · 4, whatever the number of filters.
    assert xnor_net_gradient_scale((3, 3, 4, 7)) == 27
    assert xnor_net_gradient_scale((1, 1, 64, 7)) == 63


# Standardised weights.


def standardised_reference(kernel: Floats) -> tuple[Floats, Floats]:
    """Filter by filter in float64: the standardised kernel, and each filter's deviation."""
    found, sigma = np.zeros(kernel.shape), np.zeros(kernel.shape[3])
    for filter_ in range(kernel.shape[3]):
        weights = kernel[..., filter_].astype(float)
        sigma[filter_] = (((weights - weights.mean()) ** 2).mean() + STANDARDISATION_EPSILON) ** 0.5
        found[..., filter_] = (weights - weights.mean()) / sigma[filter_]
    return found, sigma


def through_standardising(kernel: Floats, gradient: Floats) -> Floats:
    """The gradient with respect to the kernel, from that with respect to the standardised kernel."""
    w_hat, sigma = standardised_reference(kernel)
    mean = gradient.mean(axis=(0, 1, 2))
    along = (gradient * w_hat).mean(axis=(0, 1, 2))
    result: Floats = (gradient - mean - w_hat * along) / sigma
    return result


def off_centre(seed: int = SEED + 1) -> Floats:
    """A kernel whose filters have means near 0.3 and deviations near 0.2, so that standardising changes signs."""
    return 0.2 * normal(3, 3, 3, 4, seed=seed) + np.float32(0.3)


def test_standardised_filters_have_mean_0_and_variance_1() -> None:
    found = standardised(tf.constant(off_centre())).numpy().astype(float)
    # Sums of 27 float32 numbers of order 1; epsilon is 1e-8 of a variance of 0.04.
    np.testing.assert_allclose(found.mean(axis=(0, 1, 2)), np.zeros(4), rtol=0, atol=1e-6, err_msg=MESSAGE)
    np.testing.assert_allclose(found.var(axis=(0, 1, 2)), np.ones(4), rtol=0, atol=3e-6, err_msg=MESSAGE)


def test_standardising_follows_its_formula_and_gradient() -> None:
    kernel, upstream = off_centre(), normal(3, 3, 3, 4, seed=SEED + 2)
    variable = tf.constant(kernel)
    with tf.GradientTape() as tape:
        tape.watch(variable)
        y = standardised(variable)
    gradient = tape.gradient(y, variable, output_gradients=tf.constant(upstream))
    np.testing.assert_allclose(y, standardised_reference(kernel)[0], RTOL, ATOL, err_msg=MESSAGE)
    # Divided by deviations near 0.2, errors are five times as large.
    np.testing.assert_allclose(gradient, through_standardising(kernel, upstream), RTOL, 5 * ATOL, err_msg=MESSAGE)


def test_the_size_of_latent_weights_does_not_matter_when_standardised() -> None:
    x, kernel = normal(2, 5, 5, 3), off_centre()
    small, large = (layer_of(size * kernel, 1, 1, standardise=True)(tf.constant(x)) for size in (1, 8))
    # epsilon is 2.5e-7 of the variance at size 1.
    np.testing.assert_allclose(small, large, RTOL, ATOL, err_msg=MESSAGE)


def test_a_filter_of_equal_weights_is_standardised_to_0() -> None:
    np.testing.assert_array_equal(standardised(tf.fill([3, 3, 2, 1], 0.5)), np.zeros((3, 3, 2, 1)))


@pytest.mark.parametrize("kernel_side", [1, 3])
def test_sign_and_alpha_see_standardised_weights(kernel_side: int) -> None:
    x, kernel = normal(2, 5, 5, 3), off_centre()[:kernel_side, :kernel_side]
    w_hat, _ = standardised_reference(kernel)
    assert (sign(w_hat) != sign(kernel)).any()
    expected = convolution(sign(x), sign(w_hat), 1, 1) * np.abs(w_hat).mean(axis=(0, 1, 2))
    y = layer_of(kernel, 1, 1, standardise=True)(tf.constant(x))
    np.testing.assert_allclose(y, expected, RTOL, ATOL, err_msg=MESSAGE)


def test_the_kernel_gradient_is_that_of_xnor_net_carried_through_standardising() -> None:
    x, kernel, upstream = normal(2, 5, 5, 3), off_centre(), normal(2, 5, 5, 4, seed=SEED + 2)
    layer = layer_of(kernel, 1, 1, standardise=True)
    with tf.GradientTape() as tape:
        y = layer(tf.constant(x))
    gradient = tape.gradient(y, layer.trainable_variables[0], output_gradients=tf.constant(upstream))

    w_hat, _ = standardised_reference(kernel)
    g = kernel_gradient(sign(x), upstream, 3, 1, 1)
    alpha, n = np.abs(w_hat).mean(axis=(0, 1, 2)), 9 * 3
    of_w_hat = alpha * (np.abs(w_hat) <= 1) * g + sign(w_hat) / n * (g * sign(w_hat)).sum(axis=(0, 1, 2))
    # Divided by deviations near 0.2, errors are five times as large.
    np.testing.assert_allclose(gradient, through_standardising(kernel, of_w_hat), RTOL, 5 * ATOL, err_msg=MESSAGE)


@pytest.mark.parametrize("standardise", [False, True])
def test_the_configuration_makes_the_same_layer_again(standardise: bool) -> None:
    config = layer_of(off_centre(), 1, 1, standardise=standardise).get_config()
    again = ScaledQuantConv2D.from_config(config)
    assert (again.standardise, again.get_config()) == (standardise, config)


def test_a_layer_may_have_no_scale_and_read_the_map_as_it_is() -> None:
    x, kernel = normal(2, 5, 5, 3), normal(3, 3, 3, 4, seed=SEED + 1)
    layer = ScaledQuantConv2D(
        4, 3, padding="same", use_bias=False, kernel_quantizer=quantizer(1), scaled=False, kernel_initializer="zeros"
    )
    layer.build((None, None, None, 3))
    layer.set_weights([kernel])
    np.testing.assert_allclose(layer(tf.constant(x)), convolution(x, sign(kernel), 1, 0), RTOL, ATOL, err_msg=MESSAGE)
    np.testing.assert_array_equal(layer.alpha(), np.ones(4))
    np.testing.assert_array_equal(layer.scaled_kernel(), sign(kernel))
    assert ScaledQuantConv2D.from_config(layer.get_config()).scaled is False
