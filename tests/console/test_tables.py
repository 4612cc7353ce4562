"""How a table is laid out and what its cells show."""

import pytest

from edgehybrid.console.tables import text_table


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
