"""Quantizers: a slow NumPy reference of the formulas, and the laws that follow from them."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgehybrid.model.compat import keras, tf
from edgehybrid.model.quantizers import FixedPoint, QuantizeK, fixed_point, quantizer

Floats = npt.NDArray[np.float32]

BITS = (1, 2, 3, 4, 8)
SEED = 20190614
# float32: (x + 1)·n/2 and 2·step/n each carry half a unit in the last place of a number up to 2, 2^-23 = 1.2e-7.
ROUNDING = 3e-7
# float32 cannot hold x + 1 closer than 6e-8: an input nearer to a tie may round to either side.
TIE_MARGIN = 1e-6


def values_of(bits: int) -> list[float]:
    n = 2**bits - 1
    return [2 * step / n - 1 for step in range(n + 1)]


def nearest_value(x: float, bits: int) -> float:
    """The value of q_k next to x; of two equally near ones the greater."""
    return min(values_of(bits), key=lambda value: (abs(value - min(max(x, -1.0), 1.0)), -value))


def ste_gradient(x: Floats, upstream: Floats) -> Floats:
    """The straight-through gradient, 1 for |x| ≤ 1."""
    return np.array([g if -1 <= value <= 1 else 0 for value, g in zip(x, upstream, strict=True)], np.float32)


def inputs(bits: int) -> Floats:
    """Random values in [-1.5, 1.5] that are no tie (ties lie halfway between two values)."""
    x = np.random.default_rng(SEED).uniform(-1.5, 1.5, 400).astype(np.float32)
    values = np.array(values_of(bits))
    ties = (values[1:] + values[:-1]) / 2
    return x[np.abs(x[:, None] - ties).min(axis=1) > TIE_MARGIN]


def edges() -> Floats:
    above, below = np.nextafter(np.float32(1), np.float32(2)), np.nextafter(np.float32(1), np.float32(0))
    return np.array([0.0, -0.0, 1, -1, above, -above, below, -below, 7, -7, 1e30, -1e30], np.float32)


def forward_and_gradient(quantize: Any, x: Floats, upstream: Floats) -> tuple[Floats, Floats]:
    variable = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(variable)
        y = quantize(variable)
    return y.numpy(), tape.gradient(y, variable, output_gradients=tf.constant(upstream)).numpy()


@pytest.mark.parametrize("bits", BITS)
@pytest.mark.parametrize("make", [QuantizeK, quantizer])
def test_rounds_random_values_to_the_nearest(make: Any, bits: int) -> None:
    x = inputs(bits)
    expected = [nearest_value(float(value), bits) for value in x]
    np.testing.assert_allclose(make(bits)(tf.constant(x)), expected, rtol=0, atol=ROUNDING, err_msg=f"seed {SEED}")


@pytest.mark.parametrize("bits", BITS)
@pytest.mark.parametrize("make", [QuantizeK, quantizer])
def test_rounds_the_edges_of_the_definition_to_the_nearest(make: Any, bits: int) -> None:
    x = edges()
    expected = [nearest_value(float(value), bits) for value in x]
    np.testing.assert_allclose(make(bits)(tf.constant(x)), expected, rtol=0, atol=ROUNDING)


@pytest.mark.parametrize("bits", BITS)
@pytest.mark.parametrize("make", [QuantizeK, quantizer])
def test_the_gradient_passes_where_x_is_at_most_1(make: Any, bits: int) -> None:
    x = np.concatenate([edges(), inputs(bits)])
    upstream = np.random.default_rng(SEED).normal(size=x.shape).astype(np.float32)
    _, gradient = forward_and_gradient(make(bits), x, upstream)
    np.testing.assert_array_equal(gradient, ste_gradient(x, upstream), err_msg=f"seed {SEED}")


@pytest.mark.parametrize("bits", BITS)
def test_0_is_the_only_tie_and_rounds_up(bits: int) -> None:
    # n is odd, so 0 lies halfway between -1/n and 1/n.
    np.testing.assert_allclose(
        QuantizeK(bits)(tf.constant([0.0, -0.0])), [1 / (2**bits - 1)] * 2, rtol=0, atol=ROUNDING
    )


def test_two_bits_are_minus_1_minus_a_third_a_third_and_1() -> None:
    x = tf.constant([-1.0, -0.7, -0.6, -0.1, 0.1, 0.6, 0.7, 1.0])
    thirds = QuantizeK(2)(x).numpy() * 3
    np.testing.assert_allclose(thirds, [-3, -3, -1, -1, 1, 1, 3, 3], rtol=0, atol=3 * ROUNDING)


def test_one_bit_is_the_sign_with_the_sign_of_0_and_minus_0_plus_1() -> None:
    x = np.concatenate([edges(), inputs(1)])
    expected = np.where(x >= 0, 1, -1)
    np.testing.assert_array_equal(quantizer(1)(tf.constant(x)), expected, err_msg=f"seed {SEED}")
    np.testing.assert_array_equal(QuantizeK(1)(tf.constant(x)), expected, err_msg=f"seed {SEED}")


def test_the_sign_of_the_smallest_negative_number_is_minus_1() -> None:
    smallest_normal = np.finfo(np.float32).tiny
    np.testing.assert_array_equal(quantizer(1)(tf.constant([-smallest_normal, smallest_normal])), [-1, 1])


@pytest.mark.parametrize("bits", BITS)
def test_has_2_to_the_k_values(bits: int) -> None:
    x = tf.linspace(-1.2, 1.2, 5001)
    assert len(np.unique(quantizer(bits)(x))) == 2**bits


@pytest.mark.parametrize("bits", BITS)
def test_is_odd_away_from_ties(bits: int) -> None:
    x = tf.constant(inputs(bits))
    q = quantizer(bits)
    np.testing.assert_allclose(q(-x), -q(x), rtol=0, atol=ROUNDING, err_msg=f"seed {SEED}")


@pytest.mark.parametrize("bits", BITS)
def test_quantising_twice_changes_nothing(bits: int) -> None:
    q = quantizer(bits)
    once = q(tf.constant(np.concatenate([edges(), inputs(bits)])))
    np.testing.assert_array_equal(q(once), once, err_msg=f"seed {SEED}")


@pytest.mark.parametrize("bits", BITS)
def test_never_decreases(bits: int) -> None:
    y = quantizer(bits)(tf.linspace(-1.2, 1.2, 5001)).numpy()
    assert (np.diff(y) >= 0).all()


@pytest.mark.parametrize("bits", BITS)
def test_precision_tells_larq_the_bits(bits: int) -> None:
    assert quantizer(bits).precision == bits


@pytest.mark.parametrize("bits", BITS)
def test_the_configuration_makes_the_same_quantizer_again(bits: int) -> None:
    first = QuantizeK(bits)
    second = QuantizeK.from_config(first.get_config())
    assert second.get_config() == first.get_config()
    assert second.precision == bits


def test_keras_finds_the_quantizer_by_its_registered_name() -> None:
    again = keras.layers.deserialize(keras.layers.serialize(QuantizeK(3)))
    assert isinstance(again, QuantizeK)
    assert again.precision == 3


@pytest.mark.parametrize("bits", [2, 4])
def test_unclipped_the_steps_go_on_beyond_one_and_every_gradient_passes(bits: int) -> None:
    n = 2**bits - 1
    x = np.array([-3.1, -1.0, -0.45, 0.3, 1.0, 2.6], np.float32)
    upstream = np.arange(1, 7).astype(np.float32)
    y, gradient = forward_and_gradient(QuantizeK(bits, clip=False), x, upstream)
    np.testing.assert_allclose(y, 2 * np.floor((x.astype(np.float64) + 1) / 2 * n + 0.5) / n - 1, atol=ROUNDING)
    np.testing.assert_array_equal(gradient, upstream)
    assert y.max() > 1 > -1 > y.min()


def test_a_quantizer_keeps_in_its_configuration_whether_it_clips() -> None:
    config = QuantizeK(2, clip=False).get_config()
    assert QuantizeK.from_config(config).clip is False


# Fixed-point numbers.

FIXED_BITS = (2, 3, 4, 8)


def fixed_point_reference(x: Floats, bits: int, rectified: bool) -> tuple[Floats, Floats]:
    """(values, gradient) as the released code writes them, one number at a time in float64."""
    m, values, passed = 2 ** (bits - 1), [], []
    for number in x.astype(np.float64):
        if rectified:
            hard_sigmoid = min(max((number + 1) / 2, 0), 1)
            low, inner = 0.0, 2 * round(hard_sigmoid * 2**bits) / 2**bits - 1
            passes = -1 <= number <= 1
        else:
            low, inner = -1.0, round(number * m) / m
            passes = True
        values.append(min(max(inner, low), 1 - 1 / m))
        passed.append(passes and low <= inner <= 1 - 1 / m)
    return np.array(values, np.float32), np.array(passed, np.float32)


@pytest.mark.parametrize("bits", FIXED_BITS)
@pytest.mark.parametrize("rectified", [False, True])
@given(
    numbers=st.lists(st.floats(-1e6, 1e6, width=32), min_size=1, max_size=40), steps=st.lists(st.integers(-600, 600))
)
def test_fixed_point_numbers_and_gradients_are_those_of_the_released_code(
    bits: int, rectified: bool, numbers: list[float], steps: list[int]
) -> None:
    # Halves of a step are ties.
    x = np.array([*numbers, *(step / 2**bits for step in steps)], np.float32)
    # float64 keeps x + 1 of what a float32 near 0 is worth no more: to it, such a number beside a tie is the tie.
    x = x[(np.abs(x) > 1e-3) | (x == 0)]
    values, passed = fixed_point_reference(x, bits, rectified)
    y, gradient = forward_and_gradient(fixed_point(bits, rectified), x, np.ones_like(x))
    np.testing.assert_array_equal(y, values)
    np.testing.assert_array_equal(gradient, passed)


@pytest.mark.parametrize("bits", FIXED_BITS)
def test_fixed_point_weights_have_2_to_the_k_values_and_maps_half_of_them(bits: int) -> None:
    x, m = tf.linspace(-1.5, 1.5, 20001), 2 ** (bits - 1)
    np.testing.assert_array_equal(np.unique(fixed_point(bits)(x)), np.arange(-m, m) / m)
    np.testing.assert_array_equal(np.unique(fixed_point(bits, rectified=True)(x)), np.arange(m) / m)


@pytest.mark.parametrize("bits", FIXED_BITS)
@pytest.mark.parametrize("rectified", [False, True])
@given(x=st.lists(st.floats(-4, 4, width=32), min_size=2, max_size=30))
def test_fixed_point_quantisers_never_decrease_and_change_nothing_twice(
    bits: int, rectified: bool, x: list[float]
) -> None:
    q = fixed_point(bits, rectified)
    once = q(tf.constant(sorted(x)))
    assert (np.diff(once) >= 0).all()
    np.testing.assert_array_equal(q(once), once)


def test_the_edges_of_fixed_point_numbers() -> None:
    x = tf.constant([0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, np.nan])
    np.testing.assert_array_equal(fixed_point(4)(x), [0, 0, 0.875, -1, 0.875, -1, np.nan])
    np.testing.assert_array_equal(fixed_point(4, rectified=True)(x), [0, 0, 0.875, 0, 0.875, 0, np.nan])


@pytest.mark.parametrize("rectified", [False, True])
def test_one_bit_of_fixed_point_numbers_is_the_sign(rectified: bool) -> None:
    x = np.concatenate([edges(), inputs(1)])
    np.testing.assert_array_equal(fixed_point(1, rectified)(tf.constant(x)), np.where(x >= 0, 1, -1))


def test_keras_finds_a_fixed_point_quantizer_again() -> None:
    again = keras.layers.deserialize(keras.layers.serialize(FixedPoint(3, rectified=True)))
    assert (again.precision, again.rectified, again.low, again.high) == (3, True, 0.0, 0.75)
