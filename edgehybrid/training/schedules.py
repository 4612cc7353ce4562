"""Learning rate and weight decay as functions of the training step."""

import math
from collections.abc import Sequence

from edgehybrid.recipe.training import InverseTime, Training


def learning_rate(training: Training, step: int, steps_per_epoch: int) -> float:
    """The learning rate of ``step`` (counted from 0), with lr the optimizer's and T all steps of the training.

    constant: lr. step: lr · factor^(listed epochs that have begun). linear: lr · (1 - step / T).
    cosine: lr · (1 + cos(π step / T)) / 2. inverse_time: lr · f / (1 + decay · step), with f of ``_drops``.
    During the warm-up of W steps times (step + 1) / W, at most 1.

    Source of the warm-up: Goyal et al. 2017 (arXiv:1706.02677), section 2.2; of the schedules: their sections in
    ``edgehybrid.recipe.training``.
    """
    warm_up_steps = training.warm_up_epochs * steps_per_epoch
    warm_up = min(1.0, (step + 1) / warm_up_steps) if warm_up_steps else 1.0
    return training.optimizer.learning_rate * warm_up * _share(training, step, steps_per_epoch)


def weight_decay(training: Training, step: int, steps_per_epoch: int) -> float:
    """The weight decay of ``step`` (counted from 0): wd · factor^(listed epochs that have begun), wd the recipe's."""
    schedule = training.weight_decay_schedule
    if schedule is None:
        return training.weight_decay
    return training.weight_decay * schedule.factor ** _epochs_begun(schedule.epochs, step, steps_per_epoch)


def _epochs_begun(epochs: Sequence[int], step: int, steps_per_epoch: int) -> int:
    """How many of ``epochs``, counted from 1, have begun."""
    epoch = step // steps_per_epoch + 1
    return sum(epoch >= begin for begin in epochs)


def _share(training: Training, step: int, steps_per_epoch: int) -> float:
    """What the schedule leaves of the optimizer's learning rate."""
    schedule, progress = training.schedule, step / (steps_per_epoch * training.epochs)
    if schedule.kind == "step":
        return float(schedule.factor ** _epochs_begun(schedule.epochs, step, steps_per_epoch))
    if schedule.kind == "cosine":
        return (1 + math.cos(math.pi * progress)) / 2
    if schedule.kind == "linear":
        return 1 - progress
    if schedule.kind == "inverse_time":
        return _drops(schedule, step, steps_per_epoch) / (1 + schedule.decay * step)
    return 1.0


def _drops(schedule: InverseTime, step: int, steps_per_epoch: int) -> float:
    """The product of ``factor / (1 + decay · s)`` over the listed epochs that have begun, s the first step of each."""
    begins = [(epoch - 1) * steps_per_epoch for epoch in schedule.epochs]
    return math.prod(schedule.factor / (1 + schedule.decay * begin) for begin in begins if begin <= step)
