"""What a training prints on stderr."""

import pytest
from epoch_lines import line_of

from edgehybrid.console.progress import TrainingProgress
from edgehybrid.runs.epoch_line import EpochLine


def epoch(number: int, *hints: str) -> EpochLine:
    return line_of(
        number, loss=2.0, top1_percent=12.5, top1_train_percent=25.0, images_per_second=399.6, hints=tuple(hints)
    )


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


def test_an_epoch_that_is_resumed_has_its_number_and_its_steps() -> None:
    progress = TrainingProgress()
    progress.on_step(3, 41, 100, 400.0)
    (task,) = progress._bar.tasks
    assert (task.description, task.completed, task.total) == ("epoch 3", 41, 100)


def test_each_epoch_begins_a_bar() -> None:
    progress = TrainingProgress()
    for epoch, step in ((1, 99), (1, 100), (2, 1)):
        progress.on_step(epoch, step, 100, 400.0)
    (task,) = progress._bar.tasks
    assert (task.description, task.completed, task.total) == ("epoch 2", 1, 100)
