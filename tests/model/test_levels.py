"""Levels, scaled signs and thermometers against NumPy references, and the laws that follow from them."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from edgehybrid.model.compat import tf
from edgehybrid.model.fused import quantised_levels
from edgehybrid.model.levels import LevelConv2D, QuantizeLevels, ScaledSign, Thermometer

SEED = 20241015
EDGES = [0.0, -0.0, 2.0, -1.0, 1e30, -1e30, 1 / 3 + 1e-6, 1 / 3 - 1e-6, 1.0, 5 / 3 + 1e-6]


def level(x: float) -> int:
    """How many of the published thresholds are reached."""
    return sum(x >= threshold for threshold in (1 / 3, 1, 5 / 3))


def gradient_of(quantize: Any, x: NDArray[np.float32], upstream: NDArray[np.float32]) -> NDArray[np.float32]:
    variable = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(variable)
        y = quantize(variable)
    gradient: NDArray[np.float32] = tape.gradient(y, variable, output_gradients=tf.constant(upstream)).numpy()
    return gradient


@given(st.lists(st.floats(-3, 5, width=32), min_size=1, max_size=50))
def test_levels_are_those_of_the_published_thresholds(numbers: list[float]) -> None:
    # float32 cannot hold 1.5 x + 0.5 closer than 2e-7: an input nearer to a threshold may lie on either side.
    numbers = [x for x in numbers if min(abs(x - t) for t in (1 / 3, 1, 5 / 3)) > 1e-6]
    found = QuantizeLevels()(tf.constant(numbers, tf.float32)).numpy()
    assert found.tolist() == [level(x) for x in numbers]


def test_levels_at_the_edges() -> None:
    assert QuantizeLevels()(tf.constant(EDGES, tf.float32)).numpy().tolist() == [level(x) for x in EDGES]


def test_not_a_number_stays_so() -> None:
    assert math.isnan(float(QuantizeLevels()(tf.constant([math.nan]))[0]))


@pytest.mark.parametrize(("step", "expected"), [(1.0, 1.5), (2 / 3, 1.0)])
def test_the_gradient_passes_on_the_closed_interval(step: float, expected: float) -> None:
    x = np.array([-1e-6, 0, 1, 2, 2.0001], np.float32)
    np.testing.assert_allclose(
        gradient_of(QuantizeLevels(step=step), x, np.ones_like(x)), [0, expected, expected, expected, 0], rtol=1e-6
    )


def test_the_straight_through_gradient_is_scaled_by_the_distance_to_the_level() -> None:
    rng = np.random.default_rng(SEED)
    x, g = rng.uniform(0, 2, 50).astype(np.float32), rng.normal(size=50).astype(np.float32)
    expected = g * (1 + 0.01 * np.sign(g) * (x - np.array([level(each) for each in x]) * 2 / 3))
    found = gradient_of(QuantizeLevels(step=2 / 3, ewgs=0.01), x, g)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-7, err_msg=f"seed {SEED}")


@pytest.mark.parametrize("ewgs", [0.0, 0.01])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_the_fused_form_is_the_same(dtype: str, ewgs: float) -> None:
    rng = np.random.default_rng(SEED)
    x = tf.cast(tf.constant(rng.normal(1, 1, (2, 3, 4, 5)), tf.float32), dtype)
    g = tf.cast(tf.constant(rng.normal(size=x.shape), tf.float32), dtype)
    quantizer = QuantizeLevels(step=2 / 3, ewgs=ewgs)
    results = []
    for quantize, read, upstream in (
        (lambda part: quantised_levels(part, quantizer), x, g),
        (quantizer, tf.cast(x, tf.float32), tf.cast(g, tf.float32)),
    ):
        with tf.GradientTape() as tape:
            tape.watch(read)
            y = quantize(read)
        results.append((y, tape.gradient(y, read, output_gradients=upstream)))
    # bfloat16 has 8 significant bits, and the fused form rounds once.
    tolerance = 2**-8 if dtype == "bfloat16" else 1e-6
    for fused, plain in zip(*results, strict=True):
        np.testing.assert_allclose(tf.cast(fused, tf.float32), plain, rtol=tolerance, atol=1e-6, err_msg=f"seed {SEED}")


def test_filters_are_signs_times_their_mean_and_the_gradient_passes_unchanged() -> None:
    rng = np.random.default_rng(SEED)
    kernel, g = rng.normal(0, 3, (3, 3, 4, 5)).astype(np.float32), rng.normal(size=(3, 3, 4, 5)).astype(np.float32)
    kernel[0, 0, 0, 0] = -0.0
    means = np.abs(kernel).mean(axis=(0, 1, 2))
    np.testing.assert_allclose(ScaledSign()(tf.constant(kernel)), np.where(kernel >= 0, 1, -1) * means, rtol=1e-6)
    np.testing.assert_array_equal(gradient_of(ScaledSign(), kernel, g), g)


def test_a_shared_scale_is_the_same_for_all_filters() -> None:
    kernel = np.random.default_rng(SEED).normal(size=(1, 1, 4, 5)).astype(np.float32)
    assert set(np.abs(ScaledSign(shared_scale=32)(tf.constant(kernel))).ravel().tolist()) == {1 / 32}


def thermometer(pixel: int, channels: int) -> list[int]:
    """The released code's formula, in exact fractions of 10^-4 / (s k)."""
    step = max(1, 255 // (3 * channels)) * channels
    found = []
    for i in range(1, channels + 1):
        exact = 10_000 * pixel * channels - (10_000 * (i - channels) + channels) * step
        found.append(min(max(exact // (10_000 * step * channels), 0), 3))
    return found


@pytest.mark.parametrize("channels", [1, 3, 10, 21, 32, 85])
def test_a_thermometer_reads_every_pixel_as_the_formula_does(channels: int) -> None:
    pixels = np.arange(256)
    image = np.broadcast_to((pixels / 255).astype(np.float32)[None, :, None, None], (1, 256, 1, 3))
    found = Thermometer(channels)(tf.constant(image)).numpy()[0, :, 0]
    assert found.shape == (256, 3 * channels)
    for pixel in pixels:
        expected = np.repeat(thermometer(int(pixel), channels), 3)
        np.testing.assert_allclose(found[pixel], expected * 2 / 3, rtol=1e-6, err_msg=f"pixel {pixel}")


def test_a_thermometer_rises_with_the_pixel() -> None:
    image = (np.arange(256) / 255).astype(np.float32).reshape(1, 256, 1, 1)
    sums = Thermometer(10)(tf.constant(image)).numpy().sum(axis=-1).ravel()
    assert (np.diff(sums) >= 0).all()
    assert (sums[0], sums[-1]) == (0, pytest.approx(20))


@pytest.mark.parametrize(("side", "stride"), [(1, 1), (3, 1), (3, 2), (1, 2)])
def test_a_convolution_is_that_of_levels_with_scaled_signs(side: int, stride: int) -> None:
    rng = np.random.default_rng(SEED)
    x = rng.normal(1, 1, (2, 6, 6, 5)).astype(np.float32)
    layer = LevelConv2D(
        4,
        side,
        stride,
        padding="same",
        input_quantizer=QuantizeLevels(step=2 / 3),
        kernel_quantizer=ScaledSign(),
        use_bias=False,
    )
    y = layer(tf.constant(x))
    kernel = layer.latent_kernel.numpy()
    levels = np.vectorize(level)(x) * np.float32(2 / 3)
    expected = tf.nn.conv2d(levels, np.where(kernel >= 0, 1, -1) * layer.alpha().numpy(), stride, "SAME")
    np.testing.assert_allclose(y, expected, rtol=1e-5, atol=1e-5, err_msg=f"seed {SEED}")


def test_configurations_come_back() -> None:
    for thing in (QuantizeLevels(2, 2 / 3, 0.01), ScaledSign(32), Thermometer(7)):
        again = type(thing).from_config(thing.get_config())
        assert again.get_config() == thing.get_config()
