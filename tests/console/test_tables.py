"""How a table is laid out and what its cells show."""

import csv
import io
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from row_samples import ROWS, type_of

from edgehybrid.console.tables import text_table, to_csv
from edgehybrid.results import Row


def test_the_first_column_of_a_table_is_flush_left_and_the_others_right() -> None:
    assert text_table(["name", "bits"], [["a", "1"], ["longer", "16"]]).splitlines() == [
        "name    bits",
        "a          1",
        "longer    16",
    ]


def test_columns_of_texts_are_flush_left_where_it_is_asked_for() -> None:
    assert text_table(["name", "bits", "why"], [["a", "1", "x"], ["b", "16", "long"]], texts=(0, 2)).splitlines() == [
        "name  bits  why",
        "a        1  x",
        "b       16  long",
    ]


@pytest.mark.parametrize(
    ("value", "shown"), [(1234567, "1,234,567"), (1234.56789, "1,234.5679"), (None, "–"), ("1000", "1000")]
)
def test_a_table_shows_a_value(value: object, shown: str) -> None:
    assert text_table(["", ""], [["", value]]).splitlines()[-1].strip() == shown


def test_a_table_without_rows_is_its_header() -> None:
    assert text_table(["a", "b"], []) == "a  b"


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
