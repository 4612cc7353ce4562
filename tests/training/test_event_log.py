"""metrics.jsonl and TensorBoard's events."""

import json
from pathlib import Path

import numpy as np
import pytest
from disks import files_of_at_most
from epoch_lines import HEALTH, health_of, line_of

from edgehybrid.errors import RunError
from edgehybrid.model.compat import tf
from edgehybrid.recipe import load_recipe
from edgehybrid.runs.epoch_line import Curvature
from edgehybrid.runs.run_folder import RunFolder, create_run
from edgehybrid.training.event_log import EventLog


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return create_run(tmp_path, load_recipe("digits"))


def events_of(run: RunFolder) -> dict[tuple[str, int], float]:
    """Value by name and step."""
    found = {}
    for file in sorted((run.path / "tensorboard").iterdir()):
        for record in tf.data.TFRecordDataset(str(file)):
            event = tf.compat.v1.Event.FromString(record.numpy())
            for value in event.summary.value:
                found[value.tag, event.step] = float(tf.make_ndarray(value.tensor))
    return found


def test_each_line_is_there_as_soon_as_it_is_written(run: RunFolder) -> None:
    with EventLog(run, 0) as log:
        for epoch in (1, 2, 3):
            log.append(line_of(epoch))
            assert run.epochs() == [line_of(e) for e in range(1, epoch + 1)]


def test_the_file_is_replaced_and_no_other_is_left(run: RunFolder) -> None:
    with EventLog(run, 0) as log:
        log.append(line_of(1))
        before = (run.path / "metrics.jsonl").stat().st_ino
        log.append(line_of(2))
    assert (run.path / "metrics.jsonl").stat().st_ino != before
    assert not list(run.path.glob(".*"))


def test_later_lines_than_the_checkpoint_are_redone(run: RunFolder) -> None:
    with EventLog(run, 0) as log:
        for epoch in (1, 2, 3):
            log.append(line_of(epoch))
    with EventLog(run, 1) as log:
        log.append(line_of(2, loss=0.25))
    assert run.epochs() == [line_of(1), line_of(2, loss=0.25)]


def test_opening_changes_nothing(run: RunFolder) -> None:
    with EventLog(run, 0) as log:
        log.append(line_of(1))
        log.append(line_of(2))
    with EventLog(run, 1):
        assert len(run.epochs()) == 2


def test_tensorboard_gets_curvature_at_the_steps_of_the_training(run: RunFolder) -> None:
    measured = [Curvature(step=step, seconds=1.0, stable_line=20.0, sharpness=float(step)) for step in (30, 60)]
    with EventLog(run, 0) as log:
        log.append(line_of(1, curvature=tuple(measured)))
    found = events_of(run)
    assert [found["curvature/sharpness", step] for step in (30, 60)] == [30, 60]
    assert [found["curvature/stable_line", step] for step in (30, 60)] == [20, 20]
    assert {step for name, step in found if not name.startswith("curvature/")} == {1}


def test_tensorboard_gets_the_numbers_under_nested_names(run: RunFolder) -> None:
    health = {"conv2": health_of(alpha=0.5), "conv3": health_of(alpha=2.0)}
    with EventLog(run, 0) as log:
        log.append(line_of(1, seconds=3.0, health=health, hints=("look at conv2",)))
        log.append(line_of(2))
    of_epochs = {
        "loss": (1, 0.5),
        "top1_train_percent": (40, 40),
        "learning_rate": (np.float32(0.1), np.float32(0.1)),
        "images_per_second": (1000, 1000),
        "top1_percent": (50, 50),
        "seconds": (3, 2),
        "epoch": (1, 2),
    }
    expected = {(name, step): value for name, values in of_epochs.items() for step, value in enumerate(values, start=1)}
    for layer, figures in health.items():
        expected |= {(f"health/{layer}/{name}", 1): np.float32(getattr(figures, name)) for name in HEALTH}
    assert events_of(run) == expected


def test_a_resumed_run_adds_its_events(run: RunFolder) -> None:
    with EventLog(run, 0) as log:
        log.append(line_of(1))
    with EventLog(run, 1) as log:
        log.append(line_of(2))
    assert {step for _, step in events_of(run)} == {1, 2}


def test_says_that_the_disk_refuses_and_keeps_the_old_lines(run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    def full_disk(descriptor: int) -> None:
        raise OSError("No space left on device")

    with EventLog(run, 0) as log:
        log.append(line_of(1))
        monkeypatch.setattr("os.fsync", full_disk)
        with pytest.raises(RunError, match="metrics cannot be written: No space left") as caught:
            log.append(line_of(2))
        monkeypatch.undo()
    assert f"--resume {run.path}" in (caught.value.next_step or "")
    assert run.epochs() == [line_of(1)]


def test_says_that_there_is_no_room_for_events_at_all(run: RunFolder) -> None:
    with files_of_at_most(0), pytest.raises(RunError, match="metrics cannot be written"):
        EventLog(run, 0)


@pytest.mark.parametrize("size_bytes", [100, 1000, 3000])
def test_says_that_there_is_no_more_room(run: RunFolder, size_bytes: int) -> None:
    # Whether metrics.jsonl or TensorBoard's file is the first to reach it.
    def append_many(log: EventLog) -> None:
        for epoch in range(1, 100):
            log.append(line_of(epoch, health={"conv2": health_of()}))

    with EventLog(run, 0) as log:
        with files_of_at_most(size_bytes), pytest.raises(RunError, match="metrics cannot be written"):
            append_many(log)
        assert [line.epoch for line in run.epochs()] == list(range(1, len(run.epochs()) + 1))


def test_lines_are_json(run: RunFolder) -> None:
    with EventLog(run, 0) as log:
        log.append(line_of(1, hints=("äöü → ±1",)))
    text = (run.path / "metrics.jsonl").read_text()
    assert text.endswith("\n")
    assert json.loads(text) == json.loads(line_of(1, hints=("äöü → ±1",)).to_json())
