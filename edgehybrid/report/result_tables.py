"""Turns rows and recipes into tables of text. Measured, modelled and published numbers share no column."""

import math
from collections.abc import Sequence
from typing import Any, TypeGuard

from edgehybrid.recipe import Recipe
from edgehybrid.report.document import NOTHING, Table
from edgehybrid.report.origin import Entry, Refusal

BYTES_PER_KIB = 1024
BITS_PER_KIB = 8 * BYTES_PER_KIB


def number(value: Any, decimals: int) -> str:
    """The value with so many decimals; a dash for what is not there or is not a finite number."""
    return f"{value:.{decimals}f}" if is_number(value) else NOTHING


def is_number(value: object) -> TypeGuard[float]:
    """Whether the value can be printed, divided or drawn."""
    return isinstance(value, int | float) and math.isfinite(value)


def results_table(entries: Sequence[Entry]) -> Table:
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
    return Table("Results", tuple(headers), tuple(_result_cells(entry, any_emulated) for entry in entries))


def _result_cells(entry: Entry, any_emulated: bool) -> tuple[str, ...]:
    row = entry.row
    cells = [
        str(entry.number),
        *(text(getattr(row, key)) for key in ("recipe", "format", "device", "runtime", "threads", "epochs")),
        number(row.top1_percent, 2),
        number(_scaled(row.size_bytes, BYTES_PER_KIB), 1),
        number(measured_latency_ms(entry, "median"), 3),
        number(measured_latency_ms(entry, "p95"), 3),
        number(row.energy_model_uj, 2),
        number(_scaled(row.memory_model_bits, BITS_PER_KIB), 1),
        text(row.verdict),
    ]
    if any_emulated:
        cells.insert(-1, number(row.emulated_ms_not_latency if row.emulated else None, 1))
    return tuple(cells)


def measured_latency_ms(entry: Entry, statistic: str) -> Any:
    """``median``, ``p95`` … of the latency in ms; None for an emulated row, whatever the row holds."""
    return None if entry.row.emulated else getattr(entry.row, f"latency_ms_{statistic}")


def boards_table(entries: Sequence[Entry]) -> Table:
    """The state of the machine at each measurement; rows measured in one state share a line."""
    keys = list(dict.fromkeys(key for entry in entries for key in entry.row.board or {}))
    states: dict[tuple[str, ...], list[str]] = {}
    for entry in entries:
        board = entry.row.board or {}
        state = (text(entry.row.device), *(text(board.get(key)) for key in keys))
        states.setdefault(state, []).append(str(entry.number))
    rows = tuple((", ".join(numbers), *state) for state, numbers in states.items())
    return Table("Where it was measured", ("#", "device", *keys), rows)


def provenance_table(entries: Sequence[Entry]) -> Table:
    """What each row was made from, so that it can be made again."""
    keys = (
        "run",
        "model",
        "target",
        "isa",
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
    return Table("Provenance", headers, rows)


def refused_table(refused: Sequence[Refusal]) -> Table:
    """Rows that may not be shown, with the reason."""
    keys = ("run", "model", "device", "measured_at_utc")
    headers = ("recipe", "reason", "run", "model", "device", "measured at (UTC)")
    rows = tuple((text(row.recipe), reason, *(text(getattr(row, key)) for key in keys)) for row, reason in refused)
    return Table("Refused rows", headers, rows)


def published_table(recipes: Sequence[Recipe]) -> Table:
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
    return Table("Published figures", headers, tuple(by_table_and_name))


def text(value: Any) -> str:
    """The value in at most six digits where it has a fraction, else whole; a dash for what is not there."""
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return NOTHING
    return f"{value:g}" if isinstance(value, float) else str(value)


def _scaled(value: Any, divisor: int) -> float | None:
    return value / divisor if is_number(value) else None
