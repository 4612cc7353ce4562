"""Rows as text for a person, and as CSV for a program."""

import csv
import io
import json
from collections.abc import Collection, Mapping, Sequence


def text_table(header: Sequence[str], rows: Sequence[Sequence[object]], texts: Collection[int] = (0,)) -> str:
    """Columns of equal width; a float with four digits after the point, None as a dash.

    Args:
        texts: the columns that are flush left; the others are flush right.
    """
    cells = [header, *([_cell(value) for value in row] for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(header))]
    return "\n".join(
        "  ".join(
            c.ljust(w) if i in texts else c.rjust(w) for i, (c, w) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in cells
    )


def _cell(value: object) -> str:
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:,.4f}"
    return f"{value:,}" if isinstance(value, int) else str(value)


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
