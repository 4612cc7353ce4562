"""What a training leaves: its accuracy, when it saves, and what is saved when a loss is none or the disk is full."""

import json
import math
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from disks import files_of_at_most
from few_images import STEPS, no_epoch, no_step, recipe_of

from edgehybrid.errors import EdgehybridError, RunError
from edgehybrid.runs.checkpoint import Progress, has_checkpoint, read_record
from edgehybrid.runs.run_folder import RunFolder, create_run, find_run
from edgehybrid.training import loop, writer
from edgehybrid.training.loop import OnStep
from edgehybrid.training.writer import accuracy

PLAIN = ("training.epochs=3", "training.optimizer.kind=sgd", "training.schedule.kind=constant")
SAVE_EACH_STEP = "training.checkpoint_minutes=0"
RATE, EXPLODING = 0.01, 1e30


pytestmark = pytest.mark.usefixtures("small_training")


# A loss that is not a number.


def explode_at(exploding: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The learning rate of this step, counted from 0 over all epochs, makes numbers that no loss can be computed of."""
    rates = {exploding: EXPLODING}
    monkeypatch.setattr(loop, "learning_rate", lambda training, done, steps: rates.get(done, RATE))


def train_until_it_fails(runs: Path, *overrides: str) -> tuple[RunFolder, EdgehybridError]:
    with pytest.raises(EdgehybridError, match="is not finite any more") as caught:
        loop.train(recipe_of(*PLAIN, *overrides), runs, no_step, no_epoch)
    return find_run(runs, None), caught.value


LOSS, RESULT = "The loss", "The network's result for a test image"


@pytest.mark.parametrize(
    ("exploding", "minutes", "what", "failed", "kept"),
    [
        # Saved after each step. The exploded weights are those of the checkpoint after step `exploding`.
        (1, 0, LOSS, "epoch 1, step 3 of 3", "epoch 1, step 1 of 3"),
        (3, 0, LOSS, "epoch 2, step 2 of 3", "epoch 1, step 3 of 3"),
        # The epoch's last step: no loss is computed with its weights, but the test images are evaluated.
        (5, 0, RESULT, "epoch 2, after its last step", "epoch 2, step 2 of 3"),
        # Where the evaluation is none the wiser, the epoch's line and its checkpoint are of exploded weights.
        (5, 0, LOSS, "epoch 3, step 1 of 3", "epoch 2, step 2 of 3"),
        # Saved at the ends of epochs.
        (5, 10, RESULT, "epoch 2, after its last step", "epoch 1, step 3 of 3"),
        (5, 10, LOSS, "epoch 3, step 1 of 3", "epoch 1, step 3 of 3"),
        # The training's last step.
        (8, 0, RESULT, "epoch 3, after its last step", "epoch 3, step 2 of 3"),
        (8, 10, RESULT, "epoch 3, after its last step", "epoch 2, step 3 of 3"),
        # The newest checkpoint is older than the step that exploded.
        (3, 10, LOSS, "epoch 2, step 2 of 3", "epoch 1, step 3 of 3"),
    ],
)
def test_the_checkpoint_that_is_kept_can_be_trained_on(
    exploding: int, minutes: int, what: str, failed: str, kept: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        explode_at(exploding, patch)
        if what == LOSS:
            patch.setattr(writer, "accuracy", lambda model, batches: 0.5)
        run, error = train_until_it_fails(tmp_path, f"training.checkpoint_minutes={minutes}")
    assert f"{what} is not finite any more: {failed}, first in layer" in error.what
    assert "Lower training.optimizer.learning_rate" in (error.next_step or "")
    assert (error.next_step or "").endswith(f"The run keeps the checkpoint of {kept}.")
    record = read_record(run)
    done = STEPS * record.epoch + record.step
    assert done <= exploding  # steps before the one that exploded
    assert f"epoch {(done - 1) // STEPS + 1}, step {(done - 1) % STEPS + 1} of {STEPS}" == kept
    monkeypatch.setattr(loop, "learning_rate", lambda training, done, steps: RATE)
    steps: list[tuple[int, int]] = []
    loop.resume(run, lambda epoch, step, *_: steps.append((epoch, step)), no_epoch)
    assert steps == [(i // STEPS + 1, i % STEPS + 1) for i in range(done, 3 * STEPS)]
    assert [line.epoch for line in run.epochs()] == [1, 2, 3]
    for line in run.epochs():
        assert math.isfinite(line.loss)
        assert all(math.isfinite(figures.alpha) for figures in line.health.values())


@pytest.mark.parametrize("minutes", [0, 10])
def test_without_a_checkpoint_to_keep_the_run_starts_again(
    minutes: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    explode_at(0, monkeypatch)
    run, error = train_until_it_fails(tmp_path, f"training.checkpoint_minutes={minutes}")
    assert (error.next_step or "").endswith("The run keeps no checkpoint.")
    assert not has_checkpoint(run)
    monkeypatch.setattr(loop, "learning_rate", lambda training, done, steps: RATE)
    assert loop.resume(run, no_step, no_epoch).epoch == 3


def test_a_resumed_run_that_fails_at_once_does_not_wear_out_its_checkpoints(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    explode_at(3, monkeypatch)
    run, _ = train_until_it_fails(tmp_path, SAVE_EACH_STEP, "training.weight_decay=0.1")
    kept = read_record(run)
    # As on a machine that computes nonsense.
    monkeypatch.setattr(loop, "weight_decay", lambda training, done, steps: math.nan)
    for _ in range(2):
        with pytest.raises(EdgehybridError, match=r"not finite any more: epoch 2, step 1 of 3\."):
            loop.resume(run, no_step, no_epoch)
        assert read_record(run) == kept


def test_a_gradient_that_is_not_a_number_stops_the_training_before_it_reaches_the_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    decays = {4: math.inf}
    monkeypatch.setattr(loop, "weight_decay", lambda training, done, steps: decays.get(done, 0.0))
    run, error = train_until_it_fails(tmp_path, "training.weight_decay=0.1")
    assert error.what == "A gradient is not finite any more: epoch 2, step 2 of 3."
    assert read_record(run).epoch == 1


# What and when.


def test_accuracy_counts_over_several_batches() -> None:
    class Identity:
        def predict_on_batch(self, images: Any) -> Any:
            return images

    logits = np.eye(4, dtype=np.float32)[[0, 1, 2, 3, 0, 1, 2]]
    labels = np.array([0, 1, 2, 3, 0, 0, 0])
    batches = [(logits[begin : begin + 3], labels[begin : begin + 3]) for begin in (0, 3, 6)]
    assert accuracy(Identity(), batches) == 5 / 7


def test_a_run_that_was_killed_before_its_environment_was_written_gets_one(tmp_path: Path) -> None:
    run = create_run(tmp_path, recipe_of(*PLAIN, "training.epochs=1"))
    loop.resume(run, no_step, no_epoch)
    assert "tensorflow" in json.loads((run.path / "env.json").read_text())


def test_saves_when_the_last_checkpoint_is_so_many_minutes_old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now_s, saved = 0.0, []

    def on_step(epoch: int, step: int, steps: int, images_per_second: float) -> None:
        nonlocal now_s
        now_s += 25

    def monotonic() -> float:
        nonlocal now_s
        # A step lasts some time, for the images a second.
        now_s += 1e-3
        return now_s

    def save(run: RunFolder, values: Any, progress: Progress, extra: Any) -> None:
        saved.append((progress.epoch, progress.step))

    for module in (loop, writer):
        monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=monotonic))
    monkeypatch.setattr(writer, "save_checkpoint", save)
    few = ("training.batch_size=8", "training.epochs=1", "training.checkpoint_minutes=1")
    loop.train(recipe_of(*few), tmp_path, on_step, no_epoch)
    # Step n begins 25·(n - 1) s after the first, and ends with a checkpoint if the last one is 60 s old. So step 4,
    # which begins at 75 s, and whose checkpoint is of 100 s; then step 8, which begins at 175 s. Step 12 is the last.
    assert saved == [(0, 4), (0, 8), (1, 0)]


# A full disk.


@pytest.fixture
def deterministic() -> Iterator[str]:
    """The setting. It is the process's, and would outlast the test."""
    from tensorflow.python.framework.config import disable_op_determinism

    yield "training.deterministic=true"
    disable_op_determinism()


@contextmanager
def disk_fills_at(epoch: int, step: int) -> Iterator[OnStep]:
    """Gives what to call after each step; after this one no file of the process grows any more."""
    with ExitStack() as stack:

        def on_step(at_epoch: int, at_step: int, steps: int, images_per_second: float) -> None:
            if (at_epoch, at_step) == (epoch, step):
                stack.enter_context(files_of_at_most(0))

        yield on_step


def arrays(run: RunFolder) -> dict[str, np.ndarray]:
    with np.load(run.path / "checkpoint" / read_record(run).file) as archive:
        return {name: archive[name] for name in archive.files}


def test_a_training_resumed_after_a_full_disk_ends_with_the_same_bits(tmp_path: Path, deterministic: str) -> None:
    recipe = recipe_of("training.epochs=2", SAVE_EACH_STEP, deterministic)
    whole, _ = loop.train(recipe, tmp_path / "whole", no_step, no_epoch)
    # The write after step 2, within an epoch; then that at the end of it, where the line is the first to be refused.
    with disk_fills_at(1, 2) as on_step, pytest.raises(RunError, match="checkpoint cannot be written"):
        loop.train(recipe, tmp_path / "stopped", on_step, no_epoch)
    stopped = find_run(tmp_path / "stopped", None)
    assert (read_record(stopped).epoch, read_record(stopped).step) == (0, 1)
    with disk_fills_at(2, 3) as on_step, pytest.raises(RunError, match="metrics cannot be written"):
        loop.resume(stopped, on_step, no_epoch)
    assert (read_record(stopped).epoch, read_record(stopped).step) == (1, 2)
    loop.resume(stopped, no_step, no_epoch)
    expected, got = arrays(whole), arrays(stopped)
    assert list(got) == list(expected)
    for name, value in expected.items():
        np.testing.assert_array_equal(got[name], value, err_msg=name)
    for one, other in zip(whole.epochs(), stopped.epochs(), strict=True):
        assert one.loss == other.loss
