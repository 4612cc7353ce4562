"""Rows as CSV, read back."""

import csv
import io
import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from row_samples import ROWS, type_of

from edgehybrid.csv_text import to_csv
from edgehybrid.results import Row


@settings(max_examples=40)
@given(rows=st.lists(ROWS, max_size=2))
def test_csv_says_the_same_as_the_rows(rows: list[dict[str, Any]]) -> None:
    """Read back by the csv module and the fields' types. An empty cell is null, or an empty text."""
    parsers = {"string": str, "integer": int, "number": float}
    names = list(Row.model_fields)
    header, *table = csv.reader(io.StringIO(to_csv(rows, names), newline=""))
    assert header == names
    for cells, row in zip(table, rows, strict=True):
        for name, cell in zip(names, cells, strict=True):
            parse = parsers.get(type_of(name), json.loads)
            assert (parse(cell) if cell else None) == (None if row[name] == "" else row[name])


def test_csv_without_named_columns_leaves_out_lists_and_maps() -> None:
    rows = [{"a": 1, "layers": [1, 2]}, {"a": None, "ops": {"ADD": 1}, "b": True}]
    assert to_csv(rows) == "a,b\n1,\n,true"
