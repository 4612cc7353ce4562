"""``edgehybrid search``."""

from pathlib import Path

import click

from edgehybrid.console.commands import emit
from edgehybrid.console.options import (
    json_option,
    overwrite_option,
    refuse_without,
    results_file,
    results_option,
    runs_option,
    set_option,
)


@click.command(short_help="Find the best networks of a space of recipes.")
@click.argument("space")
@click.option("--trials", type=click.IntRange(0), default=50, show_default=True, help="Networks to train in all.")
@click.option("--hours", type=click.FloatRange(0, min_open=True), help="Begin no further training after so long.")
@click.option(
    "--storage",
    metavar="URL",
    help="Database of the study, which several machines may share: postgresql://USER@HOST/NAME.  "
    "[default: RUNS/search.sqlite]",
)
@click.option("--resume", is_flag=True, help="Go on with the study in the folder of runs.")
@click.option(
    "--screen",
    "screened",
    type=click.IntRange(1),
    default=1000,
    show_default=True,
    help="Random candidates whose cost is counted before the first training.",
)
@click.option("--device", help="Measure the networks of the front: local, or a name of 'edgehybrid devices'.")
@click.option("--iso", metavar="PERCENT,…", help="Name the cheapest network at each of these accuracies.")
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), help="Write all trials and the front's recipes there."
)
@click.option(
    "--heartbeat",
    "heartbeat_s",
    type=click.IntRange(1),
    default=60,
    show_default=True,
    help="Seconds between a worker's signs of life; silent for three, its trial is run again.",
)
@overwrite_option
@set_option
@results_option
@runs_option
@json_option
def search(
    space: str,
    trials: int,
    hours: float | None,
    storage: str | None,
    resume: bool,
    screened: int,
    device: str | None,
    iso: str | None,
    out: Path | None,
    heartbeat_s: int,
    overwrite: bool,
    overrides: tuple[str, ...],
    store: Path | None,
    runs: Path,
    as_json: bool,
) -> None:
    """Find the networks of SPACE that no other one beats: a recipe whose fields hold choices or ranges.

    What a limit excludes is never trained. Validation images choose; the test images are looked at once, for the
    front. With --storage, the same command on each machine works on the same study.
    """
    refuse_without("--overwrite replaces files of --out.", "--overwrite", overwrite, out)
    from edgehybrid.console.search_text import search_text
    from edgehybrid.search.found import Wishes
    from edgehybrid.search.found import search as stage
    from edgehybrid.search.front import accuracies_of
    from edgehybrid.search.space import read_space

    wishes = Wishes(
        trials=trials,
        hours=hours,
        storage=storage,
        resumes=resume,
        screened=screened,
        device=device,
        iso=accuracies_of(iso) if iso is not None else (),
        out=out,
        overwrite=overwrite,
        heartbeat_s=heartbeat_s,
    )
    chosen = read_space(space, overrides)
    found = stage(chosen, runs, results_file(store, runs), wishes, lambda text: click.echo(text, err=True))
    for note in found.notes:
        click.echo(f"Note: {note}", err=True)
    emit(found.as_dict(), as_json, search_text(found))
