"""The stages in a row on embedded data: a small hybrid network beside its full-precision twin."""

import platform
from collections.abc import Callable
from pathlib import Path

from converters.pipeline import convert
from converters.targets import TARGETS
from edgehybrid.device.bench import benchmark
from edgehybrid.errors import EdgehybridError
from edgehybrid.evaluate import evaluate_flatbuffer
from edgehybrid.networks import float_twin
from edgehybrid.recipe import Recipe, load_recipe
from edgehybrid.report.build import Report, build_report
from edgehybrid.results import Row, append
from edgehybrid.runs.artefact import open_artefact
from edgehybrid.runs.evaluation import write_evaluation
from edgehybrid.training.loop import OnStart, OnStep, train
from edgehybrid.training.writer import OnEpoch

RECIPE = "digits"
LEAST_TOP1_PERCENT = 95.0
SESSIONS, RUNS = 2, 100


def demo(
    runs: Path, store: Path, say: Callable[[str], None], on_start: OnStart, on_step: OnStep, on_epoch: OnEpoch
) -> tuple[list[Row], Report]:
    """Trains, converts for every target, checks, evaluates, measures here, logs the rows and writes the report.

    Raises:
        EdgehybridError: a stage failed, or a flatbuffer classifies fewer than 95 % of the test images correctly.
    """
    recipe = load_recipe(RECIPE)
    rows = [_measure(r, runs, store, say, on_start, on_step, on_epoch) for r in (recipe, float_twin(recipe))]
    report = build_report(rows, runs, runs, overwrite=True)
    for row in rows:
        if (row.top1_percent or 0.0) < LEAST_TOP1_PERCENT:
            raise EdgehybridError(
                f"'{row.recipe}' is not accurate enough: something is wrong with this installation.",
                received=f"{row.top1_percent:.2f} % of the test images",
                allowed=f"at least {LEAST_TOP1_PERCENT} %",
            )
    return rows, report


def _measure(
    recipe: Recipe,
    runs: Path,
    store: Path,
    say: Callable[[str], None],
    on_start: OnStart,
    on_step: OnStep,
    on_epoch: OnEpoch,
) -> Row:
    """One network through all stages. Returns its row."""
    say(f"train {recipe.name}: {recipe.training.epochs} epochs")
    run, _ = train(recipe, runs, on_step, on_epoch, on_start=on_start)
    models: dict[str, Path] = {}
    for target in TARGETS:
        made = convert(run, target)
        say(
            f"convert for {target}: {made.size_bytes:,} bytes, {made.packed_layers} packed layers, agrees with "
            f"Keras on {made.top1_agreement_percent:.1f} % of {made.images} images"
        )
        models[target] = run.path / made.model
    artefact = open_artefact(models.get(platform.machine(), models["x86_64"]))
    write_evaluation(artefact.path, evaluate_flatbuffer(artefact))
    say(f"measure {artefact.path.name} on this machine")
    row = benchmark(artefact, "local", threads=1, sessions=SESSIONS, runs=RUNS)
    append(store, row)
    return row
