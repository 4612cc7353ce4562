"""``edgehybrid results``."""

from pathlib import Path

import click

from edgehybrid.console.commands import emit
from edgehybrid.console.options import (
    json_option,
    refuse_together,
    results_file,
    results_option,
    runs_option,
    was_typed,
)
from edgehybrid.console.tables import text_table
from edgehybrid.csv_text import to_csv


@click.command(name="results", short_help="Print the logged rows.")
@click.option("--recipe", default=None, help="Rows of this recipe only.")
@results_option
@runs_option
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV.")
@json_option
def results_command(recipe: str | None, store: Path | None, runs: Path, as_csv: bool, as_json: bool) -> None:
    """Print the logged rows."""
    from edgehybrid import results

    refuse_together("Print either CSV or JSON.", {"--csv": as_csv, "--json": as_json})
    refuse_together(
        "Name the file of rows, or the folder of runs with it.", {"--results": store, "--runs": was_typed("runs")}
    )
    found, notes = results.salvage(results_file(store, runs), recipe=recipe)
    for note in notes:
        click.echo(f"Warning: {note}", err=True)
    rows = [row.as_dict() for row in found]
    keys = ["recipe", "format", "device", "threads", "latency_ms_median", "size_bytes", "top1_percent", "verdict"]
    if as_csv:
        click.echo(to_csv(rows, list(results.Row.model_fields)))
    else:
        emit({"results": rows}, as_json, text_table(keys, [[row[key] for key in keys] for row in rows]))
