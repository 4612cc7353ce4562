"""Trains a candidate, or trains it on where a worker stopped; many in one process."""

import gc
from collections.abc import Callable
from pathlib import Path

from edgehybrid.recipe import Recipe
from edgehybrid.runs.checkpoint import has_checkpoint, read_record
from edgehybrid.runs.epoch_line import EpochLine
from edgehybrid.runs.run_folder import RunFolder, create_run, open_run

# Called with the run before its first step; and after each epoch, with the lines of all epochs.
OnRun = Callable[[RunFolder], None]
OnEpochs = Callable[[list[EpochLine]], None]


def train_candidate(recipe: Recipe, runs: Path, earlier: str | None, on_run: OnRun, on_epochs: OnEpochs) -> None:
    """Trains a recipe in a run folder below ``runs``. The test images are not looked at.

    Args:
        earlier: name of a run that a worker could not finish: it is trained on if it is here and of this recipe.

    Raises:
        what ``on_epochs`` raises, then at the end of an epoch; and what ``edgehybrid.training.loop.resume`` does.
    """
    from edgehybrid.model.compat import keras
    from edgehybrid.training import loop

    run = _earlier_run(recipe, runs, earlier) or create_run(runs, recipe)
    on_run(run)
    if not has_checkpoint(run) or read_record(run).epoch < recipe.training.epochs:
        try:
            loop.resume(run, _nothing, lambda line: on_epochs(run.epochs()), bare=True)
        finally:
            # Models and graphs of earlier trials would stay in memory.
            keras.backend.clear_session()
            gc.collect()


def _earlier_run(recipe: Recipe, runs: Path, name: str | None) -> RunFolder | None:
    if name is None or not (runs / name / "recipe.yaml").is_file():
        return None
    run = open_run(runs / name)
    return run if run.recipe.network == recipe.network and run.recipe.training == recipe.training else None


def _nothing(epoch: int, step: int, steps: int, images_per_second: float) -> None:
    """A search shows no steps."""
