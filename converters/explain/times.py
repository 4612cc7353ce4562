"""Measured times of a flatbuffer: from the store of rows, or from what ``benchmark --json`` printed."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from converters.explain.explanation import Explanation
from converters.explain.rows import Place
from edgehybrid import results
from edgehybrid.errors import RunError

_SQLITE = b"SQLite format 3\0"


@dataclass(frozen=True)
class Times:
    """What a row says about a flatbuffer.

    Attributes:
        latency_ms_median: of an inference; None on an emulated board.
        of_ops_us: median µs of operators, by their place; of several that ran as one, the time stands at the one with
            most multiply-accumulates, or the last. Empty where the row tells none.
    """

    latency_ms_median: float | None
    of_ops_us: Mapping[Place, float]


def times_of(path: Path, found: Explanation) -> Times:
    """The times of the newest row about a file.

    A row tells those of operators under ``profile``: a list of parts with ``nodes``, the operators' numbers, and
    ``time_us_median``.

    Raises:
        RunError: there is no such file, it holds no rows, or none about this flatbuffer.
    """
    rows = [row for row in _rows(path) if row.get("model_sha256") == found.sha256]
    if not rows:
        raise RunError(
            "The results have no row of this model.",
            received=f"{path}: nothing about {found.model} ({found.sha256[:12]}…)",
            allowed="a file of results with a row of the same flatbuffer",
            next_step=f"Run: edgehybrid benchmark {found.model}",
        )
    row = rows[-1]
    try:
        return Times(row.get("latency_ms_median"), _of_ops(row.get("profile") or (), found))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise RunError(
            f"The times of operators cannot be read: {error!r}.",
            received=path,
            allowed="'profile': a list of objects with nodes, a list of numbers, and time_us_median",
            next_step="Measure again with: edgehybrid benchmark",
        ) from error


def _rows(path: Path) -> Sequence[Mapping[str, Any]]:
    try:
        content = path.read_bytes() if path.is_file() else _SQLITE
        if content.startswith(_SQLITE):
            return [row.as_dict() for row in results.salvage(path)[0]]
        document = json.loads(content)
        rows = document.get("results", [document])
        if not all(isinstance(row, dict) for row in rows):
            raise TypeError("a row is no object")
        return list(rows)
    except (AttributeError, OSError, TypeError, ValueError) as error:
        raise RunError(
            f"The results file cannot be read: {error}.",
            received=path,
            allowed="results.sqlite, or what 'edgehybrid benchmark --json' or 'edgehybrid results --json' printed",
            next_step="Name another file with --results.",
        ) from error


def _of_ops(profile: Sequence[Mapping[str, Any]], found: Explanation) -> dict[Place, float]:
    main = {row.index: row for row in found.ops if row.subgraph == 0}
    times: dict[Place, float] = {}
    for part in profile:
        nodes = [main[int(node)] for node in part["nodes"]]
        if nodes:
            chosen = max(nodes, key=lambda row: (row.macs or 0, row.index))
            times[chosen.place] = times.get(chosen.place, 0.0) + float(part["time_us_median"])
    return times
