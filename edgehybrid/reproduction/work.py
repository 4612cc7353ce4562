"""Brings one training to its record: finds its run, trains it to its end, converts it, evaluates the flatbuffer."""

import gc
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from converters.pipeline import convert
from edgehybrid.device.probe import cpu_name
from edgehybrid.errors import RunError
from edgehybrid.evaluate import evaluate_flatbuffer
from edgehybrid.model.compat import keras
from edgehybrid.recipe import Recipe
from edgehybrid.reproduction.record import (
    FlatbufferRecord,
    TrainingRecord,
    identity,
    is_same,
    sha256_of,
    without_places,
)
from edgehybrid.reproduction.wanted import Wanted
from edgehybrid.runs.artefact import open_artefact
from edgehybrid.runs.checkpoint import has_checkpoint, read_record
from edgehybrid.runs.evaluation import write_evaluation
from edgehybrid.runs.run_folder import RunFolder, open_run
from edgehybrid.training import loop
from edgehybrid.training.loop import OnStart, OnStep
from edgehybrid.training.writer import OnEpoch


class Progress(NamedTuple):
    """Who is told how a training goes."""

    say: Callable[[str], None]
    on_start: OnStart
    on_step: OnStep
    on_epoch: OnEpoch


def bring(wanted: Wanted, runs: Path, progress: Progress, evaluate_every: int = 1) -> TrainingRecord:
    """Trains what is missing of a training below ``runs``, and makes its record.

    Args:
        evaluate_every: as in ``edgehybrid.training.loop.train``.

    Raises:
        EdgehybridError: what training, conversion and evaluation raise.
    """
    run = _trained(wanted.recipe, runs, progress, evaluate_every)
    return _record(wanted, run, _flatbuffer(run, progress.say))


def _trained(recipe: Recipe, runs: Path, progress: Progress, evaluate_every: int) -> RunFolder:
    run = _furthest(recipe, runs, progress.say)
    if run is not None and _epochs_done(run) == recipe.training.epochs:
        progress.say(f"{recipe.name}, seed {recipe.training.seed}: trained before, {run.path}")
        return run
    done = 0 if run is None else _epochs_done(run)
    progress.say(f"{recipe.name}, seed {recipe.training.seed}: epoch {done + 1} of {recipe.training.epochs} is next")
    try:
        if run is None:
            return loop.train(
                recipe,
                runs,
                progress.on_step,
                progress.on_epoch,
                on_start=progress.on_start,
                evaluate_every=evaluate_every,
            )[0]
        loop.resume(run, progress.on_step, progress.on_epoch, on_start=progress.on_start, evaluate_every=evaluate_every)
        return run
    finally:
        # The models and graphs of one training would stay in memory through all others.
        keras.backend.clear_session()
        gc.collect()


def _furthest(recipe: Recipe, runs: Path, say: Callable[[str], None]) -> RunFolder | None:
    """The run of this recipe that came furthest. Folders that other recipes named are not opened."""
    found = []
    for path in sorted(runs.glob(f"{recipe.name.replace('/', '-')}-*/recipe.yaml")):
        try:
            run = open_run(path.parent)
        except RunError as error:
            say(f"Passed over: {error.what}")
            continue
        if is_same(run.recipe, recipe):
            found.append(run)
    return max(found, key=_epochs_done, default=None)


def _epochs_done(run: RunFolder) -> int:
    return read_record(run).epoch if has_checkpoint(run) else 0


def _flatbuffer(run: RunFolder, say: Callable[[str], None]) -> FlatbufferRecord:
    # What boards run; this machine's runtime runs it as well.
    made = convert(run, "aarch64", overwrite=True)
    artefact = open_artefact(run.path / made.model)
    found = evaluate_flatbuffer(artefact)
    write_evaluation(artefact.path, found)
    say(f"{made.name}: {made.size_bytes:,} bytes, {made.format}, top-1 {found.top1_percent:.2f} %")
    return FlatbufferRecord(
        format=made.format,
        size_bytes=made.size_bytes,
        top1_agreement_percent=made.top1_agreement_percent,
        **found.model_dump(include=set(FlatbufferRecord.model_fields)),
    )


def _record(wanted: Wanted, run: RunFolder, flatbuffer: FlatbufferRecord) -> TrainingRecord:
    lines, selected, resolved = run.epochs(), run.selected_epoch(), identity(run.recipe)
    last = lines[-1].top1_percent
    if last is None:
        raise RunError("The run has no accuracy of test images.", received=run.path, next_step="Remove it, and repeat.")
    environment: dict[str, Any] = json.loads((run.path / "env.json").read_bytes())
    return TrainingRecord(
        recipe=run.recipe.name,
        recipe_sha256=sha256_of(resolved),
        changes=list(wanted.changes),
        seed=run.recipe.training.seed,
        epochs=run.recipe.training.epochs,
        full_epochs=wanted.full_epochs,
        top1_percent=last,
        top1_selected_percent=None if selected is None else selected.top1_percent,
        epoch_selected=None if selected is None else selected.epoch,
        validation_images=run.recipe.data.validation_images,
        flatbuffer=flatbuffer,
        processor=cpu_name(),
        environment=without_places(environment),
        seconds=round(sum(line.seconds for line in lines), 1),
        resolved=resolved,
        metrics=[line.figures() for line in lines],
    )
