"""Recipe → run folder: the training loop, top to bottom."""

import json
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from edgehybrid.data.source import Source, open_source
from edgehybrid.errors import EdgehybridError, RunError
from edgehybrid.model.build import build_model
from edgehybrid.model.compat import keras, tf, versions
from edgehybrid.model.layers import ScaledQuantConv2D, centred, xnor_net_gradient_scale
from edgehybrid.model.precision import set_convolution_precision
from edgehybrid.networks import Network, network_of
from edgehybrid.recipe import Adam, Recipe, Training
from edgehybrid.training.checkpoint import Record, read_record, restore_checkpoint, save_checkpoint
from edgehybrid.training.run_folder import RunFolder, create_run, write_atomically, write_environment
from edgehybrid.training.schedules import learning_rate

EVALUATION_BATCH = 500

# Called after each step with: epoch (from 1), step in the epoch (from 1), steps of an epoch, images/s.
Progress = Callable[[int, int, int, float], None]
Epoch = dict[str, Any]
OnEpoch = Callable[[Epoch], None]


def trained_model(run: RunFolder) -> tuple[Any, Record]:
    """The Keras model of a run with the weights of its newest checkpoint, and that checkpoint's record."""
    model = build_model(network_of(run.recipe))
    return model, restore_checkpoint(run, model)


def train(recipe: Recipe, runs: Path, on_step: Progress, on_epoch: OnEpoch) -> tuple[RunFolder, Epoch]:
    """Trains a recipe into a new run folder below ``runs``; after each epoch, a line in metrics.jsonl and a checkpoint.

    Two runs of one recipe see the same first weights, batches and augmentations: all come from the recipe's seed.

    Returns:
        the run folder, and the metrics of the last epoch.

    Raises:
        RecipeError, DataError: an impossible network, or no data; then no folder is made.
        EdgehybridError: the loss is not a number, or no bfloat16 on this machine.
    """
    source, trainer = _prepare(recipe)
    run = create_run(runs, recipe)
    write_environment(run, versions())
    return run, _run_epochs(run, 1, source, trainer, on_step, on_epoch)


def resume(run: RunFolder, on_step: Progress, on_epoch: OnEpoch) -> Epoch:
    """Goes on after the last finished epoch of a run, with its weights and its optimizer's state.

    Returns:
        the metrics of the last epoch.

    Raises:
        RunError: a missing or damaged checkpoint, or nothing left to train.
    """
    if (done := read_record(run).epoch) >= run.recipe.training.epochs:
        raise RunError(
            "The run is finished.", received=f"{run.path}: {done} of {run.recipe.training.epochs} epochs",
            next_step="Train a new run with 'edgehybrid train RECIPE --set training.epochs=…'.",
        )  # fmt: skip
    source, trainer = _prepare(run.recipe)
    restore_checkpoint(run, trainer.model, trainer.optimizer)
    return _run_epochs(run, done + 1, source, trainer, on_step, on_epoch)


def _prepare(recipe: Recipe) -> tuple[Source, "_Trainer"]:
    network = network_of(recipe)
    set_convolution_precision(recipe.training.precision)
    source = open_source(recipe.data)
    source.check()
    keras.utils.set_random_seed(recipe.training.seed)
    return source, _Trainer(recipe, network)


def _run_epochs(
    run: RunFolder,
    first: int,
    source: Source,
    trainer: "_Trainer",
    on_step: Progress,
    on_epoch: OnEpoch,
) -> Epoch:
    lines = run.epochs()[: first - 1]
    with _EventLog(run, lines) as log:
        for epoch in range(first, run.recipe.training.epochs + 1):
            began = time.monotonic()
            line = trainer.run_epoch(source, epoch, on_step)
            line |= {
                "top1_percent": 100 * accuracy(trainer.model, source),
                "seconds": round(time.monotonic() - began, 3),
            }
            log.append(line)
            save_checkpoint(run, trainer.model, trainer.optimizer, epoch)
            lines.append(line)
            on_epoch(line)
    return lines[-1]


def accuracy(model: Any, source: Source) -> float:
    """Share of the test images whose largest logit is the label's, 0 … 1."""
    correct = 0
    for images, labels in source.evaluation_batches("test", EVALUATION_BATCH):
        correct += int(np.sum(np.argmax(model.predict_on_batch(images), axis=1) == labels))
    return correct / source.test_images


class _Trainer:
    """Model, optimizer and the compiled step of one recipe."""

    def __init__(self, recipe: Recipe, network: Network) -> None:
        self.recipe = recipe
        self.model = build_model(network)
        self.optimizer = _optimizer(recipe.training)
        self.variables = self.model.trainable_variables
        self.optimizer.build(self.variables)
        self.latent = {
            id(layer.latent_kernel): layer.latent_kernel
            for layer in self.model.layers
            if isinstance(layer, ScaledQuantConv2D)
        }
        self._compiled = tf.function(self._step, reduce_retracing=True)

    def run_epoch(self, source: Source, epoch: int, on_step: Progress) -> Epoch:
        """All batches of one epoch. Returns its mean loss, training accuracy and speed."""
        training = self.recipe.training
        steps = source.steps(training.batch_size)
        batches = source.training_batches(training.augmentation, training.batch_size, training.seed, epoch)
        loss_sum, correct, seen, began = 0.0, 0, 0, time.monotonic()
        for step, (images, labels) in enumerate(batches):
            self.optimizer.learning_rate.assign(learning_rate(training, (epoch - 1) * steps + step, steps))
            loss, hits = self._compiled(images, labels)
            count = len(labels)
            loss_sum, correct, seen = loss_sum + float(loss) * count, correct + int(hits), seen + count
            if not math.isfinite(loss_sum):
                raise EdgehybridError(
                    f"The loss is not a number any more: epoch {epoch}, step {step + 1} of {steps}.",
                    next_step="Lower training.optimizer.learning_rate, or set training.gradient_clip_norm.",
                )
            on_step(epoch, step + 1, steps, seen / (time.monotonic() - began))
        return {
            "epoch": epoch,
            "loss": loss_sum / seen,
            "top1_train_percent": 100 * correct / seen,
            "learning_rate": float(self.optimizer.learning_rate.numpy()),
            "images_per_second": round(seen / (time.monotonic() - began), 1),
        }

    def _step(self, images: Any, labels: Any) -> tuple[Any, Any]:
        training = self.recipe.training
        with tf.GradientTape() as tape:
            logits = self.model(images, training=True)
            loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits))
        gradients = tape.gradient(loss, self.variables)
        gradients = [self._prepared(g, v) for g, v in zip(gradients, self.variables, strict=True)]
        if training.gradient_clip_norm is not None:
            gradients, _ = tf.clip_by_global_norm(gradients, training.gradient_clip_norm)
        self.optimizer.apply_gradients(zip(gradients, self.variables, strict=True))
        for kernel in self.latent.values():
            self._tidy(kernel)
        return loss, tf.reduce_sum(tf.cast(tf.argmax(logits, axis=1) == labels, tf.int32))

    def _prepared(self, gradient: Any, variable: Any) -> Any:
        """Scale of latent weights, then weight decay, which PyTorch's optimizers add to the gradient."""
        training = self.recipe.training
        variable = getattr(variable, "latent_variable", variable)
        if id(variable) in self.latent and training.latent_weights.gradient_scale == "xnor_net":
            gradient *= xnor_net_gradient_scale(tuple(variable.shape))
        return gradient + training.weight_decay * variable if training.weight_decay else gradient

    def _tidy(self, kernel: Any) -> None:
        latent_weights = self.recipe.training.latent_weights
        value = centred(kernel) if latent_weights.centre else kernel
        if latent_weights.clip:
            value = tf.clip_by_value(value, -1.0, 1.0)
        if latent_weights.centre or latent_weights.clip:
            kernel.assign(value)


def _optimizer(training: Training) -> Any:
    chosen = training.optimizer
    if isinstance(chosen, Adam):
        return keras.optimizers.Adam(
            chosen.learning_rate, beta_1=chosen.beta_1, beta_2=chosen.beta_2, epsilon=chosen.epsilon
        )
    return keras.optimizers.SGD(chosen.learning_rate, momentum=chosen.momentum, nesterov=chosen.nesterov)


class _EventLog:
    """metrics.jsonl and TensorBoard events of a run. Lines after a resumed epoch are dropped: they are redone."""

    def __init__(self, run: RunFolder, lines: list[Epoch]) -> None:
        self._path = run.path / "metrics.jsonl"
        self._lines = [json.dumps(line) for line in lines]
        self._events = tf.summary.create_file_writer(str(run.path / "tensorboard"))

    def __enter__(self) -> "_EventLog":
        return self

    def __exit__(self, *_: object) -> None:
        self._events.close()

    def append(self, line: Epoch) -> None:
        """Writes one epoch's metrics. The file is replaced as a whole, so that it never ends in half a line."""
        self._lines.append(json.dumps(line))
        write_atomically(self._path, "".join(f"{text}\n" for text in self._lines).encode())
        with self._events.as_default(step=line["epoch"]):
            for name, value in line.items():
                tf.summary.scalar(name, value)
        self._events.flush()
