"""Candidates: what excludes one before training excludes nothing that could join the front."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_spaces import SPACE, judge_of, small_space

from edgehybrid.errors import EdgehybridError
from edgehybrid.search.candidate import Candidate, is_beaten, known_designs, screen, spread
from edgehybrid.search.space import Space


def test_a_limit_excludes_and_says_by_how_much(tmp_path: Path) -> None:
    space = small_space(tmp_path, "limits: {energy_model_uj: 0.5}")
    judge = judge_of(space)
    fits, dear = (judge.candidate({"network.width": width}) for width in (0.25, 1.0))
    assert (fits.fault, dear.fault) == (None, "limit energy_model_uj")
    assert dear.costs["energy_model_uj"] > 0.5 >= fits.costs["energy_model_uj"]
    assert "at most 0.5" in dear.words


def test_values_that_do_not_go_together_are_an_impossible_network(tmp_path: Path) -> None:
    text = SPACE.replace(
        "  architecture: resnet20\n", "  architecture: resnet20\n  standardise_weights: {choices: [false, true]}\n"
    )
    one = judge_of(small_space(tmp_path, text=text)).candidate({"network.standardise_weights": True})
    assert (one.recipe, one.fault) == (None, "impossible network")
    assert "standardise_weights" in one.words


def test_screening_counts_every_candidate_once_and_repeats_itself(tmp_path: Path) -> None:
    space = small_space(tmp_path, "limits: {energy_model_uj: 1.0}")
    one, other = (screen(space, judge_of(space), 200) for _ in range(2))
    assert len(one.fit) + sum(one.faults.values()) == 200
    assert [c.params for c in one.fit] == [c.params for c in other.fit]
    assert [c.params for c in one.fit] != [c.params for c in screen(space, judge_of(space), 200, seed=1).fit]


def test_a_space_without_a_network_that_fits_says_which_limit_excludes_all(tmp_path: Path) -> None:
    space = small_space(tmp_path, "limits: {energy_model_uj: 0.001, memory_model_bits: 1e9}")
    with pytest.raises(EdgehybridError, match="none fits") as refusal:
        screen(space, judge_of(space), 50).check(space)
    assert "limit energy_model_uj: 50" in str(refusal.value)
    cheapest = judge_of(space).candidate({"network.width": 0.25}).costs["energy_model_uj"]
    assert f"energy_model_uj is {cheapest:.6g} at least" in str(refusal.value)
    assert "memory_model_bits:" not in str(refusal.value)


def test_a_space_of_impossible_networks_speaks_of_no_limit(tmp_path: Path) -> None:
    space = small_space(tmp_path, text=SPACE.replace("stage2:", "stage9:"))
    with pytest.raises(EdgehybridError, match="impossible network: 9") as refusal:
        screen(space, judge_of(space), 9).check(space)
    assert "names nothing in this network" in str(refusal.value)
    assert "limit" not in str(refusal.value)


def test_known_designs_are_those_that_fit_each_once(tmp_path: Path) -> None:
    space = small_space(tmp_path)
    # digits and hybrid_res_a are one network here.
    assert len(known_designs(space, judge_of(space))) == 2
    space = small_space(tmp_path, "limits: {energy_model_uj: 1.0}")
    assert known_designs(space, judge_of(space)) == []


def test_the_first_generation_spans_all_costs(tmp_path: Path) -> None:
    space = small_space(tmp_path)
    fit = screen(space, judge_of(space), 300).fit
    energies = sorted(one.costs["energy_model_uj"] for one in fit)
    chosen = [one.costs["energy_model_uj"] for one in spread(fit, 5)]
    assert (chosen[0], chosen[-1], len(chosen)) == (energies[0], energies[-1], 5)
    assert chosen == sorted(chosen)
    assert len(spread(fit, 1)) == 1
    assert spread(fit[:2], 5) == sorted(fit[:2], key=lambda one: one.costs["energy_model_uj"])


figures = st.tuples(st.floats(0, 100), st.floats(1, 10), st.floats(1, 10))


@pytest.fixture(scope="module")
def spaces(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Space]:
    folder = tmp_path_factory.mktemp("spaces")
    enough = "objectives: [top1_percent, energy_model_uj, memory_model_bits]\n  enough_top1_percent: 60"
    cheapest = "objectives: [energy_model_uj, memory_model_bits]\n  limits: {top1_percent: 60}"
    return {"enough": small_space(folder, enough), "cheapest": small_space(folder, cheapest)}


@pytest.mark.parametrize("name", ["enough", "cheapest"])
@given(
    trained=st.lists(figures, max_size=6), costs=st.tuples(st.floats(1, 10), st.floats(1, 10)), top1=st.floats(0, 100)
)
def test_what_is_left_out_could_not_have_joined_the_front(
    spaces: dict[str, Space],
    name: str,
    trained: list[tuple[float, float, float]],
    costs: tuple[float, float],
    top1: float,
) -> None:
    """Whatever accuracy the candidate has, accuracies of 60 % and more being equal, a trained network is as good."""
    columns = ("top1_percent", "energy_model_uj", "memory_model_bits")
    known = [dict(zip(columns, one, strict=True)) for one in trained]
    candidate = Candidate({}, None, dict(zip(columns[1:], costs, strict=True)))
    as_good_whatever = [
        one
        for one in trained
        if min(one[0], 60) >= min(max(top1, 60), 60) and all(a <= b for a, b in zip(one[1:], costs, strict=True))
    ]
    assert is_beaten(candidate, known, spaces[name]) == bool(as_good_whatever)


def test_a_latency_that_will_be_measured_is_predicted_before_a_candidate_is_left_out(tmp_path: Path) -> None:
    objectives = "objectives: [energy_model_uj, latency_ms_median]\n  limits: {top1_percent: 60}\n  calibration: c.json"
    space = small_space(tmp_path, objectives)
    known = [{"top1_percent": 70.0, "energy_model_uj": 1.0, "latency_ms_predicted": 5.0}]
    faster, slower = (
        Candidate({}, None, {"energy_model_uj": 2.0, "latency_ms_predicted": latency}) for latency in (4.0, 6.0)
    )
    assert not is_beaten(faster, known, space)
    assert is_beaten(slower, known, space)
