"""The training loop on 96 digits: what a run folder holds, repeatability, resuming, and refusals."""

import json
import math
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from few_images import TEST_IMAGES, TRAIN_IMAGES, few_images, no_epoch, no_step, recipe_of

from edgehybrid.errors import DataError, EdgehybridError, RecipeError, RunError
from edgehybrid.model.variables import trained_model
from edgehybrid.networks import network_of
from edgehybrid.recipe import load_recipe
from edgehybrid.runs.checkpoint import read_record
from edgehybrid.runs.epoch_line import EpochLine
from edgehybrid.runs.lock import owned
from edgehybrid.runs.run_folder import RunFolder, create_run, find_run, open_run
from edgehybrid.training import loop
from edgehybrid.training.step import StepResult, Trainer, Wish
from edgehybrid.training.writer import accuracy


class Stopped(Exception):  # noqa: N818 - stands for a user's interruption, not for an error
    """Raised after an epoch, as if the process had been stopped there."""


class Trained(NamedTuple):
    whole: RunFolder
    resumed: RunFolder
    steps: list[tuple[int, int, int]]
    lines_when_stopped: int
    epoch_when_stopped: int


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trained]:
    """One recipe of 2 epochs trained twice: in one go, and stopped after epoch 1, then resumed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "open_source", few_images)
        recipe, steps = recipe_of("training.epochs=2"), []

        def on_step(epoch: int, step: int, of: int, images_per_second: float) -> None:
            assert images_per_second > 0
            steps.append((epoch, step, of))

        def stop(line: EpochLine) -> None:
            raise Stopped

        whole, _ = loop.train(recipe, tmp_path_factory.mktemp("whole"), on_step, no_epoch)
        runs = tmp_path_factory.mktemp("resumed")
        with pytest.raises(Stopped):
            loop.train(recipe, runs, no_step, stop)
        resumed = open_run(next(runs.iterdir()))
        stopped_at = len(resumed.epochs()), read_record(resumed).epoch
        loop.resume(resumed, no_step, no_epoch)
        yield Trained(whole, resumed, steps, *stopped_at)


def test_metrics_have_a_line_an_epoch_with_these_keys(trained: Trained) -> None:
    lines = trained.whole.epochs()
    assert [line.epoch for line in lines] == [1, 2]
    for line in lines:
        assert list(json.loads(line.to_json())) == [
            "epoch",
            "loss",
            "top1_train_percent",
            "learning_rate",
            "images_per_second",
            "top1_percent",
            "seconds",
            "health",
        ]
        assert math.isfinite(line.loss)


def test_percentages_are_whole_numbers_of_images(trained: Trained) -> None:
    for line in trained.whole.epochs():
        for percent, count in ((line.top1_train_percent, TRAIN_IMAGES), (line.top1_percent, TEST_IMAGES)):
            images = percent / 100 * count
            assert images == pytest.approx(round(images), abs=1e-9)
            assert 0 <= images <= count


def test_learning_rate_is_that_of_the_epochs_last_step(trained: Trained) -> None:
    # Cosine from 2e-3 over 2·3 steps; the last steps of the epochs are 2 and 5, counted from 0.
    expected = [2e-3 * (1 + math.cos(math.pi * step / 6)) / 2 for step in (2, 5)]
    # Kept as float32.
    got = [line.learning_rate for line in trained.whole.epochs()]
    assert got == pytest.approx(expected, rel=2**-23)


def test_reports_each_step(trained: Trained) -> None:
    assert trained.steps == [(epoch, step, 3) for epoch in (1, 2) for step in (1, 2, 3)]


def test_the_checkpoint_is_that_of_the_last_epoch(trained: Trained) -> None:
    assert read_record(trained.whole).epoch == 2


def test_an_epoch_is_saved_before_it_is_reported(trained: Trained) -> None:
    assert trained.lines_when_stopped == 1
    assert trained.epoch_when_stopped == 1


def test_the_environment_is_written(trained: Trained) -> None:
    assert {"tensorflow", "tf-keras", "larq"} <= set(json.loads((trained.whole.path / "env.json").read_text()))


def test_the_trained_model_has_the_accuracy_of_the_last_line(trained: Trained) -> None:
    model, record = trained_model(trained.whole)
    batches = few_images(trained.whole.recipe.data).evaluation_batches("test")
    assert record.epoch == 2
    assert 100 * accuracy(model, batches) == trained.whole.epochs()[-1].top1_percent


def test_two_runs_of_one_seed_have_equal_losses(trained: Trained) -> None:
    # Threads may add float32 numbers in another order: 1e-5 is about 100 roundings.
    first, second = trained.whole.epochs()[0], trained.resumed.epochs()[0]
    assert first.loss == pytest.approx(second.loss, rel=1e-5)


def test_a_resumed_run_goes_on_as_if_never_stopped(trained: Trained) -> None:
    whole, resumed = trained.whole.epochs(), trained.resumed.epochs()
    assert [line.epoch for line in resumed] == [1, 2]
    # Same reason as above. Lost optimizer state moves the loss by more than 1e-3.
    assert whole[1].loss == pytest.approx(resumed[1].loss, rel=1e-5)
    assert whole[1].learning_rate == resumed[1].learning_rate


def test_refuses_to_resume_a_finished_run(trained: Trained) -> None:
    with pytest.raises(RunError, match="The run is finished") as caught:
        loop.resume(trained.whole, no_step, no_epoch)
    assert "2 of 2 epochs" in (caught.value.received or "")


def test_without_data_no_run_folder_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EDGEHYBRID_DATA", raising=False)
    recipe = load_recipe("hybrid_res_a", [f"data.path={tmp_path / 'absent'}"])
    with pytest.raises(DataError, match="no train images"):
        loop.train(recipe, tmp_path / "runs", no_step, no_epoch)
    assert not (tmp_path / "runs").exists()


def test_a_recipe_that_cannot_be_trained_makes_no_run_folder(tmp_path: Path) -> None:
    recipe = load_recipe("digits", ["network.placement.full_precision=[last]"])
    with pytest.raises(RecipeError, match="'conv1' reads a single channel"):
        loop.train(recipe, tmp_path / "runs", no_step, no_epoch)
    assert not (tmp_path / "runs").exists()


def test_without_memory_no_run_folder_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "open_source", few_images)
    monkeypatch.setattr(loop, "available_bytes", lambda: 2**29)
    with pytest.raises(EdgehybridError, match="more memory than there is") as caught:
        loop.train(recipe_of(), tmp_path / "runs", no_step, no_epoch)
    assert caught.value.allowed == "0.5 GiB, which this process can get"
    assert not (tmp_path / "runs").exists()


@pytest.mark.usefixtures("small_training")
def test_a_run_stopped_inside_an_epoch_goes_on_at_its_next_step(tmp_path: Path) -> None:
    _, last = loop.train(recipe_of("training.epochs=2"), tmp_path / "whole", no_step, no_epoch)
    steps: list[tuple[int, int, int]] = []

    def on_step(epoch: int, step: int, of: int, images_per_second: float) -> None:
        steps.append((epoch, step, of))
        if (epoch, step) == (2, 1):
            signal.raise_signal(signal.SIGTERM)

    with pytest.raises(EdgehybridError, match="interrupted; its checkpoint is that of epoch 2, step 2 of 3") as caught:
        loop.train(recipe_of("training.epochs=2"), tmp_path / "stopped", on_step, no_epoch)
    run = open_run(next((tmp_path / "stopped").iterdir()))
    assert str(run.path) in (caught.value.next_step or "")
    # The signal comes after step 1 of epoch 2; one more step is made, whose end all workers agree on.
    assert (read_record(run).epoch, read_record(run).step) == (1, 2)
    loop.resume(run, on_step, no_epoch)
    assert steps == [(1, 1, 3), (1, 2, 3), (1, 3, 3), (2, 1, 3), (2, 2, 3), (2, 3, 3)]
    # Threads may add float32 numbers in another order: 1e-5 is about 100 roundings.
    assert run.epochs()[1].loss == pytest.approx(last.loss, rel=1e-5)


DECAY = (
    "training.epochs=2",
    "training.optimizer.kind=sgd",
    "training.optimizer.learning_rate=0.01",
    "training.schedule.kind=constant",
    "training.weight_decay=0.5",
    "training.weight_decay_schedule={epochs: [2], factor: 0.1}",
)


@pytest.mark.usefixtures("small_training")
def test_weight_decay_is_that_of_its_epoch_also_after_an_interruption(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    decays: list[float] = []

    class Watched(Trainer):
        def step(self, parts: Any, learning_rate: float, weight_decay: float, wish: Wish) -> tuple[StepResult, Wish]:
            decays.append(weight_decay)
            return super().step(parts, learning_rate, weight_decay, wish)

    def on_step(epoch: int, step: int, of: int, images_per_second: float) -> None:
        if (epoch, step) == (2, 1):
            signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr(loop, "Trainer", Watched)
    whole, _ = loop.train(recipe_of(*DECAY), tmp_path / "whole", no_step, no_epoch)
    assert decays == [0.5] * 3 + [0.5 * 0.1] * 3
    decays.clear()
    with pytest.raises(EdgehybridError, match="epoch 2, step 2 of 3"):
        loop.train(recipe_of(*DECAY), tmp_path / "stopped", on_step, no_epoch)
    stopped = open_run(next((tmp_path / "stopped").iterdir()))
    loop.resume(stopped, no_step, no_epoch)
    assert decays == [0.5] * 3 + [0.5 * 0.1] * 3
    for one, other in zip(whole.epochs(), stopped.epochs(), strict=True):
        # Threads may add float32 numbers in another order: 1e-5 is about 100 roundings.
        assert other.loss == pytest.approx(one.loss, rel=1e-5)


@pytest.mark.usefixtures("small_training")
def test_who_resumes_needs_the_first_stage_no_more(tmp_path: Path) -> None:
    first, _ = loop.train(recipe_of("training.epochs=1"), tmp_path, no_step, no_epoch)

    def stop(line: EpochLine) -> None:
        raise Stopped

    with pytest.raises(Stopped):
        loop.train(recipe_of("training.epochs=2", f"training.start_from={first.name}"), tmp_path, no_step, stop)
    shutil.rmtree(first.path)
    assert loop.resume(find_run(tmp_path, None), no_step, no_epoch).epoch == 2


@pytest.mark.usefixtures("small_training")
def test_a_run_without_a_checkpoint_starts_again(tmp_path: Path) -> None:
    recipe = recipe_of("training.epochs=2")
    _, last = loop.train(recipe, tmp_path / "whole", no_step, no_epoch)
    run = create_run(tmp_path / "again", recipe)
    assert loop.resume(run, no_step, no_epoch).loss == pytest.approx(last.loss, rel=1e-5)


@pytest.mark.usefixtures("small_training")
def test_validation_images_are_held_out_and_evaluated(tmp_path: Path) -> None:
    run, last = loop.train(recipe_of("training.epochs=1", "data.validation_images=20"), tmp_path, no_step, no_epoch)
    images = last.top1_validation_percent / 100 * 20
    assert images == pytest.approx(round(images), abs=1e-9)
    selected = run.selected_epoch()
    assert selected is not None
    assert selected.epoch == 1


@pytest.mark.usefixtures("small_training")
def test_images_not_trained_on_are_looked_at_every_so_many_epochs_and_after_the_last(tmp_path: Path) -> None:
    recipe = recipe_of("training.epochs=5", "data.validation_images=20")
    run, last = loop.train(recipe, tmp_path, no_step, no_epoch, evaluate_every=2)
    lines = run.epochs()
    assert [line.epoch for line in lines if line.top1_percent is not None] == [2, 4, 5]
    assert [line.epoch for line in lines if line.top1_validation_percent is not None] == [2, 4, 5]
    assert all(line.health for line in lines)
    selected = run.selected_epoch()
    assert selected is not None
    assert selected.top1_percent is not None
    # Looking changes nothing.
    seen, _ = loop.train(recipe, tmp_path / "every", no_step, no_epoch)
    assert [line.loss for line in seen.epochs()] == [line.loss for line in lines]
    assert seen.epochs()[-1].top1_percent == last.top1_percent


def test_a_second_process_may_not_train_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "open_source", few_images)
    run = create_run(tmp_path, recipe_of("training.epochs=1"))
    with owned(run), pytest.raises(RunError, match="Another process trains this run"):
        loop.resume(run, no_step, no_epoch)


def test_figures_of_health_are_in_every_line(trained: Trained) -> None:
    quantised = [layer.name for layer in network_of(trained.whole.recipe) if not layer.is_float]
    for line in trained.whole.epochs():
        assert list(line.health) == quantised


def test_health_remembers_the_start_over_an_interruption(trained: Trained) -> None:
    # The resumed process measures drift from the first weights of the run, not from those that it began with.
    for layer, figures in trained.whole.epochs()[1].health.items():
        again = trained.resumed.epochs()[1].health[layer]
        assert again.alpha_drift_percent == pytest.approx(figures.alpha_drift_percent, rel=1e-3)
        assert again.sign_flip_percent == pytest.approx(figures.sign_flip_percent, abs=2.0)
