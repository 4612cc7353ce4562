"""The schedule of a training, squeezed into fewer epochs or stretched over more."""

from typing import Any

from edgehybrid.recipe.training import InverseTime, Step, Training


def with_epochs(training: Training, epochs: int) -> Training:
    """The same training over another number of epochs, with all that happens at an epoch moved along.

    What begins after e of E epochs begins after ``round(e·n / E)`` of n. What would begin with the first epoch, or
    after the last, is left out, and of two that meet one: a schedule of very few epochs has fewer steps. A decay per
    step is E / n times as strong.
    """
    whole, schedule = training.epochs, training.schedule
    changed: dict[str, Any] = {"epochs": epochs, "warm_up_epochs": training.warm_up_epochs * epochs / whole}
    if isinstance(schedule, Step | InverseTime):
        moved: dict[str, Any] = {"epochs": _moved(schedule.epochs, whole, epochs)}
        if isinstance(schedule, InverseTime):
            moved["decay"] = schedule.decay * whole / epochs
        changed["schedule"] = schedule.model_copy(update=moved)
    if training.weight_decay_schedule is not None:
        begun = _moved(training.weight_decay_schedule.epochs, whole, epochs)
        changed["weight_decay_schedule"] = training.weight_decay_schedule.model_copy(update={"epochs": begun})
    return training.model_copy(update=changed)


def _moved(begun: tuple[int, ...], whole: int, epochs: int) -> tuple[int, ...]:
    """Epochs count from 1: what begins with epoch e begins after e - 1 epochs."""
    places = (1 + round((epoch - 1) * epochs / whole) for epoch in begun)
    return tuple(place for place in dict.fromkeys(places) if 1 < place <= epochs)
