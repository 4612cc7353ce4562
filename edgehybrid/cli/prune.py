"""``edgehybrid prune``."""

from pathlib import Path

import click

from edgehybrid.console.commands import emit
from edgehybrid.console.options import json_option, refuse_runs_beside_path, runs_option


@click.command(short_help="Take filters out of a run's full-precision layers.")
@click.argument("run", required=False)
@click.option(
    "--keep",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=0.5,
    show_default=True,
    help="Share of the full-precision weights that is left at most.",
)
@click.option("--images", type=click.IntRange(1), default=64, show_default=True, help="Training images to score by.")
@runs_option
@json_option
def prune(run: str | None, keep: float, images: int, runs: Path, as_json: bool) -> None:
    """Write a new run with fewer filters, which 'edgehybrid train --resume' trains on. Default: of the newest run.

    Filters are scored by what the next layer gets from them, and one error bound says how many each layer keeps
    (provable filter pruning, Liebenwein et al. 2020, arXiv:1911.07412).
    """
    from edgehybrid.console.prune_text import prune_text
    from edgehybrid.pruning.prune import prune as stage
    from edgehybrid.runs.run_folder import find_run

    refuse_runs_beside_path(run, runs)
    found = stage(find_run(runs, run), runs, keep, images, lambda text: click.echo(text, err=True))
    for note in found.notes:
        click.echo(f"Note: {note}", err=True)
    emit(found.as_dict(), as_json, f"{prune_text(found)}\nNext: edgehybrid train --resume {found.run.path}")
