"""What a training leaves in its run folder: a line and a checkpoint after each epoch, checkpoints between."""

import math
import time
from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from edgehybrid.data.source import Source
from edgehybrid.model.variables import set_values
from edgehybrid.runs.checkpoint import Progress, Values, save_checkpoint, take_back
from edgehybrid.runs.epoch_line import EpochLine
from edgehybrid.runs.run_folder import RunFolder
from edgehybrid.training.event_log import EventLog
from edgehybrid.training.health import HealthMonitor, hints
from edgehybrid.training.not_finite import checkpoint_left, first_layer_not_finite, not_finite
from edgehybrid.training.sharpness import SharpnessMonitor
from edgehybrid.training.step import Trainer

# As many images as the figures of edgehybrid.training.health are taken from.
HEALTH_IMAGES = 200

Arrays = dict[str, NDArray[Any]]
OnEpoch = Callable[[EpochLine], None]


class Writer:
    """What the chief writes: metrics, health, checkpoints."""

    def __init__(
        self,
        run: RunFolder,
        source: Source,
        model: Any,
        trainer: Trainer,
        copies: int,
        progress: Progress,
        memory: Arrays,
    ) -> None:
        """Begins to write where a run stopped.

        Args:
            model: what is evaluated; the trainer's own model where there is one copy.
            copies: of the model, in all processes.
            memory: of the figures of health and of the curvature, as the checkpoint has it.
        """
        self._run, self._source, self._model, self._trainer, self._copies = run, source, model, trainer, copies
        self._training = run.recipe.training
        self.log = EventLog(run, progress.epoch)
        self._saved_at = time.monotonic()
        # Training images in the order of an epoch before the first, the same ones after each epoch.
        first = source.training_batches(self._training.augmentation, HEALTH_IMAGES, self._training.seed, 0)
        self._health_images = next(iter(first))[0]
        self._monitor = HealthMonitor(model)
        self._monitor.memory |= {name: memory[name] for name in self._monitor.memory if name in memory}
        self._sharpness = None
        if (settings := self._training.health.sharpness) is not None:
            self._sharpness = SharpnessMonitor(settings, trainer, source)
            self._sharpness.remember(memory)

    def is_due(self) -> bool:
        """Whether the last checkpoint is old enough for another."""
        return time.monotonic() - self._saved_at >= 60 * self._training.checkpoint_minutes

    def after_step(self, step: int, learning_rate: float, weight_decay: float) -> None:
        """What is measured between steps, if the recipe asks for it: see ``SharpnessMonitor.after_step``."""
        if self._sharpness is not None:
            self._sharpness.after_step(step, learning_rate, weight_decay)

    def save(self, progress: Progress, values: Values) -> None:
        """Writes a checkpoint."""
        memory = self._monitor.memory | (self._sharpness.memory if self._sharpness is not None else {})
        save_checkpoint(self._run, values, progress, memory)
        self._saved_at = time.monotonic()

    def end_epoch(self, sums: Progress, values: Values, on_epoch: OnEpoch, evaluates: bool, bare: bool) -> None:
        """Evaluates, writes the epoch's line and checkpoint, then reports the line.

        Args:
            evaluates: on validation images, if there are any, and on test images.
            bare: leaves test images and health alone.

        Raises:
            EdgehybridError: the last step made weights that give no numbers; then neither is written. Without an
                evaluation the next step finds it, and takes them back.
        """
        epoch = sums.epoch + 1
        if self._model is not self._trainer.model:
            set_values(self._model, values)
        health = {} if bare else self._monitor.measure(self._health_images)
        validates = evaluates and self._source.validation_images > 0
        line = EpochLine(
            epoch=epoch,
            loss=sums.loss_sum / sums.images,
            top1_train_percent=100 * sums.correct / sums.images,
            learning_rate=float(self._trainer.optimizer.learning_rate.numpy()),
            images_per_second=round(sums.images / sums.seconds, 1),
            top1_validation_percent=self._top1_percent("validation", sums) if validates else None,
            top1_percent=self._top1_percent("test", sums) if evaluates and not bare else None,
            left_out_images=self._source.left_out_images(self._copies),
            seconds=round(sums.seconds, 3),
            health=health,
            hints=hints(health, self._training, epoch),
            curvature=self._sharpness.measured if self._sharpness is not None else (),
        )
        self.log.append(line)
        self._monitor.begin_epoch()
        if self._sharpness is not None:
            self._sharpness.begin_epoch()
        self.save(Progress(epoch=epoch), values)
        on_epoch(line)

    def _top1_percent(self, part: Literal["validation", "test"], sums: Progress) -> float:
        share = accuracy(self._model, self._source.evaluation_batches(part))
        if math.isnan(share):
            where = f"epoch {sums.epoch + 1}, after its last step"
            layer = first_layer_not_finite(self._model, self._health_images, training=False)
            kept = checkpoint_left(take_back(self._run, sums), sums.step)
            raise not_finite(f"The network's result for a {part} image", where, layer, kept)
        return 100 * share


def accuracy(model: Any, batches: Any) -> float:
    """Share of the images whose largest logit is the label's, 0 … 1; NaN if a logit is not a finite number."""
    correct = images = 0
    for batch, labels in batches:
        logits = model.predict_on_batch(batch)
        if not np.isfinite(logits).all():
            return math.nan
        correct += int(np.sum(np.argmax(logits, axis=1) == np.asarray(labels)))
        images += len(labels)
    return correct / images
