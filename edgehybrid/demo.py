"""The stages in a row on embedded data: a small hybrid network beside its full-precision twin, in int8 and float32."""

import platform
from collections.abc import Callable
from pathlib import Path

from converters.pipeline import convert
from converters.targets import TARGETS
from edgehybrid.census.formats import Format
from edgehybrid.device.bench import benchmark
from edgehybrid.errors import EdgehybridError
from edgehybrid.evaluate import evaluate_flatbuffer
from edgehybrid.networks import float_twin
from edgehybrid.recipe import load_recipe
from edgehybrid.report.build import Report, build_report
from edgehybrid.results import Row, append
from edgehybrid.runs.artefact import open_artefact
from edgehybrid.runs.evaluation import write_evaluation
from edgehybrid.runs.run_folder import RunFolder
from edgehybrid.training.loop import OnStart, OnStep, train
from edgehybrid.training.writer import OnEpoch

RECIPE = "digits"
LEAST_TOP1_PERCENT = 95.0
SESSIONS, RUNS = 2, 100
# Converted in this order, the hybrid and its twin.
FORMATS: tuple[tuple[Format, ...], tuple[Format, ...]] = (("packed",), ("int8", "float32"))


def demo(
    runs: Path, store: Path, say: Callable[[str], None], on_start: OnStart, on_step: OnStep, on_epoch: OnEpoch
) -> tuple[list[Row], Report]:
    """Trains, converts for every target, checks, evaluates, measures here, logs the rows and writes the report.

    Raises:
        EdgehybridError: a stage failed, or a flatbuffer classifies fewer than 95 % of the test images correctly.
    """
    recipe = load_recipe(RECIPE)
    rows: list[Row] = []
    for one, formats in zip((recipe, float_twin(recipe)), FORMATS, strict=True):
        say(f"train {one.name}: {one.training.epochs} epochs")
        run, _ = train(one, runs, on_step, on_epoch, on_start=on_start)
        rows += [_measure(run, file_format, store, say) for file_format in formats]
    report = build_report(rows, runs, runs, overwrite=True)
    for row in rows:
        if (row.top1_percent or 0.0) < LEAST_TOP1_PERCENT:
            raise EdgehybridError(
                f"'{row.recipe}' ({row.format}) is not accurate enough: something is wrong with this installation.",
                received=f"{row.top1_percent:.2f} % of the test images",
                allowed=f"at least {LEAST_TOP1_PERCENT} %",
            )
    return rows, report


def _measure(run: RunFolder, file_format: Format, store: Path, say: Callable[[str], None]) -> Row:
    """One trained network in one format through all further stages. Returns its row."""
    flatbuffers: dict[str, Path] = {}
    for target in TARGETS:
        made = convert(run, target, file_format)
        say(
            f"convert to {file_format} for {target}: {made.size_bytes:,} bytes, agrees with Keras on "
            f"{made.top1_agreement_percent:.1f} % of {made.images} images"
        )
        flatbuffers[target] = run.path / made.model
    artefact = open_artefact(flatbuffers.get(platform.machine(), flatbuffers["x86_64"]))
    write_evaluation(artefact.path, evaluate_flatbuffer(artefact))
    say(f"measure {artefact.path.name} on this machine")
    row = benchmark(artefact, "local", threads=1, sessions=SESSIONS, runs=RUNS)
    append(store, row)
    return row
