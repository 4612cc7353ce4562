"""Least squares without negative coefficients, against their optimality conditions and SciPy's."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.optimize import nnls

from edgehybrid.device.least_squares import inseparable_columns, non_negative_least_squares

NUMBERS = st.integers(-8, 8).map(float)
SHAPES = st.tuples(st.integers(1, 8), st.integers(1, 5))
SYSTEMS = SHAPES.flatmap(
    lambda shape: st.tuples(arrays(float, shape, elements=NUMBERS), arrays(float, shape[0], elements=NUMBERS))
)


def loss(matrix: Any, target: Any, x: Any) -> float:
    return float(np.sum((matrix @ x - target) ** 2))


@given(SYSTEMS)
def test_is_as_good_as_scipys(system: tuple[Any, Any]) -> None:
    matrix, target = system
    found = non_negative_least_squares(matrix, target)
    assert (found >= 0).all()
    # Both losses are sums of a few squares of numbers up to 8, each rounded some times.
    assert loss(matrix, target, found) == pytest.approx(loss(matrix, target, nnls(matrix, target)[0]), abs=1e-9)


@given(SYSTEMS)
def test_no_coefficient_wants_to_grow_or_may_shrink(system: tuple[Any, Any]) -> None:
    """The conditions of Karush, Kuhn and Tucker, which are enough here: the problem is convex."""
    matrix, target = system
    found = non_negative_least_squares(matrix, target)
    gradient = matrix.T @ (matrix @ found - target)
    assert (gradient >= -1e-6).all()
    assert np.abs(gradient[found > 0]).max(initial=0) < 1e-6


def test_what_would_be_negative_is_zero() -> None:
    # Plain least squares would be (2, -1).
    assert non_negative_least_squares(np.eye(2), np.array([2.0, -1.0])).tolist() == [2.0, 0.0]


def test_columns_of_very_different_sizes() -> None:
    matrix = np.array([[1e12, 3e-6], [2e12, 1e-6], [1e12, 5e-6]])
    np.testing.assert_allclose(non_negative_least_squares(matrix, matrix @ [1e-9, 1e3]), [1e-9, 1e3], rtol=1e-9)


def test_separable_columns() -> None:
    assert inseparable_columns(np.array([[1.0, 0.0], [0.0, 1e9], [1.0, 1e9]])) == []


def test_columns_in_proportion_are_named_and_others_are_not() -> None:
    matrix = np.array([[1.0, 7.0, 2.0], [2.0, 1.0, 4.0], [3.0, 5.0, 6.0], [4.0, 2.0, 8.0]])
    assert inseparable_columns(matrix) == [0, 2]


def test_fewer_rows_than_columns_tell_nothing() -> None:
    assert inseparable_columns(np.array([[1.0, 2.0]])) == [0, 1]
