from edgehybrid.report.document import ReportTable


def test_numbers_and_dashes_make_a_column_of_numbers() -> None:
    table = ReportTable("t", ("a", "b", "c"), (("1", "x", "–"), ("-2.50", "3", "4")))
    assert table.columns_of_numbers == (True, False, True)


def test_what_only_starts_like_a_number_is_text() -> None:
    table = ReportTable("t", ("a", "b"), (("1, 2", "2025-01-02"),))
    assert table.columns_of_numbers == (False, False)


def test_a_table_without_rows_still_knows_its_columns() -> None:
    assert len(ReportTable("t", ("a", "b"), ()).columns_of_numbers) == 2
