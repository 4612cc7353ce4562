"""``edgehybrid proxy``."""

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


@click.command(short_help="Say whether one device may stand for another.")
@click.option(
    "--adapt",
    "adapted",
    nargs=2,
    metavar="PROXY DEVICE",
    help="Model the latencies on DEVICE of what only PROXY has measured, from the networks that both have.",
)
@results_option
@runs_option
@json_option
def proxy(adapted: tuple[str, str] | None, store: Path | None, runs: Path, as_json: bool) -> None:
    """Compare devices by the latencies of the networks that both have logged rows of: is their order the same?

    From a rank correlation of 0.9 on, the Pareto set of one device is that of the other. Below it --adapt learns
    the other from a few rows; the flatbuffers are looked for in the folder of runs.
    """
    from edgehybrid import results
    from edgehybrid.console.calibration_text import comparison_text
    from edgehybrid.device.proxy import compare_devices

    if adapted is None and store is not None:
        refuse_together(
            "The folder of runs is where rows are looked for, and flatbuffers for --adapt.",
            {"--results": True, "--runs": was_typed("runs")},
        )
    rows, notes = results.salvage(results_file(store, runs))
    for note in notes:
        click.echo(f"Warning: {note}", err=True)
    if adapted is not None:
        from edgehybrid.console.calibration_text import adapted_text
        from edgehybrid.device.adapted_rows import adapt_rows, works_in

        works, absent = works_in(runs, rows)
        for name in absent:
            click.echo(f"Note: left out, its flatbuffer is not in {runs}: {name}", err=True)
        model = adapt_rows(rows, works, *adapted)
        emit(model.as_dict(), as_json, adapted_text(model))
        return
    found = compare_devices(rows)
    emit({"results": [each.as_dict() for each in found]}, as_json, comparison_text(found))
