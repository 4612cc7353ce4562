"""Turns rows and recipes into tables of text. Measured, modelled and published numbers share no column."""

from collections.abc import Sequence
from typing import Literal

from edgehybrid.recipe import Recipe
from edgehybrid.report.document import NOTHING, ReportTable
from edgehybrid.report.origin import Entry, Refusal
from edgehybrid.results import Row

BYTES_PER_KIB = 1024
BITS_PER_KIB = 8 * BYTES_PER_KIB


def number(value: float | None, decimals: int) -> str:
    """The value with so many decimals; a dash for what is not there."""
    return NOTHING if value is None else f"{value:.{decimals}f}"


def results_table(entries: Sequence[Entry]) -> ReportTable:
    """One row a measurement. Emulated time has a column of its own, present only when there is some."""
    headers = [
        "#",
        "recipe",
        "format",
        "device",
        "runtime",
        "threads",
        "epochs",
        "top-1 % (measured)",
        "size KiB (measured)",
        "latency median ms (measured)",
        "latency p95 ms (measured)",
        "energy µJ (modelled)",
        "memory KiB (modelled)",
        "verdict",
    ]
    any_emulated = any(entry.row.emulated for entry in entries)
    if any_emulated:
        headers.insert(-1, "emulated ms (not latency)")
    return ReportTable("Results", tuple(headers), tuple(_result_cells(entry, any_emulated) for entry in entries))


def _result_cells(entry: Entry, any_emulated: bool) -> tuple[str, ...]:
    row = entry.row
    cells = [
        str(entry.number),
        *(text(getattr(row, key)) for key in ("recipe", "format", "device", "runtime", "threads", "epochs")),
        number(row.top1_percent, 2),
        number(_scaled(row.size_bytes, BYTES_PER_KIB), 1),
        number(measured_latency_ms(row, "median"), 3),
        number(measured_latency_ms(row, "p95"), 3),
        number(row.energy_model_uj, 2),
        number(_scaled(row.memory_model_bits, BITS_PER_KIB), 1),
        text(row.verdict),
    ]
    if any_emulated:
        cells.insert(-1, number(row.emulated_ms_not_latency if row.emulated else None, 1))
    return tuple(cells)


def measured_latency_ms(row: Row, statistic: Literal["median", "p95"]) -> float | None:
    """The latency in ms; None for an emulated row, whatever the row holds."""
    if row.emulated:
        return None
    return row.latency_ms_median if statistic == "median" else row.latency_ms_p95


def boards_table(entries: Sequence[Entry]) -> ReportTable:
    """The state of the machine at each measurement; rows measured in one state share a line."""
    keys = list(dict.fromkeys(key for entry in entries for key in entry.row.board))
    states: dict[tuple[str, ...], list[str]] = {}
    for entry in entries:
        board = entry.row.board
        state = (text(entry.row.device), *(text(board.get(key)) for key in keys))
        states.setdefault(state, []).append(str(entry.number))
    rows = tuple((", ".join(numbers), *state) for state, numbers in states.items())
    return ReportTable("Where it was measured", ("#", "device", *keys), rows)


def provenance_table(entries: Sequence[Entry]) -> ReportTable:
    """What each row was made from, so that it can be made again."""
    keys = (
        "run",
        "model",
        "target",
        "isa",
        "delegated_nodes",
        "graph_nodes",
        "sessions",
        "runs",
        "images",
        "rules",
        "table",
        "measured_at_utc",
        "tool_version",
        "recipe_sha256",
        "model_sha256",
    )
    headers = (
        "#",
        "run",
        "model",
        "target",
        "instruction set",
        "nodes in the native runtime",
        "nodes",
        "sessions",
        "runs",
        "test images",
        "cost rules",
        "cost table",
        "measured at (UTC)",
        "edgehybrid",
        "recipe SHA-256",
        "model SHA-256",
    )
    rows = tuple((str(entry.number), *(text(getattr(entry.row, key)) for key in keys)) for entry in entries)
    return ReportTable("Provenance", headers, rows)


def refused_table(refused: Sequence[Refusal]) -> ReportTable:
    """Rows that may not be shown, with the reason."""
    keys = ("run", "model", "device", "measured_at_utc")
    headers = ("recipe", "reason", "run", "model", "device", "measured at (UTC)")
    rows = tuple((text(row.recipe), reason, *(text(getattr(row, key)) for key in keys)) for row, reason in refused)
    return ReportTable("Refused rows", headers, rows)


def published_table(recipes: Sequence[Recipe]) -> ReportTable:
    """The figures that the paper prints; recipes without such figures are left out."""
    headers = (
        "recipe",
        "table of the paper",
        "data set",
        "top-1 % (published)",
        "energy efficiency × full precision (published)",
        "energy efficiency × XNOR (published)",
        "memory compression × full precision (published)",
        "memory compression × XNOR (published)",
    )
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
    return ReportTable("Published figures", headers, tuple(by_table_and_name))


def text(value: object) -> str:
    """The value in at most six digits where it has a fraction, else whole; a dash for what is not there."""
    if value is None:
        return NOTHING
    return f"{value:g}" if isinstance(value, float) else str(value)


def _scaled(value: int | None, divisor: int) -> float | None:
    return None if value is None else value / divisor
