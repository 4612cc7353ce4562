"""What a training prints on stderr."""

from pathlib import Path

import numpy as np
import pytest
from epoch_lines import line_of

from edgehybrid.console.progress import TrainingProgress
from edgehybrid.data.source import open_source
from edgehybrid.recipe import Data
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


def test_counts_of_images_and_notes_stand_at_the_beginning(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for half, count in (("train", 1200), ("test", 100)):
        random = np.random.default_rng(count)
        np.save(tmp_path / f"{half}-images.npy", random.integers(0, 256, (count, 32, 32, 3), np.uint8))
        np.save(tmp_path / f"{half}-labels.npy", np.arange(count) % 100)
    (tmp_path / "notes [1].txt").write_text("")
    data = Data.model_validate({"dataset": "cifar100", "path": str(tmp_path), "validation_images": 100})
    with TrainingProgress() as progress:
        progress.on_start(open_source(data))
    assert capsys.readouterr().err.splitlines() == [
        "images: 1,100 training, 100 validation, 100 test",
        f"  note: {tmp_path}: not read, because the names are not those of arrays: notes [1].txt.",
    ]


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
