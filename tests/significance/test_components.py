"""Explained variance against a singular value decomposition, its laws, and the published example of the rule."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from edgehybrid.significance.components import Moments, components_below, explained_variance, significant

# P of the 18 inner layers of a plain 20-layer XNOR network on CIFAR-100 at 0.99, from the curves in the method's
# released code (pca-hybrid, 2019). Its first layer is the network's second.
PUBLISHED = (14, 14, 14, 13, 13, 13, 23, 26, 27, 25, 25, 23, 41, 50, 51, 51, 52, 50)
PUBLISHED_LAYERS = [8, 9, 14, 15]
# Sums of some thousand squares in float64, 2^-53 apart, and eigenvalues near 0 beside those near 1.
CLOSE = 1e-9


def cloud(seed: int, points: int, channels: int) -> NDArray[np.float64]:
    """Points that lie nearer to some directions than to others, far from 0."""
    random = np.random.default_rng(seed)
    mixed = random.normal(size=(points, channels)) @ random.normal(size=(channels, channels))
    return mixed * np.geomspace(1, 0.01, channels) + random.normal(size=channels) * 10


def curve_of(points: NDArray[np.float64], batches: int = 1) -> NDArray[np.float64]:
    moments = Moments(points.shape[1])
    for part in np.array_split(points, batches):
        moments.add(part)
    return explained_variance(moments.covariance())


def reference(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """By the singular values of the centred points."""
    squares = np.linalg.svd(points - points.mean(axis=0), compute_uv=False) ** 2
    return np.cumsum(squares) / squares.sum()


clouds = st.builds(cloud, st.integers(0, 2**31), st.integers(40, 200), st.integers(1, 33))


@given(clouds, st.integers(1, 7))
def test_the_curve_is_that_of_the_singular_values_in_any_batches(points: NDArray[np.float64], batches: int) -> None:
    np.testing.assert_allclose(curve_of(points, batches), reference(points), atol=CLOSE)


@given(clouds)
def test_the_curve_never_falls_ends_at_one_and_bends_down(points: NDArray[np.float64]) -> None:
    curve = curve_of(points)
    steps = np.diff(curve, prepend=0)
    assert (steps >= -CLOSE).all()
    assert curve[-1] == pytest.approx(1)
    assert (np.diff(steps) <= CLOSE).all()


@given(clouds, st.floats(0.01, 100))
def test_turning_moving_and_stretching_the_points_changes_nothing(points: NDArray[np.float64], factor: float) -> None:
    turned, _ = np.linalg.qr(np.random.default_rng(1).normal(size=(points.shape[1],) * 2))
    np.testing.assert_allclose(curve_of(factor * (points + 3) @ turned), curve_of(points), atol=CLOSE)


def test_positions_and_images_are_points_alike() -> None:
    points = cloud(1, 96, 5)
    moments = Moments(5)
    moments.add(points.reshape(6, 4, 4, 5))
    assert moments.points == 96
    np.testing.assert_allclose(explained_variance(moments.covariance()), reference(points), atol=CLOSE)


def test_a_map_that_never_changes_has_no_component() -> None:
    assert components_below(curve_of(np.full((50, 4), 7.0)), 0.99) == 0


def test_components_below_are_one_fewer_than_reach_the_threshold() -> None:
    curve = np.array([0.5, 0.98, 0.99, 0.995, 1.0])
    assert components_below(curve, 0.99) == 3
    assert components_below(curve, 0.4) == 0


def test_the_published_curves_name_the_published_layers() -> None:
    marks = significant(PUBLISHED)
    assert [layer for layer, is_significant in enumerate(marks, start=2) if is_significant] == PUBLISHED_LAYERS


def test_only_a_rise_counts_and_the_first_layer_has_none() -> None:
    assert significant([9, 3, 5, 6, 2], least_rise=2) == [False, False, True, False, False]
    assert significant([9, 3, 5, 6, 2], least_rise=1) == [False, False, True, True, False]
    assert significant([9]) == [False]
    assert significant([]) == []


@given(st.lists(st.integers(0, 64), max_size=20), st.integers(1, 8))
def test_a_higher_bar_names_fewer_layers(counts: list[int], rise: int) -> None:
    lower, higher = significant(counts, rise), significant(counts, rise + 1)
    assert len(lower) == len(counts)
    assert all(low or not high for low, high in zip(lower, higher, strict=True))
