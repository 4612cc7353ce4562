import re
import sys
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from edgehybrid.errors import MissingExtraError
from edgehybrid.report.document import Document, Panel, Plot, ReportTable
from edgehybrid.report.page import html_page

EMPTY = ReportTable("Empty", ("a",), ())
RESULTS = ReportTable("Results", ("recipe", "top-1 %"), (("first", "97.50"), ("second", "–")))
PLOT = Plot("Plot", "Caption", (Panel("points", '<svg><path d="M 0 0"/></svg>'),))
DOCUMENT = Document("Title", ("smaller",), RESULTS, ("noted",), EMPTY, (PLOT,), EMPTY, EMPTY, EMPTY)


class Elements(HTMLParser):
    """Every start tag with its attributes, and whether every tag that must be closed is."""

    VOID = frozenset({"meta", "path"})

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            assert self.open.pop() == tag

    def named(self, name: str) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.found if tag == name]


def test_the_page_has_one_table_row_a_result() -> None:
    rows = Elements(html_page(DOCUMENT)).named("tr")
    assert len(rows) == 1 + len(RESULTS.rows)  # the header, then the rows


def test_every_element_is_closed() -> None:
    assert Elements(html_page(DOCUMENT)).open == []


def test_the_page_loads_nothing() -> None:
    page = html_page(DOCUMENT)
    elements = Elements(page)
    loading = {"src", "srcset", "href", "xlink:href", "data", "action", "poster", "background"}
    assert [tag for tag, attributes in elements.found if loading & set(attributes)] == []
    assert elements.named("script") == elements.named("link") == elements.named("iframe") == []
    assert re.findall(r"https?:|@import|url\(", page) == []


def filled_with(text: str) -> Document:
    table = ReportTable(text, (text,), ((text,),))
    plot = Plot(text, text, (Panel(text, "<svg></svg>"),))
    return Document(text, (text,), table, (text,), table, (plot,), table, table, table)


@pytest.mark.parametrize("hostile", ["<script>alert(1)</script>", '"><img src=x>', "</table><b>"])
def test_no_text_becomes_markup(hostile: str) -> None:
    tags = [tag for tag, _ in Elements(html_page(filled_with(hostile))).found]
    assert tags == [tag for tag, _ in Elements(html_page(filled_with("x"))).found]


def test_text_is_not_read_as_a_template() -> None:
    assert "{{ 1 + 1 }}" in html_page(filled_with("{{ 1 + 1 }}"))


def test_drawings_are_inline() -> None:
    assert PLOT.panels[0].svg in html_page(DOCUMENT)


def test_a_drawing_is_described_in_words() -> None:
    images = [a for a in Elements(html_page(DOCUMENT)).named("div") if a.get("role") == "img"]
    assert [image["aria-label"] for image in images] == ["points"]


def test_the_page_fits_phones_and_dark_screens() -> None:
    page = html_page(DOCUMENT)
    viewport = {"name": "viewport", "content": "width=device-width, initial-scale=1"}
    assert viewport in Elements(page).named("meta")
    assert "prefers-color-scheme: dark" in page


def test_a_page_without_results_points_to_the_refused_rows() -> None:
    refused = ReportTable("Refused rows", ("reason",), (("no run",),))
    page = html_page(replace(DOCUMENT, results=EMPTY, refused=refused))
    assert "No row can be shown" in page
    assert "no run" in page


def test_says_which_extra_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jinja2", None)
    with pytest.raises(MissingExtraError, match=r"(?s)jinja2.*edgehybrid\[report\]"):
        html_page(DOCUMENT)
