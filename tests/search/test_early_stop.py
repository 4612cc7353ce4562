"""Successive halving among networks that cost no more."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgehybrid.search.early_stop import costs_no_more, is_behind, is_rung
from edgehybrid.search.settings import EarlyStop

THIRDS = EarlyStop(first_epochs=2, factor=3)


def test_rungs_are_powers_of_the_factor() -> None:
    assert [epoch for epoch in range(1, 60) if is_rung(epoch, THIRDS)] == [2, 6, 18, 54]
    assert [epoch for epoch in range(1, 10) if is_rung(epoch, EarlyStop(factor=2))] == [1, 2, 4, 8]


def test_between_rungs_nothing_stops() -> None:
    assert not is_behind([1.0], [[99.0, 99.0]] * 9, THIRDS)
    assert not is_behind([1.0, 1.0, 1.0], [[99.0] * 3] * 9, THIRDS)
    assert not is_behind([], [], THIRDS)


@given(st.lists(st.floats(0, 100), max_size=12), st.floats(0, 100))
def test_the_best_third_goes_on(others: list[float], own: float) -> None:
    """Oracle: one goes on if its accuracy is at least that of place ⌊n/3⌋ of all n, or the best of fewer than three."""
    ranked = sorted([*others, own], reverse=True)
    place = max(len(ranked) // 3, 1)
    expected = own < ranked[place - 1]
    assert is_behind([0.0, own], [[0.0, one] for one in others], THIRDS) == expected


def test_a_network_that_did_not_reach_the_rung_is_no_rival() -> None:
    six = [10.0] * 6
    assert not is_behind(six, [[99.0] * 5] * 9, THIRDS)
    assert is_behind(six, [[99.0] * 6] * 9, THIRDS)


@pytest.mark.parametrize(("energy", "bits", "expected"), [(1.0, 1.0, True), (2.0, 1.0, False), (0.5, 3.0, False)])
def test_the_dearer_ones_are_no_rivals(energy: float, bits: float, expected: bool) -> None:
    own = {"energy_model_uj": 1.0, "memory_model_bits": 2.0}
    other = {"energy_model_uj": energy, "memory_model_bits": bits}
    assert costs_no_more(other, own, ["energy_model_uj", "memory_model_bits"]) == expected
