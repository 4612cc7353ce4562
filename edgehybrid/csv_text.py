"""Rows as CSV, for a program."""

import csv
import io
import json
from collections.abc import Mapping, Sequence


def to_csv(rows: Sequence[Mapping[str, object]], columns: Sequence[str] | None = None) -> str:
    """One line a row under a header; null is an empty cell, truth values, lists and maps are JSON.

    Args:
        columns: the keys to print; by default all but those with lists and maps.
    """
    if columns is None:
        keys = [key for row in rows for key, value in row.items() if not isinstance(value, list | dict)]
        columns = list(dict.fromkeys(keys))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    for row in rows:
        cells = (row.get(key) for key in columns)
        writer.writerow(json.dumps(cell) if isinstance(cell, bool | dict | list) else cell for cell in cells)
    return text.getvalue().rstrip("\n")
