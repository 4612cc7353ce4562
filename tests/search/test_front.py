"""The front, and the cheapest network at each accuracy."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_spaces import SPACE, small_space

from edgehybrid.errors import UsageError
from edgehybrid.search.columns import COLUMNS
from edgehybrid.search.front import accuracies_of, cheapest_at, front_of
from edgehybrid.search.study import TrialRecord

OBJECTIVES = ("top1_percent", "energy_model_uj", "memory_model_bits")


def trial(number: int, top1: float, energy: float = 1.0, bits: float = 1.0, **params: object) -> TrialRecord:
    costs = {"energy_model_uj": energy, "memory_model_bits": bits}
    return TrialRecord(number, "trained", params, costs, (0.0, top1), "run", "here", None, 1.0)  # type: ignore[arg-type]


small = st.integers(1, 4)


@given(st.lists(st.tuples(small, small, small), max_size=12))
def test_a_trial_is_on_the_front_if_no_other_dominates_it(figures: list[tuple[int, int, int]]) -> None:
    """Oracle: every pair compared, with the definition."""
    trials = [trial(number, *map(float, one)) for number, one in enumerate(figures)]

    def signed(one: TrialRecord) -> list[float]:
        return [one.figures[name] * (-1 if COLUMNS[name].more_is_better else 1) for name in OBJECTIVES]

    expected = {
        tuple(signed(one))
        for one in trials
        if not any(
            all(a <= b for a, b in zip(signed(other), signed(one), strict=True)) and signed(other) != signed(one)
            for other in trials
        )
    }
    found = front_of(trials, OBJECTIVES)
    assert {tuple(signed(one)) for one in found} == expected
    assert len(found) == len(expected)


def test_of_equal_trials_the_first_stands_for_all() -> None:
    assert [one.number for one in front_of([trial(3, 50.0), trial(5, 50.0)], OBJECTIVES)] == [3]


def test_one_objective_has_a_front_of_one() -> None:
    trials = [trial(0, 90.0, 3.0), trial(1, 80.0, 2.0), trial(2, 99.0, 5.0)]
    assert [one.number for one in front_of(trials, ["energy_model_uj"])] == [1]


MOONS = """\
name: family
description: for tests
data: {dataset: digits, validation_images: 157}
network:
  architecture: moons
  block_convolutions: {choices: [[1, 1], [2, 2]]}
  block_filters: {choices: [[16, 16], [32, 64]]}
  quantiser: fixed_point
  weight_scale: none
  pad_value: 0
  placement:
    full_precision: []
    weights_only: [first]
    activations_only: [last]
    bits:
      all: {choices: [1, 2, 4, 8]}
"""


def test_the_cheapest_at_each_accuracy_stands_beside_the_cheapest_int8_one(tmp_path: Path) -> None:
    space = small_space(tmp_path, text=MOONS)

    def of(number: int, top1: float, energy: float, bits: int, deep: bool) -> TrialRecord:
        params = {
            "network.block_convolutions": "[2, 2]" if deep else "[1, 1]",
            "network.block_filters": "[16, 16]",
            "network.placement.bits.all": bits,
        }
        return trial(number, top1, energy, **params)

    trials = [of(0, 80, 1.0, 1, False), of(1, 90, 3.0, 2, True), of(2, 91, 6.0, 8, False), of(3, 85, 9.0, 8, True)]
    low, high, none = cheapest_at([80, 90, 95], trials, space)
    assert (low.trial, low.int8, low.ratio) == (trials[0], trials[2], 6.0)
    assert (low.bits, low.depth, low.filters) == ("1", 3, "16")
    assert (high.trial, high.int8, high.ratio, high.depth) == (trials[1], trials[2], 2.0, 5)
    assert (none.trial, none.ratio, none.as_dict()["trial"]) == (None, None, None)
    assert high.as_dict()["int8_ratio"] == 2.0


def test_a_full_precision_layer_is_no_int8(tmp_path: Path) -> None:
    space = small_space(tmp_path, text=SPACE)
    one = trial(0, 90.0, **{"network.placement.bits.stage2": 2, "network.width": 0.5})
    (found,) = cheapest_at([50], [one], space)
    assert (found.bits, found.int8) == ("1, 2, 32", None)


@pytest.mark.parametrize("text", ["", "a", "85,", "0", "101", "85;90", "nan"])
def test_refuses_what_is_no_list_of_accuracies(text: str) -> None:
    with pytest.raises(UsageError, match="--iso"):
        accuracies_of(text)


def test_reads_a_list_of_accuracies() -> None:
    assert accuracies_of("85, 88.5,90") == [85.0, 88.5, 90.0]
