"""Switches: what is set beside what, and how much it gains and costs."""

import pytest
from training_records import record_for, training_of

from edgehybrid.reproduction.card import card
from edgehybrid.reproduction.record import TrainingRecord
from edgehybrid.reproduction.switches import switches_of

BFLOAT16, BRANCH, RPRELU = "training.precision=bfloat16", "network.activation_place=branch", "network.activation=rprelu"
SHORTCUT_POOL = "network.shortcut_pool=true"
ADAM = ("training.optimizer.kind=adam", "training.optimizer.learning_rate=2e-3")


def records(top1: dict[tuple[str, ...], list[float]], epochs: int = 30) -> list[TrainingRecord]:
    """Of each set of changes, one training a seed."""
    return [
        record_for(training_of("hybrid_res_a", 5, epochs, seed, sets), percent)
        for sets, found in top1.items()
        for seed, percent in enumerate(found)
    ]


def test_a_switch_stands_beside_the_same_training_without_it() -> None:
    found = switches_of(records({(BFLOAT16,): [49.0, 50.0, 48.0], (BFLOAT16, RPRELU): [50.5, 52.0, 49.0]}))
    (switch,) = found
    assert (switch.changes, switch.kept, switch.seeds) == ((RPRELU,), (BFLOAT16,), (2, 3, 4))
    assert (switch.without_percent, switch.with_percent) == (49.0, 50.5)
    assert (switch.gain_points, switch.deviation_points) == (1.5, 0.5)
    assert switch.verdict == "better"
    assert switch.bytes_added == 0
    # The paper's rules know no activation; with the arithmetic between layers, one that multiplies costs something.
    assert switch.energy_percent == 0
    assert switch.all_energy_percent is not None
    assert switch.all_energy_percent > 0


@pytest.mark.parametrize(
    ("gains", "verdict"),
    [
        ([1.0, 1.0, 1.0], "better"),
        ([-0.7, -0.8, -0.9], "worse"),
        ([0.6, 0.6, 0.6], "no difference"),
        ([0.0, 3.0, 0.6], "no difference"),  # 1.2 on average, and twice 0.9 for the mean
        ([2.0, 2.0], "fewer than 3 seeds"),
        ([2.0], "fewer than 3 seeds"),
    ],
)
def test_a_verdict_needs_seeds_and_more_than_their_spread(gains: list[float], verdict: str) -> None:
    (switch,) = switches_of(records({(): [50.0] * len(gains), (BRANCH,): [50 + gain for gain in gains]}))
    assert switch.verdict == verdict


def test_only_seeds_that_both_have_are_compared() -> None:
    (switch,) = switches_of(records({(): [49.0], (BRANCH,): [48.8, 60.0]}))
    assert (switch.seeds, switch.gain_points, switch.deviation_points) == ((2,), -0.2, None)


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
    lines = [line for line in card(records({(): [40.0], (BRANCH,): [41.0]})).splitlines() if BRANCH in line]
    assert f"| {BRANCH} | – | 30 of 199 |" in lines[-1]


def test_the_nearest_have_a_seed_in_common() -> None:
    known = records({(): [40.0], (BRANCH, RPRELU): [42.0]})
    other = record_for(training_of("hybrid_res_a", 5, 30, 1, (BRANCH,)), 41.0)
    (switch,) = switches_of([*known, other])
    assert (switch.changes, switch.kept) == ((RPRELU, BRANCH), ())


def test_a_switch_of_many_fields_does_not_hide_one_of_few() -> None:
    found = switches_of(records({(): [40.0], ADAM: [41.0], (BRANCH,): [42.0], (*ADAM, BRANCH): [45.0]}))
    assert sorted((len(switch.changes), len(switch.kept), switch.gain_points) for switch in found) == [
        (1, 0, 2.0),
        (1, 5, 4.0),
        (5, 0, 1.0),
        (5, 1, 3.0),
    ]


def test_a_difference_that_no_change_names_is_no_switch() -> None:
    """A record of another time, when the recipe was shipped with another weight decay."""
    plain, other = records({(): [49.0], (BRANCH,): [48.0]})
    resolved = {**other.resolved, "training": {**other.resolved["training"], "weight_decay": 0.5}}
    assert switches_of([plain, other.model_copy(update={"resolved": resolved})]) == []


def test_what_is_said_of_a_recipe_makes_no_difference() -> None:
    plain, other = records({(): [49.0], (BRANCH,): [48.0]})
    other = other.model_copy(update={"resolved": {**other.resolved, "description": "said better"}})
    assert len(switches_of([plain, other])) == 1


def test_a_switch_whose_epochs_are_squeezed_is_one() -> None:
    (switch,) = switches_of(records({(): [49.0], ("training.warm_up_epochs=5",): [50.0]}))
    assert (switch.changes, switch.gain_points) == (("training.warm_up_epochs=5.0",), 1.0)


@pytest.mark.parametrize("which", [0, 1])
def test_a_field_that_one_recipe_alone_has_makes_another_training(which: int) -> None:
    known = records({(): [49.0], (BRANCH,): [48.0]})
    known[which] = known[which].model_copy(update={"resolved": {**known[which].resolved, "gone": 1}})
    assert switches_of(known) == []


def test_a_training_that_changes_nothing_is_no_switch() -> None:
    known = records({(): [49.0, 50.0]})
    assert switches_of(known) == []
    assert "## Switches" not in card(known)


def test_the_card_has_a_line_for_each() -> None:
    text = card(records({(): [49.0, 50.0, 51.0], (BRANCH,): [47.0, 48.1, 49.0]}))
    switch = next(line for line in text[text.index("## Switches") :].splitlines() if BRANCH in line)
    assert switch.startswith(
        f"| hybrid_res_a | {BRANCH} | – | 30 of 199 | 3 | 50.00 | 48.03 | -1.97 | 0.06 | worse | +0.00 | +0.00 | +0 |"
    )


def test_files_of_different_sizes_and_formats() -> None:
    plain, other = records({(): [49.0], (SHORTCUT_POOL,): [48.0]})

    def stored(**changes: object) -> TrainingRecord:
        return other.model_copy(update={"flatbuffer": other.flatbuffer.model_copy(update=changes)})

    (switch,) = switches_of([plain, stored(size_bytes=plain.flatbuffer.size_bytes + 1200)])
    assert switch.bytes_added == 1200
    assert switch.energy_percent is not None
    (switch,) = switches_of([plain, stored(format="float32")])
    assert switch.bytes_added is None


def test_a_field_that_recipes_no_longer_have_leaves_the_energy_unknown() -> None:
    known = records({(): [49.0], (BRANCH,): [48.0]})
    old = [each.model_copy(update={"resolved": {**each.resolved, "gone": 1}}) for each in known]
    (switch,) = switches_of(old)
    assert (switch.energy_percent, switch.all_energy_percent) == (None, None)
    assert switch.gain_points == pytest.approx(-1)
