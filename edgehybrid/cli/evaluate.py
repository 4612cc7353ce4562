"""``edgehybrid evaluate``."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgehybrid.console.commands import emit
from edgehybrid.console.options import (
    THREADS,
    json_option,
    refuse_runs_beside_path,
    refuse_together,
    runs_option,
    was_typed,
)
from edgehybrid.console.ran_text import ran_text
from edgehybrid.errors import RunError

if TYPE_CHECKING:
    from edgehybrid.runs.evaluation import Evaluation, KerasEvaluation


@click.command(short_help="Measure a flatbuffer's accuracy on all test images.")
@click.argument("run_or_model", required=False)
@click.option("--keras", is_flag=True, help="Evaluate the Keras model of the run, not its newest flatbuffer.")
@click.option("--threads", type=THREADS, help="CPU threads that the runtime may use.  [default: one a core]")
@click.option("--data", metavar="RECIPE", help="Test images of this recipe, for a model that was not trained here.")
@runs_option
@json_option
def evaluate(
    run_or_model: str | None, keras: bool, threads: int | None, data: str | None, runs: Path, as_json: bool
) -> None:
    """Measure the accuracy of a flatbuffer on all test images. Default: the newest one of the newest run."""
    from edgehybrid import evaluate as stage
    from edgehybrid.recipe import load_recipe
    from edgehybrid.runs.artefact import find_artefact
    from edgehybrid.runs.evaluation import write_evaluation
    from edgehybrid.runs.zoo import lies_in_zoo

    refuse_together(
        "Threads and other images are for a flatbuffer.",
        {"--keras": keras, "--threads": was_typed("threads"), "--data": data is not None},
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
        found = stage.evaluate_flatbuffer(artefact, threads, load_recipe(data) if data else None)
        try:
            # The zoo says already what it evaluated.
            if not lies_in_zoo(artefact.path.parent):
                write_evaluation(artefact.path, found)
        except RunError as error:
            # What was asked for is here; only the benchmark's row will lack it.
            click.echo(f"Warning: {error}", err=True)
    emit(
        found.model_dump(),
        as_json,
        f"top-1 {found.top1_percent:.2f} %, top-5 {found.top5_percent:.2f} % of {found.images} images "
        f"({ran_text(found)}, {found.images_per_second:.0f} images/s)",
    )
