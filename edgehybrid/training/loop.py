"""Recipe → run folder: the training loop, top to bottom."""

import math
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from edgehybrid.data.sharding import check_shard
from edgehybrid.data.source import Source, open_source
from edgehybrid.errors import EdgehybridError, InterruptedTrainingError, RunError
from edgehybrid.model.build import build_model
from edgehybrid.model.compat import tf, versions
from edgehybrid.model.variables import restore_checkpoint, set_values, trained_model, update_values
from edgehybrid.networks import check_trainable, network_of
from edgehybrid.recipe import Recipe
from edgehybrid.runs.checkpoint import (
    Progress,
    Values,
    has_checkpoint,
    read_record,
    remove_left_overs,
    take_back,
)
from edgehybrid.runs.epoch_line import EpochLine
from edgehybrid.runs.lock import owned
from edgehybrid.runs.run_folder import RunFolder, complete_environment, create_run, open_run, write_environment
from edgehybrid.training.available_memory import available_bytes
from edgehybrid.training.batch_norm import BATCH, take_averages
from edgehybrid.training.earlier_run import find_first_stage, find_teacher
from edgehybrid.training.interruption import Interruption
from edgehybrid.training.not_finite import checkpoint_left, first_layer_not_finite, not_finite
from edgehybrid.training.replicas import Replicas, lost_workers_explained
from edgehybrid.training.schedules import learning_rate, weight_decay
from edgehybrid.training.sharpness import check_measurable
from edgehybrid.training.step import StepResult, Trainer, Wish
from edgehybrid.training.step_memory import Demand
from edgehybrid.training.strategy import StrategyName
from edgehybrid.training.writer import Arrays, OnEpoch, Writer

# Called before the first step, with the images.
OnStart = Callable[[Source], None] | None
# Called after each step with: epoch (from 1), step in the epoch (from 1), steps of an epoch, images/s.
OnStep = Callable[[int, int, int, float], None]


def train(
    recipe: Recipe,
    runs: Path,
    on_step: OnStep,
    on_epoch: OnEpoch,
    strategy: StrategyName = "one",
    on_start: OnStart = None,
    evaluate_every: int = 1,
) -> tuple[RunFolder, EpochLine]:
    """Trains a recipe into a new run folder below ``runs``; after each epoch, a line in metrics.jsonl and a checkpoint.

    Two runs of one recipe see the same first weights, batches and augmentations: all come from the recipe's seed.

    Args:
        evaluate_every: epochs from one look at validation and test images to the next; the last epoch always has one.

    Returns:
        the run folder, and the metrics of the last epoch.

    Raises:
        RecipeError, DataError, RunError: an impossible network, no data, no teacher; then no folder is made.
        UsageError: the workers have different recipes, or cannot share a batch; then no folder is made.
        EdgehybridError: too little memory, and no folder is made; or the loss is not finite, or a worker is gone.
    """
    replicas = Replicas(strategy)
    with lost_workers_explained(replicas):
        session = _Session(recipe, runs, replicas)
        made: list[RunFolder] = []

        def make_run() -> None:
            made.append(create_run(runs, recipe))
            write_environment(made[0], versions())

        replicas.on_chief(make_run)
        # All workers must see the chief's folder: they read its checkpoints when they resume.
        run = open_run(runs / replicas.from_chief(made[0].name if made else ""))
    with lost_workers_explained(replicas, run):
        return run, session.run_epochs(run, on_step, on_epoch, on_start, evaluate_every)


def resume(
    run: RunFolder,
    on_step: OnStep,
    on_epoch: OnEpoch,
    strategy: StrategyName = "one",
    on_start: OnStart = None,
    evaluate_every: int = 1,
    bare: bool = False,
) -> EpochLine:
    """Goes on where a run stopped, with its weights and its optimizer's state; at the start if it has no checkpoint.

    Args:
        evaluate_every: as in ``train``.
        bare: after an epoch, neither the accuracy of the test images is measured nor the layers' health: a search looks
            at neither.

    Returns:
        the metrics of the last epoch.

    Raises:
        RunError: a damaged checkpoint, nothing left to train, or another process trains this run.
    """
    if has_checkpoint(run) and (done := read_record(run).epoch) >= run.recipe.training.epochs:
        raise RunError(
            "The run is finished.",
            received=f"{run.path}: {done} of {run.recipe.training.epochs} epochs",
            next_step="Train a new run with 'edgehybrid train RECIPE --set training.epochs=…'.",
        )
    replicas = Replicas(strategy)
    with lost_workers_explained(replicas, run):
        session = _Session(run.recipe, run.path.parent, replicas, from_start=not has_checkpoint(run))
        return session.run_epochs(run, on_step, on_epoch, on_start, evaluate_every, bare)


class _Session:
    """What one process trains with: images, model, optimizer."""

    def __init__(self, recipe: Recipe, runs: Path, replicas: Replicas, from_start: bool = True) -> None:
        # First of all: what fails on one worker alone leaves the others waiting for it.
        replicas.check_same("recipes", recipe.sha256)
        check_trainable(recipe)
        self.recipe, self.training, self.replicas = recipe, recipe.training, replicas
        check_shard(self.training.batch_size, replicas.shards[0])
        self.source = open_source(recipe.data)
        self._teacher: RunFolder | None = None
        self._first_stage: RunFolder | None = None
        replicas.together(self._prepare, runs, from_start)
        if self.training.deterministic:
            tf.config.experimental.enable_op_determinism()
        teacher, first_stage = (run and trained_model(run)[0] for run in (self._teacher, self._first_stage))
        self.trainer = Trainer(recipe, replicas.strategy, teacher, first_stage)
        # Reading the variables of several copies takes all workers; the chief evaluates a model of its own.
        self.model = self.trainer.model if replicas.count == 1 else build_model(network_of(recipe))

    def _prepare(self, runs: Path, from_start: bool) -> None:
        """What may be missing on one machine alone."""
        self._teacher = find_teacher(self.recipe, runs)
        # A checkpoint holds all weights: who resumes needs no first stage any more.
        self._first_stage = find_first_stage(self.recipe, runs) if from_start else None
        self.source.check()
        check_measurable(self.training, self.source, self.replicas.count)
        self._check_memory(self._teacher)

    def _check_memory(self, teacher: RunFolder | None) -> None:
        """Refuses what would not fit. Not with a GPU: the maps are then in its memory, not in the machine's."""
        if tf.config.list_physical_devices("GPU"):
            return
        Demand(
            network_of(self.recipe),
            self.training,
            self.source.training_images,
            self.source.array_bytes,
            copies=self.replicas.count,
            copies_here=len(self.replicas.shards),
            teacher=network_of(teacher.recipe) if teacher else None,
        ).check(available_bytes())

    def run_epochs(
        self,
        run: RunFolder,
        on_step: OnStep,
        on_epoch: OnEpoch,
        on_start: OnStart,
        evaluate_every: int,
        bare: bool = False,
    ) -> EpochLine:
        """All epochs that the newest checkpoint of the run leaves; the chief writes. Returns the last one's metrics."""
        with ExitStack() as stack:

            def take() -> None:
                stack.enter_context(owned(run))
                remove_left_overs(run)
                complete_environment(run, versions())

            self.replicas.on_chief(take)
            self.replicas.on_chief(on_start, self.source)
            progress, memory = Progress(epoch=0), Arrays()
            if has_checkpoint(run):
                progress = restore_checkpoint(run, self.trainer.model, self.trainer.optimizer, memory)
            values = self.trainer.values()
            writer = None
            if self.replicas.is_chief:
                if self.model is not self.trainer.model:
                    set_values(self.model, values)
                writer = Writer(run, self.source, self.model, self.trainer, self.replicas.count, progress, memory)
                stack.enter_context(writer.log)
            interruption = stack.enter_context(Interruption())
            for epoch in range(progress.epoch + 1, self.training.epochs + 1):
                progress = self._run_epoch(run, epoch, progress, writer, interruption, on_step)
                values = self.trainer.values()
                if epoch == self.training.epochs and self.training.batch_norm_images:
                    self.replicas.on_chief(self._take_averages, values)
                evaluates = epoch % evaluate_every == 0 or epoch == self.training.epochs
                # Weights that give no numbers, a full disk: the chief alone finds out.
                end_epoch = writer.end_epoch if writer else None
                self.replicas.on_chief(end_epoch, progress, values, on_epoch, evaluates, bare)
                progress = Progress(epoch=epoch)
        return run.epochs()[-1]

    def _take_averages(self, values: Values) -> None:
        """BatchNorm's, into values that are written and evaluated next."""
        if self.model is not self.trainer.model:
            set_values(self.model, values)
        images = self.source.evaluation_batches("training", BATCH, self.training.batch_norm_images)
        take_averages(self.model, (batch for batch, _ in images))
        update_values(values, self.model)

    def _run_epoch(
        self,
        run: RunFolder,
        epoch: int,
        progress: Progress,
        writer: Writer | None,
        interruption: Interruption,
        on_step: OnStep,
    ) -> Progress:
        """The steps of an epoch that are left, with a checkpoint every few minutes. Returns the sums over the epoch."""
        training = self.training
        steps = self.source.steps(training.batch_size, self.replicas.count)
        parts = [
            self.source.training_batches(
                training.augmentation, training.batch_size, training.seed, epoch, progress.step, shard
            )
            for shard in self.replicas.shards
        ]
        for step, batches in enumerate(zip(*parts, strict=True), start=progress.step):
            began = time.monotonic()
            done = (epoch - 1) * steps + step
            rate, decay = learning_rate(training, done, steps), weight_decay(training, done, steps)
            wish = Wish.STOP if interruption.requested else Wish.SAVE if writer and writer.is_due() else Wish.NOTHING
            result, wish = self.trainer.step(batches, rate, decay, wish)
            if not result.finite:
                raise self._not_finite(run, progress, result, steps, batches[0][0])
            progress = Progress(
                epoch=epoch - 1,
                step=step + 1,
                loss_sum=progress.loss_sum + result.loss_sum,
                correct=progress.correct + result.correct,
                images=progress.images + result.images,
                seconds=progress.seconds + time.monotonic() - began,
            )
            on_step(epoch, step + 1, steps, progress.images / progress.seconds)
            if writer is not None:
                writer.after_step(done + 1, rate, decay)
            if wish is Wish.NOTHING or step + 1 == steps:
                continue
            values = self.trainer.values()
            self.replicas.on_chief(writer.save if writer else None, progress, values)
            if wish is Wish.STOP:
                raise InterruptedTrainingError(
                    f"Training was interrupted; its checkpoint is that of epoch {epoch}, step {step + 1} of {steps}.",
                    next_step=f"edgehybrid train --resume {run.path}",
                )
        return progress

    def _not_finite(
        self, run: RunFolder, progress: Progress, result: StepResult, steps: int, images: Any
    ) -> EdgehybridError:
        """What the user reads when the first step after ``progress`` failed. The chief takes back bad weights first."""
        record = take_back(run, progress) if self.replicas.is_chief else None
        kept = self.replicas.from_chief(checkpoint_left(record, steps))
        where = f"epoch {progress.epoch + 1}, step {progress.step + 1} of {steps}"
        layer = first_layer_not_finite(self.trainer.model, images, training=True) if self.replicas.count == 1 else None
        return not_finite("A gradient" if math.isfinite(result.loss_sum) else "The loss", where, layer, kept)
