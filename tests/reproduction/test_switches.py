"""Switches: what is set beside what, and how much it gains and costs."""

import pytest
from training_records import record_for, training_of

from edgehybrid.reproduction.card import card
from edgehybrid.reproduction.record import TrainingRecord
from edgehybrid.reproduction.switches import switches_of

BFLOAT16, BRANCH, RPRELU = "training.precision=bfloat16", "network.activation_place=branch", "network.activation=rprelu"


def records(top1: dict[tuple[str, ...], list[float]], epochs: int = 30) -> list[TrainingRecord]:
    """Of each set of changes, one training a seed."""
    return [
        record_for(training_of("hybrid_res_a", 5, epochs, seed, sets), percent)
        for sets, found in top1.items()
        for seed, percent in enumerate(found)
    ]


def test_a_switch_stands_beside_the_same_training_without_it() -> None:
    found = switches_of(records({(BFLOAT16,): [49.0, 50.0], (BFLOAT16, RPRELU): [50.5, 52.0]}))
    (switch,) = found
    assert (switch.changes, switch.kept, switch.seeds) == ((RPRELU,), (BFLOAT16,), (2, 3))
    assert (switch.without_percent, switch.with_percent) == (49.5, 51.25)
    assert (switch.gain_points, switch.deviation_points) == (1.75, 0.35)
    assert switch.verdict == "better"
    # The paper's rules know no activation; with all counted, one that multiplies costs something.
    assert switch.energy_percent == 0
    assert switch.all_energy_percent is not None
    assert switch.all_energy_percent > 0


def test_only_seeds_that_both_have_are_compared() -> None:
    (switch,) = switches_of(records({(): [49.0], (BRANCH,): [48.8, 60.0]}))
    assert (switch.seeds, switch.gain_points, switch.deviation_points) == ((2,), -0.2, None)
    assert switch.verdict == "no difference"


def test_trainings_without_a_common_seed_or_length_are_not_compared() -> None:
    others = [record_for(training_of("hybrid_res_a", 5, 30, 1, (BRANCH,)))]
    assert switches_of(records({(): [49.0]}) + others) == []
    assert switches_of(records({(): [49.0]}) + records({(BRANCH,): [49.0]}, epochs=31)) == []


def test_of_several_trainings_with_less_the_nearest_are_taken() -> None:
    found = switches_of(records({(): [40.0], (BRANCH,): [41.0], (RPRELU,): [43.0], (BRANCH, RPRELU): [42.0]}))
    assert [(switch.changes, switch.kept, switch.gain_points) for switch in found] == [
        ((RPRELU,), (), 3.0),
        ((BRANCH,), (), 1.0),
        ((RPRELU,), (BRANCH,), 1.0),
        ((BRANCH,), (RPRELU,), -1.0),
    ]
    assert [switch.verdict for switch in found] == ["better"] * 3 + ["worse"]


def test_changes_that_only_come_together_are_one_switch() -> None:
    adam = ("training.optimizer.kind=adam", "training.optimizer.learning_rate=2e-3")
    (switch,) = switches_of(records({(): [49.0], adam: [48.0]}))
    assert {"training.optimizer.kind=adam", "training.optimizer.learning_rate=0.002"} <= set(switch.changes)
    assert (switch.kept, switch.gain_points) == ((), -1.0)


def test_a_training_that_changes_nothing_is_no_switch() -> None:
    known = records({(): [49.0, 50.0]})
    assert switches_of(known) == []
    assert "## Switches" not in card(known)


def test_the_card_has_a_line_for_each() -> None:
    text = card(records({(): [49.0, 50.0], (BRANCH,): [47.0, 48.1]}))
    line = next(line for line in text.splitlines() if line.startswith("| hybrid_res_a | network.activation_place"))
    assert line.startswith(f"| hybrid_res_a | {BRANCH} | 30 of 199 | 2 |")
    switch = next(line for line in text[text.index("## Switches") :].splitlines() if BRANCH in line)
    assert switch.startswith(f"| hybrid_res_a | {BRANCH} | 30 of 199 | 2 | 49.50 | 47.55 | -1.95 | 0.07 | worse |")


def test_a_field_that_recipes_no_longer_have_leaves_the_energy_unknown() -> None:
    plain, other = records({(): [49.0], (BRANCH,): [48.0]})
    resolved = {**other.resolved, "network": {**other.resolved["network"], "gone": 1}}
    (switch,) = switches_of([plain, other.model_copy(update={"resolved": resolved})])
    assert (switch.energy_percent, switch.all_energy_percent) == (None, None)
    assert switch.gain_points == pytest.approx(-1)
