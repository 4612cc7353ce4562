"""The learning rate at chosen steps, as arithmetic."""

import math
from typing import Any

import pytest

from edgehybrid.recipe import Training
from edgehybrid.training.schedules import learning_rate


def training_of(schedule: dict[str, Any], epochs: int = 10) -> Training:
    return Training.model_validate({"epochs": epochs, "optimizer": {"learning_rate": 0.4}, "schedule": schedule})


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
