"""``edgehybrid demo``."""

from pathlib import Path

import click

from edgehybrid.console.commands import emit
from edgehybrid.console.options import (
    json_option,
    overwrite_option,
    refuse_existing,
    results_file,
    results_option,
    runs_option,
)
from edgehybrid.console.ran_text import ran_text


@click.command(short_help="Train, convert, check, measure and report, on digits.")
@overwrite_option
@results_option
@runs_option
@json_option
def demo(overwrite: bool, store: Path | None, runs: Path, as_json: bool) -> None:
    """Train a small hybrid and its float twin on embedded digits, convert, check, measure and report."""
    from edgehybrid.report.build import report_files

    for path in report_files(runs):
        refuse_existing(path, "The report", overwrite)
    from edgehybrid.console.progress import TrainingProgress
    from edgehybrid.demo import demo as run_demo

    with TrainingProgress() as progress:
        rows, report = run_demo(
            runs,
            results_file(store, runs),
            progress.say,
            progress.on_start,
            progress.on_step,
            progress.on_epoch,
        )
    ran = [f"{row.recipe} ({row.format}): {ran_text(row)}" for row in rows]
    emit(
        {**report.as_dict(), "rows": [row.as_dict() for row in rows]},
        as_json,
        "\n".join([report.table, *ran, *report.comparisons, str(report.html)]),
    )
