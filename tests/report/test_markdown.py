from dataclasses import replace

from edgehybrid.report.document import Document, ReportTable
from edgehybrid.report.markdown import markdown_report, markdown_table

EMPTY = ReportTable("Empty", ("a",), ())
DOCUMENT = Document(
    title="Title",
    comparisons=(),
    results=replace(EMPTY, title="Results"),
    notes=(),
    times=EMPTY,
    evidence=EMPTY,
    boards=EMPTY,
    searches=(),
    fronts=(),
    plots=(),
    layers=(),
    parts=(),
    training=(),
    refused=EMPTY,
    published=EMPTY,
    provenance=(),
)


PARTS = ReportTable("Parts", ("a",), (("cell of parts",),))


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().removeprefix("|").removesuffix("|").split("|")]


def test_there_is_one_line_a_row_after_the_header_and_the_rule() -> None:
    rows = tuple((f"r{index}", "x") for index in range(5))
    lines = markdown_table(ReportTable("t", ("a", "b"), rows)).splitlines()
    assert [cells(line) for line in lines[2:]] == [list(row) for row in rows]


def test_numbers_are_aligned_to_the_right() -> None:
    rule = markdown_table(ReportTable("t", ("a", "b"), (("x", "1.5"), ("y", "–")))).splitlines()[1]
    assert rule == "| --- | ---: |"


def test_a_cell_cannot_open_another_cell_or_line() -> None:
    lines = markdown_table(ReportTable("t", ("a",), (("one|two\nthree",),))).splitlines()
    assert lines[2:] == [r"| one\|two three |"]


def test_a_cell_cannot_hold_html_or_links() -> None:
    text = markdown_table(ReportTable("t", ("a",), (("<script>[x](http://y)`*",),)))
    assert "<script>" not in text
    assert r"&lt;script&gt;\[x\](http://y)\`\*" in text


def test_underscores_of_names_stay() -> None:
    assert "| hybrid_res_a |" in markdown_table(ReportTable("t", ("a",), (("hybrid_res_a",),)))


def test_the_report_leaves_out_what_is_empty() -> None:
    assert markdown_report(DOCUMENT) == "# Title\n"


def test_the_report_has_every_part_that_is_not_empty() -> None:
    tables = {
        name: ReportTable(name, ("a",), ((f"cell of {name}",),))
        for name in ("results", "times", "evidence", "boards", "refused", "published")
    }
    provenance = tuple(replace(PARTS, rows=((f"cell {index} of provenance",),)) for index in range(2))
    text = markdown_report(
        replace(DOCUMENT, comparisons=("smaller",), notes=("noted",), parts=(PARTS,), provenance=provenance, **tables)
    )
    parts = ["cell of parts", "smaller", "noted", *(f"cell of {name}" for name in tables)]
    parts += ["cell 0 of provenance", "cell 1 of provenance"]
    assert [part for part in parts if part not in text] == []


def test_a_unit_stands_behind_its_header() -> None:
    table = ReportTable("t", ("size",), (("1",),), ("KiB (measured)",))
    assert markdown_table(table).splitlines()[0] == "| size KiB (measured) |"
