"""The page about flatbuffers: self-contained, escaped, with every operator."""

import re
import sys
from dataclasses import fields, is_dataclass, replace
from typing import Any

import pytest
from explained import dense_of_bits, explained
from tiny_flatbuffers import packed_flatbuffer

from converters.explain.explanation import Explanation
from converters.explain.summary import summary
from converters.explain.times import Times
from edgehybrid.console.explain_page import explanation_page
from edgehybrid.errors import MissingExtraError

DENSE, PACKED = explained(dense_of_bits()), explained(packed_flatbuffer())


def page_of(*found: Explanation) -> str:
    return explanation_page([(each, None) for each in found])


def with_texts(value: Any, text: str) -> Any:
    """The explanation with every text of the model's own replaced."""
    if is_dataclass(value) and not isinstance(value, type):
        inner = {field.name: with_texts(getattr(value, field.name), text) for field in fields(value)}
        return replace(value, **inner)
    if isinstance(value, tuple):
        return tuple(with_texts(inner, text) for inner in value)
    return text if isinstance(value, str) else value


def test_the_page_loads_nothing_and_fits_phones_and_dark_screens() -> None:
    page = page_of(DENSE)
    assert re.findall(r"https?:|@import|url\(|<script|<link|src=", page) == []
    assert '<meta name="viewport" content="width=device-width, initial-scale=1">' in page
    assert "prefers-color-scheme: dark" in page


def test_the_page_shows_the_summary_the_reasons_and_every_operator() -> None:
    page = page_of(DENSE)
    for text in (*summary(DENSE), *(one.fix for one in DENSE.why_not_packed)):
        assert text.replace("'", "&#39;").replace("<", "&lt;") in page
    assert page.count("<td") > 9 * len(DENSE.ops)


def test_times_have_a_column_where_they_are_known() -> None:
    assert "µs" not in page_of(DENSE)
    page = explanation_page([(DENSE, Times(0.25, {(0, 1): 2.5}))])
    assert '<th scope="col">µs' in page
    assert "<td>2.50" in page


def test_several_models_share_a_page() -> None:
    page = page_of(DENSE, PACKED)
    assert "What is in 2 flatbuffers" in page
    assert page.count("<h2>") == 2


def test_bars_are_described_in_words() -> None:
    found = re.findall(r'role="img" aria-label="([^"]+)"', page_of(DENSE))
    assert len(found) == 2
    assert found[1].startswith("2,368 multiply-accumulates of an inference: in bits 2,048 (86.5 %)")


def test_pieces_of_a_bar_fill_it() -> None:
    for bar in re.findall(r'<div class="bar"(.*?)</div>', page_of(DENSE)):
        assert sum(map(float, re.findall(r"width:([0-9.]+)%", bar))) == pytest.approx(100, abs=0.01)


@pytest.mark.parametrize("hostile", ["<script>alert(1)</script>", '"><img src=x>', "{{ 1 + 1 }}"])
def test_no_text_becomes_markup(hostile: str) -> None:
    tags = [re.findall(r"<[a-z0-9]+", page_of(with_texts(DENSE, text))) for text in (hostile, "x" * len(hostile))]
    assert tags[0] == tags[1]


def test_says_which_extra_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jinja2", None)
    with pytest.raises(MissingExtraError, match=r"(?s)jinja2.*edgehybrid\[report\]"):
        page_of(DENSE)
