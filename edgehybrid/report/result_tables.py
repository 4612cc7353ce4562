"""Turns rows and recipes into tables of text. Measured, modelled and published numbers share no column."""

from collections.abc import Callable, Mapping, Sequence
from typing import Literal

from edgehybrid.recipe import Recipe
from edgehybrid.report.document import ReportTable, number, row_numbers, text
from edgehybrid.report.origin import Entry, Refusal
from edgehybrid.results import Row

BYTES_PER_KIB = 1024
BITS_PER_KIB = 8 * BYTES_PER_KIB
Statistic = Literal["median", "p95", "p5", "avg", "min", "max", "std"]
# A header, its unit, and what stands in the column.
Column = tuple[str, str, Callable[[Row], str]]


def results_table(entries: Sequence[Entry]) -> ReportTable:
    """One row a measurement. Emulated time and measured energy have columns of their own, where there is some."""
    columns: list[Column] = [
        ("recipe", "", lambda row: text(row.recipe)),
        ("format", "", lambda row: row.format),
        ("device", "", lambda row: row.device),
        ("threads", "", lambda row: text(row.threads)),
        ("epochs", "", lambda row: text(row.epochs)),
        ("top-1", "% (measured)", lambda row: number(row.top1_percent, 2)),
        ("size", "KiB (measured)", lambda row: number(row.size_bytes / BYTES_PER_KIB, 1)),
        _latency("latency median", "median"),
        _latency("latency p95", "p95"),
        ("energy", "µJ (modelled)", lambda row: number(row.energy_model_uj, 2)),
        ("memory", "KiB (modelled)", lambda row: number(_scaled(row.memory_model_bits, BITS_PER_KIB), 1)),
        ("verdict", "", lambda row: row.verdict),
    ]
    if any(entry.row.emulated for entry in entries):
        columns.insert(-1, ("emulated", "ms (not latency)", _emulated_ms))
    if any(map(_is_metered, entries)):
        columns.insert(-1, ("energy", "µJ (measured)", _metered_uj))
    return _table("Results", columns, entries)


def times_table(entries: Sequence[Entry]) -> ReportTable:
    """The distribution of the latency, what starting takes, memory, and power where it was measured.

    Of emulated rows there are no times.
    """
    columns: list[Column] = [
        ("recipe", "", lambda row: text(row.recipe)),
        ("format", "", lambda row: row.format),
        ("device", "", lambda row: row.device),
        _latency("fastest", "min"),
        _latency("p5", "p5"),
        _latency("median", "median"),
        _latency("mean", "avg"),
        _latency("p95", "p95"),
        _latency("slowest", "max"),
        _latency("standard deviation", "std"),
        ("load", "ms (measured)", lambda row: number(None if row.emulated else row.init_ms, 1)),
        ("first inference", "ms (measured)", lambda row: number(None if row.emulated else row.first_warmup_ms, 3)),
        ("peak memory", "MiB (measured)", lambda row: number(_scaled(row.peak_memory_bytes, 1024**2), 1)),
    ]
    if any(map(_is_metered, entries)):
        columns.append(("power", "W (measured)", lambda row: number(row.power_measured_w, 2)))
        columns.append(("power", "samples", lambda row: text(row.meter_samples)))
    return _table("Times of an inference", columns, entries)


def _is_metered(entry: Entry) -> bool:
    return entry.row.energy_measured_uj is not None


def _metered_uj(row: Row) -> str:
    return number(row.energy_measured_uj, 2)


def _latency(name: str, statistic: Statistic) -> Column:
    return name, "ms (measured)", lambda row: number(measured_latency_ms(row, statistic), 3)


def _emulated_ms(row: Row) -> str:
    return number(row.emulated_ms_not_latency if row.emulated else None, 1)


def _table(title: str, columns: Sequence[Column], entries: Sequence[Entry]) -> ReportTable:
    headers, units, cells = zip(*columns, strict=True)
    rows = tuple((str(entry.number), *(cell(entry.row) for cell in cells)) for entry in entries)
    return ReportTable(title, ("#", *headers), rows, ("", *units))


def measured_latency_ms(row: Row, statistic: Statistic) -> float | None:
    """The latency in ms; None for an emulated row, whatever the row holds."""
    found: float | None = None if row.emulated else getattr(row, f"latency_ms_{statistic}")
    return found


def provenance_tables(entries: Sequence[Entry]) -> tuple[ReportTable, ...]:
    """What each row was made from, so that it can be made again; rows made from the same share a line.

    In one table, every flatbuffer's line would repeat its recipe's hash, and what ran and counted it.
    """
    flatbuffers = {"run": "run", "model SHA-256": "model_sha256"}
    recipes = {"recipe": "recipe", "recipe SHA-256": "recipe_sha256"}
    software = {
        "model": "model",
        "target": "target",
        "runtime": "runtime",
        "instruction set": "isa",
        "nodes in the native runtime": "delegated_nodes",
        "nodes": "graph_nodes",
        "test images": "images",
        "cost rules": "rules",
        "cost table": "table",
        "edgehybrid": "tool_version",
    }
    meter = {
        "idle power, W": "power_idle_w",
        "s added to the meter's clock": "meter_offset_seconds",
        "log SHA-256": "meter_sha256",
    }
    tables = (
        _shared("Flatbuffers", flatbuffers, entries),
        _shared("Recipes", recipes, entries),
        _shared("How it was converted, run and counted", software, entries),
        _shared("Logs of power meters", meter, [entry for entry in entries if _is_metered(entry)]),
    )
    return tuple(table for table in tables if table.rows)


def _shared(title: str, columns: Mapping[str, str], entries: Sequence[Entry]) -> ReportTable:
    """Rows that agree in all columns (header → field) share a line."""
    found: dict[tuple[str, ...], list[int]] = {}
    for entry in entries:
        found.setdefault(tuple(text(getattr(entry.row, key)) for key in columns.values()), []).append(entry.number)
    rows = tuple((row_numbers(numbers), *cells) for cells, numbers in found.items())
    return ReportTable(title, ("#", *columns), rows)


def refused_table(refused: Sequence[Refusal]) -> ReportTable:
    """Rows that may not be shown, with the reason."""
    keys = ("run", "model", "device", "measured_at_utc")
    headers = ("recipe", "reason", "run", "model", "device", "measured at (UTC)")
    rows = tuple((text(row.recipe), reason, *(text(getattr(row, key)) for key in keys)) for row, reason in refused)
    return ReportTable("Refused rows", headers, rows)


def published_table(recipes: Sequence[Recipe]) -> ReportTable:
    """The figures that the paper prints; recipes without such figures are left out."""
    headers = (
        *("recipe", "table of the paper", "data set", "top-1"),
        *("energy efficiency", "energy efficiency", "memory compression", "memory compression"),
    )
    ratios = ("× full precision (published)", "× XNOR (published)")
    units = ("", "", "", "% (published)", *ratios, *ratios)
    rows = []
    for recipe in recipes:
        if (figures := recipe.published) is not None:
            values = (
                figures.table,
                recipe.data.dataset,
                figures.top1_percent,
                figures.energy_efficiency_fp,
                figures.energy_efficiency_xnor,
                figures.memory_compression_fp,
                figures.memory_compression_xnor,
            )
            rows.append((recipe.name, *map(text, values)))
    by_table_and_name = sorted(rows, key=lambda cells: (int(cells[1]), cells[0]))
    return ReportTable("Published figures", headers, tuple(by_table_and_name), units)


def _scaled(value: int | None, divisor: int) -> float | None:
    return None if value is None else value / divisor
