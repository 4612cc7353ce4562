"""Whether a network in training is so far behind that it should stop: successive halving among those that cost no more.

Compared with all networks, the cheap ones would always be stopped, and the cheap end of the front would be empty.
"""

from collections.abc import Mapping, Sequence

from edgehybrid.search.columns import is_better_or_equal
from edgehybrid.search.settings import EarlyStop

# Validation accuracies after each epoch, percent.
Curve = Sequence[float]


def is_rung(epoch: int, settings: EarlyStop) -> bool:
    """Whether networks are compared after this epoch, counted from 1."""
    rung = settings.first_epochs
    while rung < epoch:
        rung *= settings.factor
    return rung == epoch


def costs_no_more(other: Mapping[str, float], own: Mapping[str, float], objectives: Sequence[str]) -> bool:
    """Whether another network's cost is as good in every cost objective."""
    return all(is_better_or_equal(name, other[name], own[name]) for name in objectives)


def is_behind(own: Curve, others: Sequence[Curve], settings: EarlyStop) -> bool:
    """Whether the last epoch of ``own`` is a rung at which it is not among the best 1/``factor``.

    Args:
        others: curves of the networks that it is compared with, the earliest first; those that are shorter did not
            reach the rung.
    """
    if not own or not is_rung(len(own), settings):
        return False
    import optuna

    pruner = optuna.pruners.SuccessiveHalvingPruner(settings.first_epochs, settings.factor)
    # Optuna's pruners know one objective, so they judge in a study that has accuracy alone.
    study = optuna.create_study(direction="maximize", pruner=pruner)
    behind = False
    for curve in (*others, own):
        trial = study.ask()
        for epoch, top1_percent in enumerate(curve, start=1):
            if is_rung(epoch, settings):
                trial.report(top1_percent, epoch)
                behind = trial.should_prune()
    return behind
