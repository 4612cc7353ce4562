"""Learning rate as a function of the training step."""

import math

from edgehybrid.recipe import Training


def learning_rate(training: Training, step: int, steps_per_epoch: int) -> float:
    """The learning rate of ``step`` (counted from 0).

    constant: lr. step: lr · factor^(listed epochs that have begun). cosine: lr · (1 + cos(π step / all steps)) / 2.
    """
    base, schedule = training.optimizer.learning_rate, training.schedule
    if schedule.kind == "step":
        epoch = step // steps_per_epoch + 1
        return base * schedule.factor ** sum(epoch >= begin for begin in schedule.epochs)
    if schedule.kind == "cosine":
        return base * (1 + math.cos(math.pi * step / (steps_per_epoch * training.epochs))) / 2
    return base
