"""``edgehybrid results``."""

from pathlib import Path
from typing import Any

import click

from edgehybrid.console.commands import Commands, emit
from edgehybrid.console.options import (
    json_option,
    overwrite_option,
    refuse_existing,
    refuse_together,
    results_file,
    results_option,
    runs_option,
    was_typed,
)
from edgehybrid.console.tables import text_table
from edgehybrid.csv_text import to_csv
from edgehybrid.errors import RunError, UsageError

_KEYS = ("recipe", "format", "device", "threads", "latency_ms_median", "size_bytes", "top1_percent", "verdict")
# Where some row has it.
_METERED_KEY = "energy_measured_uj"
# Of a list, such as 30 blocks of time, so many are shown.
_MOST_PARTS = 6


class _ListedByDefault(Commands):
    """Without the name of a command, the rows are listed."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Puts ``list`` in front of options that are its own."""
        is_named = bool(args) and (not args[0].startswith("-") or args[0] in ctx.help_option_names)
        return super().parse_args(ctx, args if is_named else ["list", *args])


@click.group(
    name="results",
    cls=_ListedByDefault,
    short_help="List, show, export or import rows; add a meter's energy.",
)
def results_command() -> None:
    """List the logged rows, show one, export or import them, add what a meter measured. Without a command: list."""


def _store(store: Path | None, runs: Path) -> Path:
    refuse_together(
        "Name the file of rows, or the folder of runs with it.", {"--results": store, "--runs": was_typed("runs")}
    )
    return results_file(store, runs)


def _rows(path: Path, **filters: str | None) -> dict[int, Any]:
    """Rows by their numbers; what of the store cannot be read is said."""
    from edgehybrid import results

    found, notes = results.numbered(path, **filters)
    for note in notes:
        click.echo(f"Warning: {note}", err=True)
    return found


@results_command.command(name="list", short_help="Print the rows.")
@click.option("--recipe", default=None, help="Rows of this recipe only.")
@click.option("--device", default=None, help="Rows of this device only.")
@results_option
@runs_option
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV.")
@json_option
def list_rows(
    recipe: str | None, device: str | None, store: Path | None, runs: Path, as_csv: bool, as_json: bool
) -> None:
    """Print the rows, oldest first, each under its number."""
    from edgehybrid import results

    refuse_together("Print either CSV or JSON.", {"--csv": as_csv, "--json": as_json})
    found = _rows(_store(store, runs), recipe=recipe, device=device)
    rows = {number: row.as_dict() for number, row in found.items()}
    if as_csv:
        click.echo(to_csv([*rows.values()], list(results.Row.model_fields)))
    else:
        is_metered = any(row[_METERED_KEY] is not None for row in rows.values())
        keys = (*_KEYS[:-1], _METERED_KEY, _KEYS[-1]) if is_metered else _KEYS
        table = [[str(number), *(row[key] for key in keys)] for number, row in rows.items()]
        emit({"results": [*rows.values()]}, as_json, text_table(["", *keys], table, texts=(1,)))


@results_command.command(name="show", short_help="Print one row, field by field.")
@click.argument("number", type=click.IntRange(min=1))
@results_option
@runs_option
@json_option
def show(number: int, store: Path | None, runs: Path, as_json: bool) -> None:
    """Print row NUMBER of the list, field by field, with what each field means."""
    path = _store(store, runs)
    found = _rows(path)
    if (row := found.get(number)) is None:
        raise RunError(
            "There is no row of this number.",
            received=number,
            allowed=f"1 … {max(found)}" if found else None,
            next_step="edgehybrid results list",
        )
    fields = type(row).model_fields
    values = row.as_dict()
    # The value last: some, as lists of reasons, are longer than a line.
    table = [(name, fields[name].description, _shown(value)) for name, value in values.items()]
    emit(values, as_json, text_table((f"row {number}", "", ""), table, texts=(0, 1, 2)))


def _shown(value: object) -> object:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return ", ".join(f"{key} {part}" for key, part in value.items() if part is not None)
    if isinstance(value, list):
        parts = value if len(value) <= _MOST_PARTS else [value[0], "…", f"{value[-1]} ({len(value)})"]
        return "; ".join(parts) or "–"
    return value


@results_command.command(name="export", short_help="Write the rows as CSV, JSON or Parquet.")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--recipe", default=None, help="Rows of this recipe only.")
@click.option("--device", default=None, help="Rows of this device only.")
@results_option
@runs_option
@overwrite_option
@json_option
def export_rows(
    file: Path, recipe: str | None, device: str | None, store: Path | None, runs: Path, overwrite: bool, as_json: bool
) -> None:
    """Write the rows to FILE, which ends in .csv, .json or .parquet."""
    from edgehybrid.results.exchange import write_rows

    path = _store(store, runs)
    refuse_existing(file, "The file", overwrite)
    found = _rows(path, recipe=recipe, device=device)
    write_rows(file, [*found.values()])
    emit({"file": str(file), "rows": len(found)}, as_json, f"{file}: {len(found):,} rows")


@results_command.command(name="import", short_help="Add rows of a CSV, JSON or Parquet file.")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@results_option
@runs_option
@json_option
def import_rows(file: Path, store: Path | None, runs: Path, as_json: bool) -> None:
    """Add the rows of FILE, written by ``export`` here or on another machine, but for those that are here already."""
    from edgehybrid import results
    from edgehybrid.results.exchange import read_rows
    from edgehybrid.results.row import METERED

    path = _store(store, runs)
    rows = read_rows(file)
    known = results.read(path) if path.exists() else []
    # They stand for rows without what a meter measured later.
    known += [row.model_copy(update=dict.fromkeys(METERED)) for row in known]
    # An imported row has no number of its own, so the same file twice adds nothing.
    new = [row for place, row in enumerate(rows) if row not in known and row not in rows[:place]]
    if new:
        results.append_all(path, new)
    text = f"{path}: {len(new):,} rows added, {len(rows) - len(new):,} were there already"
    emit({"store": str(path), "added": len(new), "known": len(rows) - len(new)}, as_json, text)


@results_command.command(name="energy", short_help="Add the measured energy from the log of a power meter.")
@click.argument("meter", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--row", "chosen", type=click.IntRange(min=1), multiple=True, help="Row NUMBER; may be repeated.")
@click.option("--device", default=None, help="Rows of this device only.")
@click.option("--time", "time_column", default="time", show_default=True, help="Column of the time.")
@click.option("--power", "power_column", default=None, help="Column of the power.  [default: power]")
@click.option("--voltage", "voltage_column", default=None, help="Column of the voltage in V, in place of a power.")
@click.option("--current", "current_column", default=None, help="Column of the current: A for --unit W, mA for mW.")
@click.option(
    "--unit", type=click.Choice(["W", "mW"]), default="W", show_default=True, help="Of the power, or voltage × current."
)
@click.option("--idle-watts", type=click.FloatRange(min=0), default=None, help="Power of the idle board.")
@click.option("--idle", "idle", nargs=2, metavar="FROM TO", default=None, help="Or when it was idle, by the meter.")
@click.option(
    "--offset-seconds", type=float, default=0.0, show_default=True, help="Added to the meter's times: the device's."
)
@results_option
@runs_option
@click.option("--overwrite", is_flag=True, help="Also rows that have a measured energy.")
@json_option
def energy(
    meter: Path,
    chosen: tuple[int, ...],
    device: str | None,
    time_column: str,
    power_column: str | None,
    voltage_column: str | None,
    current_column: str | None,
    unit: str,
    idle_watts: float | None,
    idle: tuple[str, str] | None,
    offset_seconds: float,
    store: Path | None,
    runs: Path,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Add the measured energy of an inference to the rows that were measured while METER, a CSV file, was logged.

    A time is seconds of Unix time or ISO 8601 in UTC. Without --row: all rows of those minutes.
    """
    from edgehybrid import results
    from edgehybrid.results.energy import Alignment, rows_with_energy
    from edgehybrid.results.meter import read_meter

    columns = _meter_columns(time_column, power_column, voltage_column, current_column, unit)
    refuse_together(
        "The board's idle power is known, or logged.", {"--idle-watts": idle_watts is not None, "--idle": idle}
    )
    if idle is None and idle_watts is None:
        raise UsageError(
            "The power of the idle board is not known.",
            next_step="Say --idle-watts, or with --idle FROM TO when the board was idle; 0 counts all of its power.",
        )
    path = _store(store, runs)
    found = _rows(path, device=device)
    log = read_meter(meter, columns)
    alignment = Alignment(offset_seconds, _idle_watts(log, idle_watts, idle))
    new = rows_with_energy(found, log, alignment, chosen, overwrite)
    numbers = dict(zip(results.supersede(path, new), new.items(), strict=True))
    keys = ("recipe", "format", "device", "energy_measured_uj", "power_measured_w", "power_idle_w", "meter_samples")
    table = [[str(number), str(old), *(getattr(row, key) for key in keys)] for number, (old, row) in numbers.items()]
    document = [{"number": number, "supersedes": old, **row.as_dict()} for number, (old, row) in numbers.items()]
    text = text_table(["", "instead of", *keys], table, texts=(2,))
    emit(
        {"results": document},
        as_json,
        f"{text}\nThe meter's times plus {offset_seconds:g} s are taken for the device's.",
    )


def _meter_columns(time: str, power: str | None, voltage: str | None, current: str | None, unit: str) -> Any:
    from edgehybrid.results.meter import Columns

    both = "Power is a column, or voltage times current."
    refuse_together(both, {"--power": power, "--voltage or --current": voltage or current})
    if (voltage is None) != (current is None):
        raise UsageError(both, received="one of --voltage and --current", allowed="both or none")
    return Columns(time, (voltage, current) if voltage and current else (power or "power",), unit)


def _idle_watts(log: Any, watts: float | None, idle: tuple[str, str] | None) -> float:
    from edgehybrid.results.energy import idle_watts
    from edgehybrid.results.meter import seconds_of

    if idle is None:
        return watts or 0.0
    try:
        begin, end = map(seconds_of, idle)
    except ValueError as error:
        raise UsageError(
            "The idle time is none.", received=f"--idle {' '.join(idle)}: {error}", allowed="as in the meter's log"
        ) from error
    return idle_watts(log, begin, end)
