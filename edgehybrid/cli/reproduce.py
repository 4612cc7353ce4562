"""``edgehybrid reproduce``."""

from pathlib import Path

import click

from edgehybrid.console.commands import emit
from edgehybrid.console.options import evaluate_every_option, json_option, runs_option, set_option


@click.command(short_help="Train the networks of a table of the paper again.")
@click.option("--table", type=click.IntRange(3, 7), required=True, help="Number of the paper's table.")
@click.option("--epochs", type=click.IntRange(1), help="In place of each recipe's own; its schedule is squeezed.")
@click.option("--seeds", type=click.IntRange(1), default=1, show_default=True, help="So many of each network.")
@click.option("--only", multiple=True, metavar="RECIPE", help="This network of the table; may be repeated.")
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of the card, RESULTS.md, and of results/.  [default: RUNS/reproduction]",
)
@set_option
@evaluate_every_option
@runs_option
@json_option
def reproduce(
    table: int,
    epochs: int | None,
    seeds: int,
    only: tuple[str, ...],
    out: Path | None,
    overrides: tuple[str, ...],
    evaluate_every: int,
    runs: Path,
    as_json: bool,
) -> None:
    """Train the networks of a table, convert them, evaluate the flatbuffers, and set ours beside the published figures.

    What is finished is not done again, and what was interrupted goes on: the same command, as often as it takes.
    """
    from edgehybrid.console.progress import TrainingProgress
    from edgehybrid.console.reproduction_text import reproduction_text
    from edgehybrid.reproduction.record import TrainingRecord
    from edgehybrid.reproduction.reproduce import reproduce as stage
    from edgehybrid.reproduction.wanted import Wanted, wanted

    trainings = wanted(table, epochs, seeds, overrides, only)
    with TrainingProgress() as shown:

        def bring(one: Wanted) -> TrainingRecord:
            # Where all is done already, nothing of it is loaded.
            from edgehybrid.reproduction import work

            progress = work.Progress(shown.say, shown.on_start, shown.on_step, shown.on_epoch)
            return work.bring(one, runs, progress, evaluate_every)

        found = stage(trainings, out or runs / "reproduction", bring)
    emit(found.as_dict(), as_json, reproduction_text(found))
