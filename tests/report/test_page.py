import re
import sys
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from edgehybrid.errors import MissingExtraError
from edgehybrid.report.document import Document, Key, Panel, Plot, ReportTable
from edgehybrid.report.page import css_string, html_page, table_style

EMPTY = ReportTable("Empty", ("a",), ())
RESULTS = ReportTable("Results", ("recipe", "top-1 %"), (("first", "97.50"), ("second", "–")))
PLOT = Plot("Plot", "Caption", (Panel("points", '<svg><path d="M 0 0"/></svg>'),))
DOCUMENT = Document(
    title="Title",
    comparisons=("smaller",),
    results=RESULTS,
    notes=("noted",),
    times=EMPTY,
    evidence=EMPTY,
    boards=EMPTY,
    searches=(),
    fronts=(),
    plots=(PLOT,),
    layers=(),
    parts=(),
    training=(),
    refused=EMPTY,
    published=EMPTY,
    provenance=(),
)


class Elements(HTMLParser):
    """Every start tag with its attributes, and whether every tag that must be closed is."""

    VOID = frozenset({"meta", "path"})
    # HTML says where these end; table.html leaves their end tags out.
    IMPLIED = frozenset({"thead", "tbody", "tr", "th", "td"})

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in self.VOID | self.IMPLIED:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID | self.IMPLIED:
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
    loading = {"src", "srcset", "xlink:href", "data", "action", "poster", "background"}
    assert [tag for tag, attributes in elements.found if loading & set(attributes)] == []
    assert {str(attributes["href"])[0] for _, attributes in elements.found if "href" in attributes} == {"#"}
    assert elements.named("link") == elements.named("iframe") == []
    assert elements.named("script") == [{}]
    assert re.findall(r"https?:|@import|url\(", page) == []


def test_the_browser_is_told_to_load_nothing() -> None:
    (policy,) = [m["content"] for m in Elements(html_page(DOCUMENT)).named("meta") if "http-equiv" in m]
    assert policy == "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:"


def test_every_link_of_the_page_leads_somewhere() -> None:
    table = ReportTable("t", ("a",), (("x",),))
    whole = replace(
        DOCUMENT,
        searches=(PLOT,),
        layers=(PLOT,),
        training=(PLOT,),
        parts=(replace(table, title="p"),),
        provenance=(replace(table, title="q"),),
        **dict.fromkeys(("times", "evidence", "boards", "refused", "published"), table),
    )
    elements = Elements(html_page(whole))
    targets = [str(attributes["href"])[1:] for attributes in elements.named("a")]
    assert len(targets) == 12
    assert targets == [attributes["id"] for attributes in elements.named("h2")]


def filled_with(text: str) -> Document:
    table = ReportTable(text, (text,), ((text,),), (text,))
    plot = Plot(text, text, (Panel(text, "<svg></svg>", text),), (Key("<svg></svg>", text),))
    return Document(
        title=text,
        comparisons=(text,) * 7,
        results=table,
        notes=(text,),
        times=table,
        evidence=table,
        boards=table,
        searches=(plot,),
        fronts=(table,),
        plots=(plot,),
        layers=(plot,),
        parts=(table,),
        training=(plot,),
        refused=table,
        published=table,
        provenance=(table,),
    )


@pytest.mark.parametrize("hostile", ["<script>alert(1)</script>", '"><img src=x>', "</table><b>", "</style><b>"])
def test_no_text_becomes_markup(hostile: str) -> None:
    tags = [tag for tag, _ in Elements(html_page(filled_with(hostile))).found]
    assert tags == [tag for tag, _ in Elements(html_page(filled_with("x"))).found]


def test_text_is_not_read_as_a_template() -> None:
    assert "{{ 1 + 1 }}" in html_page(filled_with("{{ 1 + 1 }}"))


@pytest.mark.parametrize("hostile", ['"}body{display:none}', "</style>", "\\", "\n", "*/"])
def test_a_header_cannot_leave_its_string_in_the_style_sheet(hostile: str) -> None:
    escaped = css_string(hostile)
    assert re.fullmatch(r'"([A-Za-z0-9 ().,%_/-]|\\[0-9a-f]+ )*"', escaped)
    back = re.sub(r"\\([0-9a-f]+) ", lambda found: chr(int(found[1], 16)), escaped[1:-1])
    assert back == hostile


def test_the_style_of_a_table_aligns_numbers_and_labels_cells() -> None:
    table = ReportTable("t", ("recipe", "size"), (("a", "1.5"),), ("", "KiB"))
    style = table_style(table, 3)
    assert "#t3 td:nth-child(2),#t3 th:nth-child(2){text-align:right}" in style
    assert '#t3 td:nth-child(2)::before{content:"size KiB"}' in style
    assert "#t3 td:nth-child(1),#t3 th" not in style


def test_only_columns_of_long_words_may_break_them() -> None:
    table = ReportTable("t", ("a", "b"), (("performance", "f" * 64), ("x", "y")))
    assert "#t0 td:nth-child(2){overflow-wrap:anywhere}" in table_style(table, 0)


def test_a_unit_stands_under_its_header() -> None:
    page = html_page(replace(DOCUMENT, results=replace(RESULTS, units=("", "% (measured)"))))
    assert '<th scope="col">recipe<th scope="col">top-1 %<small>% (measured)</small>' in page


def test_many_comparisons_are_folded_and_still_there() -> None:
    page = html_page(replace(DOCUMENT, comparisons=tuple(f"sentence {index}" for index in range(9))))
    assert "3 more comparisons" in page
    assert all(f"sentence {index}<" in page for index in range(9))


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
