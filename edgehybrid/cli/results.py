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
from edgehybrid.errors import RunError

_KEYS = ("recipe", "format", "device", "threads", "latency_ms_median", "size_bytes", "top1_percent", "verdict")


class _ListedByDefault(Commands):
    """Without the name of a command, the rows are listed."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Puts ``list`` in front of options that are its own."""
        is_named = bool(args) and (not args[0].startswith("-") or args[0] in ctx.help_option_names)
        return super().parse_args(ctx, args if is_named else ["list", *args])


@click.group(name="results", cls=_ListedByDefault, short_help="List the logged rows, show one, export or import them.")
def results_command() -> None:
    """List the logged rows, show one, export or import them. Without a command: list."""


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
        table = [[str(number), *(row[key] for key in _KEYS)] for number, row in rows.items()]
        emit({"results": [*rows.values()]}, as_json, text_table(["", *_KEYS], table, texts=(1,)))


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
    return "; ".join(value) or "–" if isinstance(value, list) else value


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

    path = _store(store, runs)
    rows = read_rows(file)
    known = results.read(path) if path.exists() else []
    # An imported row has no number of its own, so the same file twice adds nothing.
    new = [row for place, row in enumerate(rows) if row not in known and row not in rows[:place]]
    if new:
        results.append_all(path, new)
    text = f"{path}: {len(new):,} rows added, {len(rows) - len(new):,} were there already"
    emit({"store": str(path), "added": len(new), "known": len(rows) - len(new)}, as_json, text)
