"""``edgehybrid report``."""

from pathlib import Path

import click

from edgehybrid.console.commands import emit
from edgehybrid.console.options import json_option, overwrite_option, results_file, results_option, runs_option


@click.command(short_help="Write a report of the logged rows.")
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), default=None, help="Folder to write to.  [default: RUNS]"
)
@click.option(
    "--profile",
    "profiles",
    metavar="FILE.json",
    multiple=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="Add the time of each part, as 'edgehybrid benchmark MODEL --profile --json' printed it. Several are allowed.",
)
@click.option(
    "--search",
    "studies",
    metavar="FILE.json",
    multiple=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="Draw a search: the study.json that 'edgehybrid search SPACE --out FOLDER' wrote. Several are allowed.",
)
@overwrite_option
@results_option
@runs_option
@json_option
def report(
    out: Path | None,
    profiles: tuple[Path, ...],
    studies: tuple[Path, ...],
    overwrite: bool,
    store: Path | None,
    runs: Path,
    as_json: bool,
) -> None:
    """Write report.html, report.md and report.csv from the logged rows, and print the table."""
    from edgehybrid import results
    from edgehybrid.report.build import build_report

    file = results_file(store, runs)
    # A search is a report of its own, before anything is measured.
    rows, notes = ([], []) if studies and not file.exists() else results.salvage(file)
    for note in notes:
        click.echo(f"Warning: {note}", err=True)
    built = build_report(rows, runs, out or runs, overwrite, profiles, studies)
    for refusal in built.refused:
        click.echo(f"Warning: not in the report, {refusal.row.recipe}: {refusal.reason}", err=True)
    emit(built.as_dict(), as_json, f"{built.table}\n{built.html}")
