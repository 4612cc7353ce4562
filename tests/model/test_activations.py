"""Learned thresholds and RPReLU against the formulas of ReActNet, computed value by value in NumPy."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from edgehybrid.model.activations import LearnedThreshold, RPReLU
from edgehybrid.model.compat import keras, tf
from edgehybrid.model.quantizers import quantizer

Floats = npt.NDArray[Any]

SEED = 2003
MESSAGE = f"seed {SEED}"
CHANNELS = 5
# A map, and what a dense layer reads.
SHAPES = [(3, 4, 4, CHANNELS), (6, CHANNELS)]
# Gradients of learned numbers are float32 sums of up to 48 values of order 1, whose unit in the last place is 1.2e-7.
RTOL, ATOL = 1e-5, 1e-5


def normal(*shape: int, seed: int) -> Floats:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def built(layer: Any, shape: tuple[int, ...], *values: Floats) -> Any:
    """The layer with these weights."""
    layer.build((None, *shape[1:]))
    layer.set_weights([value.reshape(weight.shape) for value, weight in zip(values, layer.weights, strict=True)])
    return layer


def gradients(f: Any, x: Floats, weights: list[Any], upstream: Floats) -> tuple[Floats, list[Floats]]:
    """With respect to x, then to each of the weights."""
    variable = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(variable)
        y = f(variable)
    of_x, *of_weights = tape.gradient(y, [variable, *weights], output_gradients=tf.constant(upstream))
    return of_x.numpy(), [gradient.numpy().reshape(-1) for gradient in of_weights]


def over_map(values: Floats) -> Floats:
    """Sum over all axes but the channels."""
    found: Floats = np.asarray(values, float).reshape(-1, CHANNELS).sum(axis=0)
    return found


# RSign: the threshold, then the sign.


def rsign(shape: tuple[int, ...], t: Floats) -> tuple[Any, Any]:
    threshold = built(LearnedThreshold(), shape, t)
    return threshold, lambda x: quantizer(1)(threshold(x))


@pytest.mark.parametrize("shape", SHAPES)
def test_rsign_is_the_sign_of_the_distance_to_the_threshold(shape: tuple[int, ...]) -> None:
    x, t = normal(*shape, seed=SEED), normal(CHANNELS, seed=SEED + 1)
    _, f = rsign(shape, t)
    np.testing.assert_array_equal(f(tf.constant(x)), np.where(x >= t, 1, -1), err_msg=MESSAGE)


def test_a_value_at_its_threshold_is_plus_1() -> None:
    t = np.array([-1.5, -0.0, 0.0, 0.3, 7], np.float32)
    _, f = rsign((1, CHANNELS), t)
    np.testing.assert_array_equal(f(tf.constant(t[None])), np.ones((1, CHANNELS)))


@pytest.mark.parametrize("shape", SHAPES)
def test_the_gradient_of_rsign_passes_near_the_threshold_and_moves_it_the_other_way(shape: tuple[int, ...]) -> None:
    x, t, upstream = normal(*shape, seed=SEED), normal(CHANNELS, seed=SEED + 1), normal(*shape, seed=SEED + 2)
    threshold, f = rsign(shape, t)
    of_x, (of_t,) = gradients(f, x, threshold.trainable_variables, upstream)
    expected = np.where(np.abs(x - t) <= 1, upstream, 0)
    np.testing.assert_array_equal(of_x, expected, err_msg=MESSAGE)
    np.testing.assert_allclose(of_t, -over_map(expected), RTOL, ATOL, err_msg=MESSAGE)


def test_thresholds_start_at_0() -> None:
    layer = LearnedThreshold()
    layer.build((None, 4, 4, CHANNELS))
    np.testing.assert_array_equal(layer.threshold, np.zeros(CHANNELS))


# RPReLU.


def rprelu(shape: tuple[int, ...]) -> tuple[Any, Floats, Floats, Floats]:
    gamma, zeta, beta = (normal(CHANNELS, seed=SEED + 3 + i) for i in range(3))
    return built(RPReLU(), shape, gamma, zeta, beta), gamma, zeta, beta


@pytest.mark.parametrize("shape", SHAPES)
def test_rprelu_follows_its_formula(shape: tuple[int, ...]) -> None:
    x = normal(*shape, seed=SEED)
    layer, gamma, zeta, beta = rprelu(shape)
    expected = np.where(x > gamma, x - gamma + zeta, beta * (x - gamma) + zeta)
    np.testing.assert_allclose(layer(tf.constant(x)), expected, RTOL, ATOL, err_msg=MESSAGE)


@pytest.mark.parametrize("shape", SHAPES)
def test_the_gradients_of_rprelu_follow_their_formulas(shape: tuple[int, ...]) -> None:
    x, upstream = normal(*shape, seed=SEED), normal(*shape, seed=SEED + 2)
    layer, gamma, _, beta = rprelu(shape)
    of_x, (of_gamma, of_zeta, of_beta) = gradients(layer, x, layer.trainable_variables, upstream)
    slope = np.where(x > gamma, 1, beta)
    np.testing.assert_allclose(of_x, slope * upstream, RTOL, ATOL, err_msg=MESSAGE)
    np.testing.assert_allclose(of_gamma, -over_map(slope * upstream), RTOL, ATOL, err_msg=MESSAGE)
    np.testing.assert_allclose(of_zeta, over_map(upstream), RTOL, ATOL, err_msg=MESSAGE)
    np.testing.assert_allclose(of_beta, over_map(np.minimum(x - gamma, 0) * upstream), RTOL, ATOL, err_msg=MESSAGE)


def test_rprelu_at_its_bend_is_zeta_and_has_no_gradient() -> None:
    layer, gamma, zeta, _ = rprelu((1, CHANNELS))
    np.testing.assert_array_equal(layer(tf.constant(gamma[None]))[0], zeta)
    of_x, _ = gradients(layer, gamma[None], layer.trainable_variables, np.ones((1, CHANNELS), np.float32))
    np.testing.assert_array_equal(of_x, np.zeros((1, CHANNELS)))


def test_rprelu_starts_as_a_prelu_of_slope_a_quarter() -> None:
    x = np.array([[-4, -1, 0, 1, 4]], np.float32)
    np.testing.assert_array_equal(RPReLU()(tf.constant(x)), [[-1, -0.25, 0, 1, 4]])


def test_rprelu_without_shifts_and_slopes_is_a_relu() -> None:
    x, zeros = normal(*SHAPES[0], seed=SEED), np.zeros(CHANNELS, np.float32)
    layer = built(RPReLU(), SHAPES[0], zeros, zeros, zeros)
    np.testing.assert_array_equal(layer(tf.constant(x)), np.maximum(x, 0), err_msg=MESSAGE)


@pytest.mark.parametrize("kind", [LearnedThreshold, RPReLU])
def test_keras_finds_the_layer_by_its_registered_name(kind: Any) -> None:
    assert isinstance(keras.layers.deserialize(keras.layers.serialize(kind(name="x"))), kind)
