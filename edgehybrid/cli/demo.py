"""``edgehybrid demo``."""

from pathlib import Path
from typing import TYPE_CHECKING

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

if TYPE_CHECKING:
    from edgehybrid.results import Row


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
    emit(
        {**report.as_dict(), "rows": [row.as_dict() for row in rows]},
        as_json,
        "\n".join([report.table, *map(_ran, rows), *report.comparisons, str(report.html)]),
    )


def _ran(row: "Row") -> str:
    from edgehybrid.console.ran_text import ran_text

    return f"{row.recipe} ({row.format}): {ran_text(row)}"
