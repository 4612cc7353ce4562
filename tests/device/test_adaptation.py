"""AdaProxy: the minimum is one, against a slow search; what it learns; what it refuses."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize

from edgehybrid.device.adaptation import adapt, adapt_with, largest_penalty, proxy_weights
from edgehybrid.device.proxy import rank_correlation
from edgehybrid.errors import UsageError

SEEDS = st.integers(0, 2**32 - 1)


def drawn(seed: int, networks: int = 12, columns: int = 4) -> tuple[Any, Any, Any]:
    """Weights of a proxy, encodings, and latencies of a device that bends them."""
    rng = np.random.default_rng(seed)
    weights = rng.uniform(0.5, 2, columns)
    encodings = rng.uniform(0, 1, (networks, columns))
    latencies = encodings @ (weights * rng.uniform(0.5, 2, columns)) + 1 + rng.normal(0, 0.05, networks)
    return weights, encodings, latencies


def objective(weights: Any, encodings: Any, latencies: Any, penalty: float, a: float, b: Any, c: float) -> float:
    rest = encodings @ (weights * (a + b)) + c - latencies
    return float(rest @ rest / len(rest) + penalty * np.linalg.norm(b))


@given(SEEDS, st.floats(0.01, 0.95))
def test_no_search_finds_less(seed: int, share: float) -> None:
    weights, encodings, latencies = drawn(seed)
    penalty = share * largest_penalty(weights, encodings, latencies)
    model = adapt_with(weights, encodings, latencies, penalty)
    total = model.weights / weights

    def best_split(a: float) -> float:
        return objective(weights, encodings, latencies, penalty, a, total - a, model.shift)

    # a + b is known; of all ways to split it, the mean leaves the shortest b.
    found = best_split(float(total.mean()))
    searched = minimize(
        lambda x: objective(weights, encodings, latencies, penalty, x[0], x[1:-1], x[-1]),
        np.concatenate([[1.0], np.full(len(weights), 0.01), [0.0]]),
        method="BFGS",
    )
    # The search ends where its numerical gradient is below 1e-5.
    assert found <= searched.fun + 1e-6


def test_from_the_largest_penalty_on_the_proxy_is_only_scaled_and_shifted() -> None:
    weights, encodings, latencies = drawn(1)
    largest = largest_penalty(weights, encodings, latencies)
    for penalty in (largest, 10 * largest):
        model = adapt_with(weights, encodings, latencies, penalty)
        scale, shift = np.polyfit(encodings @ weights, latencies, 1)
        np.testing.assert_allclose(model.weights, scale * weights, rtol=1e-9)
        assert model.shift == pytest.approx(shift)
    bent = adapt_with(weights, encodings, latencies, 0.99 * largest)
    assert np.ptp(bent.weights / weights) > 1e-6


def test_hardly_a_penalty_leaves_plain_least_squares() -> None:
    weights, encodings, latencies = drawn(2)
    model = adapt_with(weights, encodings, latencies, 1e-12)
    plain = np.linalg.lstsq(np.column_stack([encodings, np.ones(len(encodings))]), latencies, rcond=None)[0]
    np.testing.assert_allclose([*model.weights, model.shift], plain, rtol=1e-6)


@given(SEEDS, st.floats(0.01, 100))
def test_the_unit_does_not_matter(seed: int, factor: float) -> None:
    weights, encodings, latencies = drawn(seed)
    penalty = 0.3 * largest_penalty(weights, encodings, latencies)
    model = adapt_with(weights, encodings, latencies, penalty)
    # The square grows with factor², the penalty's norm not at all.
    scaled = adapt_with(factor * weights, encodings, factor * latencies, factor**2 * penalty)
    np.testing.assert_allclose(scaled(encodings), factor * model(encodings), rtol=1e-6)


def test_learns_the_order_of_a_device_that_the_proxy_does_not_have() -> None:
    rng = np.random.default_rng(4)
    encodings = np.eye(5)[rng.integers(0, 5, (400, 4))].reshape(400, 20)
    on_proxy = encodings @ rng.uniform(1, 5, 20)
    # On the device the first five columns are another operator's.
    on_device = encodings @ np.concatenate([rng.uniform(1, 20, 5), rng.uniform(1, 5, 15)])
    weights = proxy_weights(encodings, on_proxy)
    model = adapt(weights, encodings[:40], on_device[:40], encodings[40:50], on_device[40:50])
    before, after = (
        rank_correlation(on_proxy[50:], on_device[50:]),
        rank_correlation(model(encodings[50:]), on_device[50:]),
    )
    assert before is not None
    assert after is not None
    assert before < 0.5 < 0.95 < after


def test_a_proxy_is_fitted_where_encodings_depend_on_one_another() -> None:
    encodings = np.eye(3)[np.array([0, 1, 2, 0, 1])]
    both = np.hstack([encodings, encodings])
    latencies = np.array([1.0, 2.0, 3.0, 1.0, 2.0])
    np.testing.assert_allclose(both @ proxy_weights(both, latencies), latencies)


@pytest.mark.parametrize(
    ("encodings", "latencies", "part"),
    [
        (np.ones((3, 2)), np.ones(4), "do not fit together"),
        (np.ones(3), np.ones(3), "do not fit together"),
        (np.full((3, 2), np.nan), np.ones(3), "finite numbers"),
        (np.ones((3, 2)), np.array([1.0, np.inf, 1.0]), "finite numbers"),
        (np.ones((0, 2)), np.ones(0), "at least one"),
    ],
)
def test_refuses_samples_that_are_none(encodings: Any, latencies: Any, part: str) -> None:
    with pytest.raises(UsageError, match=part):
        proxy_weights(encodings, latencies)


def test_refuses_encodings_of_another_width() -> None:
    weights, encodings, latencies = drawn(5)
    with pytest.raises(UsageError, match="do not fit together"):
        adapt(weights[:3], encodings, latencies, encodings, latencies)


@pytest.mark.parametrize("further", [np.array([1.0, 2.0]), np.ones(5)])
def test_refuses_further_samples_that_tell_no_order(further: Any) -> None:
    weights, encodings, latencies = drawn(6)
    with pytest.raises(UsageError, match="Too few further samples"):
        adapt(weights, encodings, latencies, encodings[: len(further)], further)
