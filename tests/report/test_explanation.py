"""The page about flatbuffers: self-contained, escaped, with every operator."""

import re
import sys
from typing import Any

import pytest
from explained import dense_of_bits, explained
from tiny_flatbuffers import packed_flatbuffer

from converters.explain.document import document_of
from converters.explain.sizes import PARTS
from edgehybrid.errors import MissingExtraError
from edgehybrid.report.explanation import explanation_page

DENSE, PACKED = document_of(explained(dense_of_bits())), document_of(explained(packed_flatbuffer()))


def with_texts(value: Any, text: str) -> Any:
    """The document with every text replaced."""
    if isinstance(value, dict):
        return {key: with_texts(inner, text) for key, inner in value.items()}
    if isinstance(value, list):
        return [with_texts(inner, text) for inner in value]
    return text if isinstance(value, str) else value


def test_the_page_loads_nothing_and_fits_phones_and_dark_screens() -> None:
    page = explanation_page([DENSE], PARTS)
    assert re.findall(r"https?:|@import|url\(|<script|<link|src=", page) == []
    assert '<meta name="viewport" content="width=device-width, initial-scale=1">' in page
    assert "prefers-color-scheme: dark" in page


def test_the_page_shows_the_summary_the_reasons_and_every_operator() -> None:
    page = explanation_page([DENSE], PARTS)
    for text in (*DENSE["summary"], *(one["fix"] for one in DENSE["why_not_packed"])):
        assert text.replace("'", "&#39;").replace("<", "&lt;") in page
    assert page.count("<td") > 9 * len(DENSE["ops"])


def test_several_models_share_a_page() -> None:
    page = explanation_page([DENSE, PACKED], PARTS)
    assert "What is in 2 flatbuffers" in page
    assert page.count("<h2>") == 2


def test_bars_are_described_in_words() -> None:
    found = re.findall(r'role="img" aria-label="([^"]+)"', explanation_page([DENSE], PARTS))
    assert len(found) == 2
    assert found[1].startswith("2,368 multiply-accumulates of an inference: in bits 2,048 (86.5 %)")


def test_pieces_of_a_bar_fill_it() -> None:
    for bar in re.findall(r'<div class="bar"(.*?)</div>', explanation_page([DENSE], PARTS)):
        assert sum(map(float, re.findall(r"width:([0-9.]+)%", bar))) == pytest.approx(100, abs=0.01)


@pytest.mark.parametrize("hostile", ["<script>alert(1)</script>", '"><img src=x>', "{{ 1 + 1 }}"])
def test_no_text_becomes_markup(hostile: str) -> None:
    tags = [
        re.findall(r"<[a-z0-9]+", explanation_page([with_texts(DENSE, text)], PARTS))
        for text in (hostile, "x" * len(hostile))
    ]
    assert tags[0] == tags[1]


def test_says_which_extra_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jinja2", None)
    with pytest.raises(MissingExtraError, match=r"(?s)jinja2.*edgehybrid\[report\]"):
        explanation_page([DENSE], PARTS)
