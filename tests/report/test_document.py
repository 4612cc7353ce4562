from edgehybrid.report.document import ReportTable, few_numbers, number, row_numbers, text


def test_numbers_and_dashes_make_a_column_of_numbers() -> None:
    table = ReportTable("t", ("a", "b", "c"), (("1", "x", "–"), ("-2.50", "3", "4")))
    assert table.columns_of_numbers == (True, False, True)


def test_what_only_starts_like_a_number_is_text() -> None:
    table = ReportTable("t", ("a", "b"), (("1, 2", "2025-01-02"),))
    assert table.columns_of_numbers == (False, False)


def test_a_table_without_rows_still_knows_its_columns() -> None:
    assert len(ReportTable("t", ("a", "b"), ()).columns_of_numbers) == 2


def test_a_column_is_named_with_its_unit() -> None:
    assert ReportTable("t", ("a", "size"), (), ("", "KiB (measured)")).names == ("a", "size KiB (measured)")
    assert ReportTable("t", ("a", "b"), ()).names == ("a", "b")


def test_neighbouring_numbers_are_a_range() -> None:
    assert row_numbers([1, 2, 3, 7, 9, 10]) == "1–3, 7, 9–10"
    assert row_numbers([]) == ""


def test_many_numbers_are_counted() -> None:
    assert few_numbers([1, 2, 3]) == "#1–3"
    assert few_numbers(list(range(1, 40, 2))) == "#1 and 19 more"


def test_what_is_not_there_is_a_dash() -> None:
    assert (text(None), number(None, 2), number(0, 2)) == ("–", "–", "0.00")
