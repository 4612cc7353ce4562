"""The forward pass without side effects against the Keras model, and its smooth quantisers."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny_runs import random_model, tiny_recipe

from edgehybrid.model.compat import tf
from edgehybrid.model.quantizers import fixed_point, quantizer
from edgehybrid.recipe import load_recipe
from edgehybrid.training.surrogate import MeasuringPass, smooth, straight_through

NETWORKS = (
    (),
    ("network.placement.full_precision=[all]",),
    ("network.placement.bits={stage2: 2}", "network.pad_value=0"),
    ("network.placement.float_fraction=0.25", "network.placement.float_filter_input=sign"),
    ("network.thresholds=learned", "network.activation=rprelu", "network.standardise_weights=true"),
)
CLIP = "training.latent_weights.clip=false"


def images_of(count: int) -> Any:
    return tf.constant(np.random.default_rng(5).normal(size=(count, 8, 8, 1)).astype(np.float32))


@pytest.mark.parametrize("overrides", NETWORKS, ids=["binary", "float", "2 bits", "split", "learned"])
def test_logits_and_gradients_are_those_of_the_model_in_training(overrides: tuple[str, ...]) -> None:
    model, images = random_model(tiny_recipe(CLIP, *overrides)), images_of(6)
    before = [v.numpy() for v in model.non_trainable_variables]
    found = []
    forward = MeasuringPass(model, straight_through)
    # The measured pass first: the model's own moves BatchNorm's averages.
    for compute in (forward, lambda x: model(x, training=True)):
        with tf.GradientTape() as tape:
            logits = compute(images)
            loss = tf.reduce_sum(tf.sin(logits))
        variables = [getattr(v, "latent_variable", v) for v in model.trainable_variables]
        found.append((logits.numpy(), [g.numpy() for g in tape.gradient(loss, variables)]))
        if compute is forward:
            for value, variable in zip(before, model.non_trainable_variables, strict=True):
                np.testing.assert_array_equal(value, variable.numpy())
    # Convolutions and BatchNorm add in another order: some roundings of numbers of about 1.
    np.testing.assert_allclose(found[0][0], found[1][0], rtol=1e-3, atol=1e-4)
    for ours, keras_own in zip(found[0][1], found[1][1], strict=True):
        assert np.linalg.norm(ours - keras_own) <= 1e-3 * np.linalg.norm(keras_own) + 1e-5


@given(x=st.floats(-2, 2), slope=st.floats(0.5, 20))
def test_the_smooth_sign_is_a_tanh_with_its_own_derivatives(x: float, slope: float) -> None:
    value = tf.constant(x, tf.float64)
    with tf.GradientTape() as outer:
        outer.watch(value)
        with tf.GradientTape() as inner:
            inner.watch(value)
            y = smooth(slope)(quantizer(1), value)
        first = inner.gradient(y, value)
    t = np.tanh(slope * x)
    expected = (t, slope * (1 - t**2), -2 * slope**2 * t * (1 - t**2))
    assert (float(y), float(first), float(outer.gradient(first, value))) == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_of_several_bits_the_steps_are_left_out() -> None:
    values = tf.constant([-3.0, -1.0, -0.4, 0.0, 0.7, 2.0])
    assert smooth(3.0)(quantizer(2), values).numpy() == pytest.approx([-1, -1, -0.4, 0, 0.7, 1])
    assert smooth(3.0)(quantizer(2, clip=False), values).numpy() == pytest.approx(values.numpy())


def test_a_steep_surrogate_is_the_network() -> None:
    model, images = random_model(tiny_recipe()), images_of(6)
    steep, exact = (MeasuringPass(model, quantise)(images).numpy() for quantise in (smooth(1e9), straight_through))
    # tanh(1e9·x) is the sign for |x| > 1e-8.
    np.testing.assert_allclose(steep, exact, rtol=1e-3, atol=1e-4)


def test_fixed_point_numbers_are_clipped_at_their_own_ends() -> None:
    values = tf.constant([-3.0, -1.0, -0.4, 0.7, 0.8, 2.0])
    assert smooth(3.0)(fixed_point(3), values).numpy() == pytest.approx([-1, -1, -0.4, 0.7, 0.75, 0.75])
    assert smooth(3.0)(fixed_point(3, rectified=True), values).numpy() == pytest.approx([0, 0, 0, 0.7, 0.75, 0.75])


@pytest.mark.parametrize("name", ["moons/binary_1x64", "moons/4bit_1x64"])
def test_layers_that_are_quantised_by_half_are_measured_as_they_are(name: str) -> None:
    recipe = load_recipe(name, ["network.block_filters=[4, 4, 4]", "data.image_side=8"])
    model = random_model(recipe)
    images = tf.constant(np.random.default_rng(4).normal(size=(6, 8, 8, 3)), tf.float32)
    found = MeasuringPass(model, straight_through)(images)
    np.testing.assert_allclose(found, model(images, training=True), rtol=1e-4, atol=1e-5)
