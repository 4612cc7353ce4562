"""Drawings as SVG."""

import sys
from typing import Any

import matplotlib as mpl
import pytest

from edgehybrid.errors import MissingExtraError
from edgehybrid.svg import svg_document, svg_element


def draw(figure: Any) -> None:
    axes = figure.add_subplot()
    axes.plot([1, 2, 3], label="a $ sign")
    axes.legend()


@pytest.mark.parametrize("svg_of", [svg_document, svg_element])
def test_equal_drawings_give_equal_bytes_whatever_the_users_settings(svg_of: Any) -> None:
    first = svg_of("salt", draw)
    with mpl.rc_context({"lines.linewidth": 9, "font.size": 30, "svg.fonttype": "path"}):
        assert svg_of("salt", draw) == first


def test_text_stays_text() -> None:
    assert ">a $ sign</text>" in svg_document("salt", draw)


def test_a_document_is_a_file_and_an_element_part_of_a_page() -> None:
    assert svg_document("salt", draw).startswith("<?xml")
    element = svg_element("salt", draw)
    assert element.startswith("<svg")
    assert '<g id="' not in element


def test_a_missing_matplotlib_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingExtraError, match="matplotlib"):
        svg_document("salt", draw)
