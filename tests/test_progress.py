"""What a training prints on stderr."""

from typing import Any

import pytest

from edgehybrid.progress import TrainingProgress


def epoch(number: int, *hints: str) -> dict[str, Any]:
    return {
        "epoch": number, "loss": 2.0, "top1_percent": 12.5, "top1_train_percent": 25.0, "images_per_second": 399.6,
        "hints": list(hints),
    }  # fmt: skip


def test_an_epoch_is_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    with TrainingProgress() as progress:
        progress.on_step(3, 1, 10, 400.0)
        progress.on_epoch(epoch(3))
    expected = "epoch 3: loss 2.0000, top-1 12.50 % (training 25.00 %), 400 images/s"
    assert capsys.readouterr().err.rstrip("\n") == expected


def test_a_hint_is_given_once(capsys: pytest.CaptureFixture[str]) -> None:
    with TrainingProgress() as progress:
        progress.on_epoch(epoch(1, "Look [here]."))
        progress.on_epoch(epoch(2, "Look [here].", "Look there."))
    lines = capsys.readouterr().err.splitlines()
    assert [line for line in lines if "hint" in line] == ["  hint: Look [here].", "  hint: Look there."]


def test_stdout_is_left_to_the_result(capsys: pytest.CaptureFixture[str]) -> None:
    with TrainingProgress() as progress:
        progress.on_epoch(epoch(1, "Look there."))
    assert capsys.readouterr().out == ""
