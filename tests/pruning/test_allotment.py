"""One bound for all layers: more error, fewer filters; and never more weights than asked for."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgehybrid.pruning.allotment import Scored, allot, allot_uniformly, kept_by_bound, largest

scores = st.lists(st.floats(0, 1), min_size=1, max_size=40).map(np.array)
layers = st.builds(Scored, scores, st.integers(1, 1024), st.sampled_from([1, 9]))
powers = st.floats(-20, 20)


def by_the_formula(scored: Scored, epsilon: float) -> int:
    """As it is printed, with whole numbers and powers."""
    total = sum(scored.sensitivities)
    variety = total * 2 * 10 * math.log(8 * (scored.patches + 1) * scored.positions / 1e-16)
    draws = max(1, math.ceil(3 * (6 + 2 * epsilon) * variety / epsilon**2))
    return min(len(scored.sensitivities), math.ceil(sum(1 - (1 - s / total) ** draws for s in scored.sensitivities)))


@pytest.mark.parametrize("epsilon", [1.0, 10.0, 100.0, 1e3])
def test_the_bound_asks_for_what_the_formula_says(epsilon: float) -> None:
    scored = Scored(np.array([0.9, 0.5, 0.2, 0.1, 0.05, 0.01]), 64, 9)
    assert kept_by_bound(scored, epsilon) == by_the_formula(scored, epsilon)


@given(layers, powers, powers)
def test_more_error_never_keeps_more(scored: Scored, one: float, other: float) -> None:
    low, high = sorted((one, other))
    more, fewer = kept_by_bound(scored, 10**low), kept_by_bound(scored, 10**high)
    assert 1 <= fewer <= more <= len(scored.sensitivities)


@given(layers)
def test_the_ends_keep_all_that_count_and_one(scored: Scored) -> None:
    counting = int(np.count_nonzero(scored.sensitivities))
    # A share of 1e-300 is drawn by no number of draws that a float holds.
    if counting and scored.sensitivities[scored.sensitivities > 0].min() > 1e-100:
        assert kept_by_bound(scored, 1e-300) == counting
    assert kept_by_bound(scored, 1e150) == 1


@given(st.lists(layers, min_size=1, max_size=5), st.floats(0.0, 1.0))
def test_no_more_weights_than_asked_for_and_no_layer_without_filters(found: list[Scored], share: float) -> None:
    scored = {str(number): each for number, each in enumerate(found)}
    filters = {name: len(each.sensitivities) for name, each in scored.items()}
    most = max(share * sum(filters.values()), len(filters))
    for kept in (
        allot(scored, lambda kept: sum(kept.values()), most),
        allot_uniformly(filters, lambda kept: sum(kept.values()), most),
    ):
        assert sum(kept.values()) <= most
        assert all(1 <= kept[name] <= filters[name] for name in filters)


def test_a_layer_of_even_scores_keeps_more_than_one_of_a_few_large_ones() -> None:
    scored = {"even": Scored(np.full(32, 0.3), 64, 9), "uneven": Scored(np.geomspace(1, 1e-6, 32), 64, 9)}
    kept = allot(scored, lambda kept: sum(kept.values()), 40)
    assert kept["even"] > kept["uneven"]


def test_the_largest_come_first_and_of_equal_ones_the_first() -> None:
    np.testing.assert_array_equal(largest(np.array([0.1, 0.9, 0.5, 0.9, 0.5]), 3), [1, 2, 3])
