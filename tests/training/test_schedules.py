"""Learning rate and weight decay at chosen steps, as arithmetic."""

import math
from itertools import pairwise
from typing import Any

import pytest

from edgehybrid.recipe.training import Training
from edgehybrid.training.schedules import learning_rate, weight_decay

SCHEDULES: list[dict[str, Any]] = [
    {"kind": "constant"},
    {"kind": "step", "epochs": [3, 4], "factor": 0.5},
    {"kind": "linear"},
    {"kind": "cosine"},
]


def training_of(schedule: dict[str, Any], epochs: int = 10, warm_up_epochs: float = 0.0) -> Training:
    return Training.model_validate(
        {
            "epochs": epochs,
            "optimizer": {"learning_rate": 0.4},
            "schedule": schedule,
            "warm_up_epochs": warm_up_epochs,
        }
    )


@pytest.mark.parametrize("step", [0, 1, 39])
def test_constant_never_changes(step: int) -> None:
    assert learning_rate(training_of({"kind": "constant"}), step, 4) == 0.4


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        (0, 0.4),
        (2 * 5 - 1, 0.4),  # the last step of epoch 2
        (2 * 5, 0.4 * 0.5),  # the first step of epoch 3
        (3 * 5 - 1, 0.4 * 0.5),
        (3 * 5, 0.4 * 0.5 * 0.5),  # the first step of epoch 4
        (10 * 5 - 1, 0.4 * 0.5 * 0.5),
    ],
)
def test_step_changes_when_a_listed_epoch_begins(step: int, expected: float) -> None:
    training = training_of({"kind": "step", "epochs": [3, 4], "factor": 0.5})
    assert learning_rate(training, step, 5) == expected


def test_step_of_epoch_1_holds_from_the_start() -> None:
    training = training_of({"kind": "step", "epochs": [1], "factor": 0.5})
    assert learning_rate(training, 0, 5) == 0.4 * 0.5


@pytest.mark.parametrize(
    ("step", "share"),
    # 10 epochs of 6 steps: T = 60. cos 0 = 1, cos π/3 = 1/2, cos π/2 = 0, cos 2π/3 = -1/2, cos π = -1.
    [(0, 1.0), (20, 0.75), (30, 0.5), (40, 0.25), (60, 0.0)],
)
def test_cosine_falls_from_the_full_rate_to_0(step: int, share: float) -> None:
    # π and its cosine are rounded to 2^-53.
    assert learning_rate(training_of({"kind": "cosine"}), step, 6) == pytest.approx(0.4 * share, abs=1e-15)


def test_cosine_of_the_last_step_is_not_yet_0() -> None:
    expected = 0.4 * (1 + math.cos(math.pi * 59 / 60)) / 2
    assert learning_rate(training_of({"kind": "cosine"}), 59, 6) == pytest.approx(expected, rel=1e-12)
    assert expected > 0


@pytest.mark.parametrize(("step", "share"), [(0, 1.0), (15, 0.75), (30, 0.5), (60, 0.0)])
def test_linear_falls_from_the_full_rate_to_0(step: int, share: float) -> None:
    # 10 epochs of 6 steps: T = 60.
    assert learning_rate(training_of({"kind": "linear"}), step, 6) == 0.4 * share


def test_linear_falls_by_the_same_amount_each_step() -> None:
    rates = [learning_rate(training_of({"kind": "linear"}), step, 6) for step in range(61)]
    falls = [before - after for before, after in pairwise(rates)]
    # Differences of numbers up to 0.4, each rounded to 2^-54.
    assert falls == pytest.approx([0.4 / 60] * 60, abs=2**-53)


@pytest.mark.parametrize("kind", ["linear", "cosine"])
def test_no_step_changes_a_smooth_schedule_by_more_than_its_steepest_slope(kind: str) -> None:
    rates = [learning_rate(training_of({"kind": kind}), step, 6) for step in range(61)]
    # The cosine is steepest in the middle: π/2 times the mean slope of 0.4 / 60.
    assert max(abs(a - b) for a, b in pairwise(rates)) <= 0.4 / 60 * math.pi / 2 + 1e-12


@pytest.mark.parametrize(("step", "share"), [(0, 1 / 12), (5, 0.5), (10, 11 / 12), (11, 1.0), (12, 1.0), (59, 1.0)])
def test_warm_up_of_2_epochs_reaches_the_full_rate_in_its_last_step(step: int, share: float) -> None:
    # 2 epochs of 6 steps: W = 12.
    training = training_of({"kind": "constant"}, warm_up_epochs=2)
    assert learning_rate(training, step, 6) == pytest.approx(0.4 * share, rel=1e-15)


def test_warm_up_of_half_an_epoch_has_half_its_steps() -> None:
    training = training_of({"kind": "constant"}, warm_up_epochs=0.5)
    rates = [learning_rate(training, step, 6) for step in range(5)]
    assert rates == pytest.approx([0.4 / 3, 0.8 / 3, 0.4, 0.4, 0.4], rel=1e-15)


@pytest.mark.parametrize("schedule", SCHEDULES, ids=lambda schedule: schedule["kind"])
def test_warm_up_multiplies_the_schedule_and_then_leaves_it_alone(schedule: dict[str, Any]) -> None:
    with_it, without = training_of(schedule, warm_up_epochs=1.5), training_of(schedule)
    for step in range(60):
        # 1.5 epochs of 6 steps: W = 9.
        expected = learning_rate(without, step, 6) * min(1, (step + 1) / 9)
        assert learning_rate(with_it, step, 6) == pytest.approx(expected, rel=1e-15)


@pytest.mark.parametrize("schedule", SCHEDULES, ids=lambda schedule: schedule["kind"])
def test_warm_up_of_one_step_changes_nothing(schedule: dict[str, Any]) -> None:
    for step in range(60):
        assert learning_rate(training_of(schedule, warm_up_epochs=1 / 6), step, 6) == learning_rate(
            training_of(schedule), step, 6
        )


@pytest.mark.parametrize("warm_up_epochs", [0.0, 3.0])
@pytest.mark.parametrize("schedule", SCHEDULES, ids=lambda schedule: schedule["kind"])
def test_no_step_trains_with_rate_0_or_more_than_the_optimizers(
    schedule: dict[str, Any], warm_up_epochs: float
) -> None:
    training = training_of(schedule, warm_up_epochs=warm_up_epochs)
    for step in range(60):
        assert 0 < learning_rate(training, step, 6) <= 0.4


# Weight decay.


def decaying(epochs: list[int], factor: float) -> Training:
    schedule = {"epochs": epochs, "factor": factor}
    return Training.model_validate({"epochs": 10, "weight_decay": 0.25, "weight_decay_schedule": schedule})


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        (0, 0.25),
        (2 * 5 - 1, 0.25),  # the last step of epoch 2
        (2 * 5, 0.25 * 2),  # the first step of epoch 3
        (3 * 5, 0.25 * 2 * 2),  # the first step of epoch 4
        (10 * 5 - 1, 0.25 * 2 * 2),
    ],
)
def test_weight_decay_changes_when_a_listed_epoch_begins(step: int, expected: float) -> None:
    assert weight_decay(decaying([3, 4], 2), step, 5) == expected


def test_factor_0_ends_weight_decay() -> None:
    training = decaying([3], 0)
    assert [weight_decay(training, step, 5) for step in (9, 10, 49)] == [0.25, 0, 0]


@pytest.mark.parametrize("step", [0, 10, 49])
def test_weight_decay_without_a_schedule_never_changes(step: int) -> None:
    assert weight_decay(Training(weight_decay=0.25), step, 5) == 0.25


def test_the_schedules_of_learning_rate_and_weight_decay_do_not_touch_each_other() -> None:
    training = Training.model_validate(
        {
            "weight_decay": 0.25,
            "weight_decay_schedule": {"epochs": [3], "factor": 2},
            "schedule": {"epochs": [4], "factor": 0.5},
            "warm_up_epochs": 1,
        }
    )
    # Epochs 1, 2, 3 and 4 of one step each; a warm-up of one step multiplies by 1.
    assert [weight_decay(training, step, 1) for step in range(4)] == [0.25, 0.25, 0.5, 0.5]
    assert [learning_rate(training, step, 1) for step in range(4)] == [0.1, 0.1, 0.1, 0.05]


INVERSE_TIME = {"kind": "inverse_time", "decay": 0.25, "epochs": [3, 5], "factor": 0.5}


@pytest.mark.parametrize(
    ("step", "expected"),
    # 2 steps an epoch: epoch 3 begins at step 4, where 1 + 4/4 = 2, and epoch 5 at step 8, where 1 + 8/4 = 3.
    [
        (0, 0.4),
        (2, 0.4 / 1.5),
        (4, 0.4 * (0.5 / 2) / 2),
        (6, 0.4 * (0.5 / 2) / 2.5),
        (8, 0.4 * (0.5 / 2) * (0.5 / 3) / 3),
        (12, 0.4 * (0.5 / 2) * (0.5 / 3) / 4),
    ],
)
def test_a_drop_of_inverse_time_decays_anew(step: int, expected: float) -> None:
    assert learning_rate(training_of(INVERSE_TIME), step, 2) == pytest.approx(expected, rel=1e-14)


def test_inverse_time_is_what_the_released_code_computes_epoch_by_epoch() -> None:
    """A callback sets the optimizer's rate at a listed epoch, and the optimizer divides it in every step."""
    training, steps = training_of(INVERSE_TIME, epochs=7), 3
    rate = 0.4
    for step in range(7 * steps):
        epoch = step // steps
        if step % steps == 0 and epoch + 1 in (3, 5):
            rate *= 0.5 / (1 + 0.25 * epoch * steps)
        assert learning_rate(training, step, steps) == pytest.approx(rate / (1 + 0.25 * step), rel=1e-14)
