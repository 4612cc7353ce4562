"""Rows of results as mappings, by hand and by hypothesis."""

from datetime import datetime
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from edgehybrid.results import Row, append, row_from
from edgehybrid.results.row import LATENCIES, MAX_NUMBER, METERED, TIME_FORMAT, VERDICTS, block_text

REQUIRED: dict[str, Any] = {
    "model": "model.packed.aarch64.tflite",
    "model_sha256": "ab" * 32,
    "format": "packed",
    "device": "local",
    "board": {"cpu": "Cortex-A72", "clock_mhz": 1500},
    "runtime": "edgehybrid 0.1.0 (native, in ai-edge-litert 2.3.0)",
    "threads": 1,
    "sessions": 3,
    "runs": 50,
    "size_bytes": 12345,
    "verdict": "valid",
    "verdict_reasons": [],
    "emulated": False,
    "tool_version": "0.1.0",
}

TEXTS = st.text(max_size=20)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "string": st.text(st.characters(exclude_categories=["C", "Z"], include_characters=" "), max_size=20),
    "number": st.floats(0, 1e12),
    "integer": st.integers(0, MAX_NUMBER),
    "boolean": st.booleans(),
    "object": st.dictionaries(TEXTS, SCALARS | st.lists(SCALARS, max_size=3), max_size=4),
    "array": st.lists(TEXTS, max_size=3),
}
SCHEMA: dict[str, Any] = Row.model_json_schema()["properties"]


def type_of(name: str) -> str:
    """The JSON type of a field that is not null."""
    (found,) = {part["type"] for part in SCHEMA[name].get("anyOf", [SCHEMA[name]])} - {"null"}
    return str(found)


# Each block begins where the one before ended; microseconds.
BLOCKS = st.lists(st.integers(0, 10**6), max_size=4).map(
    lambda steps: [block_text(*(moment / 1e6 for moment in pair)) for pair in pairwise(accumulate([10**15, *steps]))]
)
COLUMNS = {
    name: VALUES[type_of(name)] if field.is_required() else st.none() | VALUES[type_of(name)]
    for name, field in Row.model_fields.items()
} | {
    "verdict": st.sampled_from(VERDICTS),
    "timed_blocks": st.none() | BLOCKS,
    "measured_at_utc": st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1)).map(
        lambda time: time.strftime(TIME_FORMAT)
    ),
}


def consistent(row: dict[str, Any]) -> dict[str, Any]:
    """Emulated time is no latency; a meter's figures are all there or none, and of no emulator."""
    empty = list(LATENCIES if row["emulated"] else ["emulated_ms_not_latency"])
    if row["emulated"] or any(row[name] is None for name in METERED):
        empty += METERED
    return row | dict.fromkeys(empty)


ROWS = st.fixed_dictionaries(COLUMNS).map(consistent)

ROWS_EACH = 20


def append_many(path: Path, run: str, barrier: Any) -> None:
    """What one of several processes does to a store at the same time."""
    barrier.wait()
    for index in range(ROWS_EACH):
        append(path, row_from(REQUIRED | {"run": run, "images": index}))
