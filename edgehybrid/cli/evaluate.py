"""``edgehybrid evaluate``."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgehybrid.console.commands import emit
from edgehybrid.console.options import (
    json_option,
    refuse_runs_beside_path,
    refuse_together,
    runs_option,
    threads_option,
    was_typed,
)
from edgehybrid.errors import RunError

if TYPE_CHECKING:
    from edgehybrid.runs.evaluation import Evaluation, KerasEvaluation


@click.command(short_help="Measure a flatbuffer's accuracy on all test images.")
@click.argument("run_or_model", required=False)
@click.option("--keras", is_flag=True, help="Evaluate the Keras model of the run, not its newest flatbuffer.")
@threads_option
@runs_option
@json_option
def evaluate(run_or_model: str | None, keras: bool, threads: int, runs: Path, as_json: bool) -> None:
    """Measure the accuracy of a flatbuffer on all test images. Default: the newest one of the newest run."""
    from edgehybrid import evaluate as stage
    from edgehybrid.runs.artefact import find_artefact
    from edgehybrid.runs.evaluation import write_evaluation

    refuse_together(
        "Threads are those of a flatbuffer's interpreter.", {"--keras": keras, "--threads": was_typed("threads")}
    )
    found: KerasEvaluation | Evaluation
    refuse_runs_beside_path(run_or_model, runs)
    if keras:
        from edgehybrid.runs.run_folder import find_run

        found = stage.evaluate_keras(find_run(runs, run_or_model))
        for warning in found.warnings:
            click.echo(f"Warning: {warning}", err=True)
    else:
        artefact = find_artefact(runs, run_or_model)
        found = stage.evaluate_flatbuffer(artefact, threads)
        try:
            write_evaluation(artefact.path, found)
        except RunError as error:
            # What was asked for is here; only the benchmark's row will lack it.
            click.echo(f"Warning: {error}", err=True)
    emit(
        found.model_dump(),
        as_json,
        f"top-1 {found.top1_percent:.2f} %, top-5 {found.top5_percent:.2f} % of {found.images} images "
        f"({found.runtime}, {found.images_per_second:.0f} images/s)",
    )
