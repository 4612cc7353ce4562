"""Eigenvalues by products alone against numpy.linalg, and what tells a matrix from a symmetric one."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from processes import modules_after

from edgehybrid.training import curvature
from edgehybrid.training.curvature import Product, field_curvature, largest_eigenvalue

Matrix = NDArray[np.float64]
SEEDS = st.integers(0, 2**32 - 1)


def random_matrix(seed: int, size: int) -> Matrix:
    return np.random.default_rng(seed).normal(size=(size, size))


def symmetric(seed: int, eigenvalues: list[float]) -> Matrix:
    axes, _ = np.linalg.qr(random_matrix(seed, len(eigenvalues)))
    return (axes * eigenvalues) @ axes.T


def product_of(matrix: Matrix) -> Product:
    small = matrix.astype(np.float32)
    return lambda vector: small @ vector


@given(seed=SEEDS, size=st.integers(2, 120))
def test_the_eigenvalue_is_that_of_numpy_to_1e_4(seed: int, size: int) -> None:
    matrix = random_matrix(seed, size)
    matrix += matrix.T
    expected = np.linalg.eigvalsh(matrix)
    # 1e-4 is Lanczos' bound. Products round to 2^-24 of the largest eigenvalue in size.
    bound = 1e-4 * abs(expected[-1]) + 1e-5 * np.abs(expected).max()
    assert largest_eigenvalue(product_of(matrix), size, seed) == pytest.approx(expected[-1], abs=bound)


def test_largest_does_not_mean_largest_in_size() -> None:
    matrix = symmetric(1, [*np.linspace(-9, 1, 49), 2.0])
    assert largest_eigenvalue(product_of(matrix), 50) == pytest.approx(2.0, rel=1e-4)


def test_of_zeros_it_is_0_and_of_what_is_not_finite_none() -> None:
    assert largest_eigenvalue(lambda vector: 0 * vector, 30) == 0
    assert math.isnan(largest_eigenvalue(lambda vector: vector * np.float32(np.inf), 30))


def test_where_lanczos_does_not_converge_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(curvature, "MOST_RESTARTS", 1)
    # 500 eigenvalues so close that 20 products cannot tell them apart.
    assert math.isnan(largest_eigenvalue(lambda vector: vector * np.linspace(1, 1.1, 500, dtype=np.float32), 500))


def test_a_symmetric_matrix_has_its_dominant_eigenvalue_and_no_asymmetry() -> None:
    found = field_curvature(product_of(symmetric(2, [*np.linspace(-1, 1, 39), -3.0])), 40)
    # (1 / 3)^20 of the other eigenvectors are left; products round to 2^-24.
    assert found.curvature == pytest.approx(-3.0, rel=1e-5)
    assert found.residual < 1e-5
    assert found.asymmetry < 1e-5


def test_a_rotation_is_all_asymmetry() -> None:
    matrix = random_matrix(3, 40)
    found = field_curvature(product_of(matrix - matrix.T), 40)
    # v'Jv is 0 in exact numbers, and u'Jv = -v'Ju.
    assert found.curvature == pytest.approx(0, abs=1e-5)
    assert found.residual == pytest.approx(1, abs=1e-6)
    assert found.asymmetry == pytest.approx(1, abs=1e-6)


@given(seed=SEEDS, size=st.integers(1, 60), factor=st.sampled_from([0.25, 8.0]), probes=st.integers(1, 5))
def test_shares_are_0_to_1_and_the_same_for_a_multiple(seed: int, size: int, factor: float, probes: int) -> None:
    matrix = random_matrix(seed, size)
    one, other = (field_curvature(product_of(f * matrix), size, seed, probes=probes) for f in (1.0, factor))
    assert 0 <= one.asymmetry <= 1 + 1e-9
    assert 0 <= one.residual <= 1 + 1e-6
    # Factors are powers of 2, so that nothing rounds in another way.
    assert other == pytest.approx((factor * one.curvature, one.residual, one.asymmetry), rel=1e-9, abs=1e-12)


def test_the_asymmetry_estimates_norms_along_the_last_vector() -> None:
    matrix = symmetric(4, [*np.linspace(0, 1, 29), 4.0]) + 0.3 * random_matrix(5, 30)
    found = field_curvature(product_of(matrix), 30, steps=200, probes=4000)
    values, vectors = np.linalg.eig(matrix)
    largest = np.argmax(np.abs(values))
    v = vectors[:, largest].real
    assert found.curvature == pytest.approx(values[largest].real, rel=1e-4)
    expected = np.linalg.norm(matrix @ v - matrix.T @ v) / (np.linalg.norm(matrix @ v) + np.linalg.norm(matrix.T @ v))
    # A mean over 4000 squares of about normal numbers deviates by sqrt(2 / 4000) = 2 %, its root by 1 %.
    assert found.asymmetry == pytest.approx(expected, rel=0.05)


def test_a_field_without_change_has_no_curvature() -> None:
    assert field_curvature(lambda vector: 0 * vector, 10) == (0, 0, 0)


def test_who_measures_no_sharpness_does_not_load_lanczos() -> None:
    assert "scipy.sparse.linalg" not in modules_after("import edgehybrid.training.curvature")
