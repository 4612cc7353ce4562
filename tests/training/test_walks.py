"""What is computed between convolutions, at the edges; test_layerwise.py compares whole nodes with NumPy."""

import numpy as np
import pytest

from edgehybrid.model.compat import tf
from edgehybrid.training import walks

SEED = 2102
NUMBERS = tf.constant([0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 2.0, -2.0, 1e-7], tf.float16)


def test_signs_come_back_from_their_bits() -> None:
    bits = walks.packed_signs(NUMBERS)
    assert walks.signs_of(bits, (9,), 1.0).numpy().tolist() == [1, 1, 1, -1, 1, -1, 1, -1, 1]
    assert walks.signs_of(bits, (9,), 1.0, 1.0).numpy().tolist() == [0, 0, 0, -2, 0, -2, 0, -2, 0]


def test_nothing_passes_at_one_or_beyond() -> None:
    passed = walks.where_inside(tf.ones([9], tf.bfloat16), walks.inside(NUMBERS))
    assert tf.cast(passed, tf.float32).numpy().tolist() == [1, 1, 0, 0, 1, 1, 0, 0, 1]


def test_only_what_is_above_zero_is_positive() -> None:
    passed = walks.where_inside(tf.ones([9], tf.bfloat16), walks.positive(NUMBERS))
    np.testing.assert_array_equal(tf.cast(passed, tf.float32), NUMBERS.numpy() > 0)


@pytest.mark.parametrize("at_once", [1, 2**19])
@pytest.mark.parametrize("shape", [(19, 5, 3, 7), (9, 33), (1, 1)])
def test_sums_over_parts_are_sums_over_the_batch(
    shape: tuple[int, ...], at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(walks, "NUMBERS_AT_ONCE", at_once)
    y = np.random.default_rng(SEED).normal(size=shape).astype(np.float16)
    signs = np.where(np.random.default_rng(SEED + 1).random(shape) < 0.5, np.float16(-1), np.float16(1))
    bits, numbers = walks.packed_signs(tf.constant(signs)), y.astype(np.float64)
    axes = tuple(range(len(shape) - 1))
    mean = numbers.mean(axis=axes)
    for found, expected in (
        (walks.channel_means(tf.constant(y)), mean),
        (walks.channel_sums(tf.constant(y)), numbers.sum(axis=axes)),
        (walks.signed_channel_sums(tf.constant(y), bits), (numbers * signs).sum(axis=axes)),
        (
            walks.channel_deviations(tf.constant(y), tf.constant(mean, tf.float32)),
            np.abs(numbers - mean).mean(axis=axes),
        ),
    ):
        # float32 sums of a few hundred numbers near 1.
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5, err_msg=f"seed {SEED}")


def test_the_gradient_of_bits_with_decay_and_its_square() -> None:
    random = np.random.default_rng(SEED)
    weights = random.normal(size=(3, 3, 5, 2)).astype(np.float32)
    signs = np.where(random.random(weights.shape) < 0.5, -1.0, 1.0)
    bits, variable = walks.packed_signs(tf.constant(signs)), tf.Variable(weights)
    expected = 0.25 * signs + 0.1 * weights
    found = walks.decayed_signs(bits, 0.25, tf.constant(0.1), variable, tf.constant(0.5))
    np.testing.assert_allclose(found, 0.5 * expected, rtol=1e-5, atol=1e-7)
    square = walks.decayed_signs_square(bits, 0.25, tf.constant(0.1), variable)
    np.testing.assert_allclose(square, np.square(expected).sum(), rtol=1e-5)
