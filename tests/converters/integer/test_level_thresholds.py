"""Thresholds against the formula they stand for, at every integer that can come."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from converters.integer.level_thresholds import Normalisation, apply_thresholds, levels_of, thresholds_of

NUMBERS = st.floats(-3, 3, allow_subnormal=False)


def normalisation(gamma: float, beta: float = 0.0, mean: float = 0.0, variance: float = 1.0) -> Normalisation:
    one = [np.array([number]) for number in (gamma, beta, mean, variance)]
    return Normalisation(one[0], one[1], one[2], one[3], 1e-4)


def check(own: Normalisation, scale: float, least: int, most: int) -> None:
    scales = np.array([scale])
    table = thresholds_of(own, scales, np.array([least]), np.array([most]))
    x = np.arange(least, most + 1)[:, None]
    np.testing.assert_array_equal(apply_thresholds(x, table), levels_of(own(x * scales)))
    assert (np.diff(table[0, :3]) >= 0).all()


@given(NUMBERS, NUMBERS, NUMBERS, st.floats(1e-3, 4), st.floats(1e-3, 1), st.integers(-90, 0), st.integers(0, 90))
def test_every_integer_has_the_level_of_the_formula(
    gamma: float, beta: float, mean: float, variance: float, scale: float, least: int, most: int
) -> None:
    check(normalisation(gamma, beta, mean, variance), scale, least, most)


@pytest.mark.parametrize("gamma", [0.0, -0.0, 1.0, -1.0])
@pytest.mark.parametrize("beta", [-1.0, 0.0, 1 / 3, 1.0, 5 / 3, 2.0])
def test_edges_of_levels_and_constant_channels(gamma: float, beta: float) -> None:
    check(normalisation(gamma, beta), 1 / 32, -64, 64)


def test_a_falling_channel_counts_from_above() -> None:
    table = thresholds_of(normalisation(-1.0), np.array([1.0]), np.array([-9]), np.array([9]))
    assert table.tolist() == [[1, 2, 2, -1]]


def test_levels_that_no_integer_reaches_have_a_threshold_beyond() -> None:
    table = thresholds_of(normalisation(1e-3), np.array([1.0]), np.array([-5]), np.array([5]))
    assert table.tolist() == [[6, 6, 6, 1]]


def test_channels_of_a_thermometer_read_colours_in_turn() -> None:
    table = np.array([[0, 1, 2, 1], [10, 11, 12, 1], [-1, 0, 1, -1], [5, 5, 5, 1]])
    assert apply_thresholds(np.array([[1, 11]]), table).tolist() == [[2, 2, 1, 3]]
