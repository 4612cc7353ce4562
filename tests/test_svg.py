"""Drawings as SVG: numbers on axes, marks, and what becomes of texts."""

import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgehybrid.svg import (
    DARK,
    LIGHT,
    SHAPES,
    STYLE,
    Scale,
    axes,
    document,
    element,
    line,
    mark,
    marks,
    round_range,
    text,
)


def test_a_scale_is_a_straight_line() -> None:
    scale = Scale(10, 20, 100, 0)  # upwards, as an accuracy
    assert [scale(value) for value in (10, 15, 20)] == [100, 50, 0]


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [(0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1]), (0, 20, [0, 5, 10, 15, 20]), (51, 59, [52, 54, 56, 58])],
)
def test_ticks_are_round_and_inside(low: float, high: float, ticks: list[float]) -> None:
    assert Scale(low, high, 0, 1).ticks(6) == pytest.approx(ticks)


NUMBERS = st.floats(-1e9, 1e9, allow_subnormal=False)


@given(values=st.lists(NUMBERS, min_size=1, max_size=5))
def test_a_range_holds_all_values_and_a_few_ticks(values: list[float]) -> None:
    low, high = round_range(values)
    slack = 1e-9 * max(1.0, abs(low), abs(high))
    assert low - slack <= min(values) <= max(values) <= high + slack
    assert low < high
    assert 1 <= len(Scale(low, high, 0, 1).ticks(6)) <= 8


def test_a_range_is_as_wide_as_asked_for_and_begins_at_its_floor() -> None:
    low, high = round_range([97.5], at_least=5)
    assert high - low >= 5
    assert round_range([3.0, 7.5], floor=0.0)[0] == 0.0


@pytest.mark.parametrize("shape", range(SHAPES))
def test_many_marks_are_the_ways_of_each_under_one_name(shape: int) -> None:
    points = [(1, 2, "a < b"), (3.5, 4, "c")]
    (path,) = [ET.fromstring(marks(shape, points, "s0", "<name>"))]
    ways = [ET.fromstring(mark(shape, x, y, "s0")).attrib["d"] for x, y, _ in points]
    assert path.attrib["d"] == "".join(ways)
    assert path.attrib["data-words"].split("|") == ["a < b", "c"]
    assert [title.text for title in path] == ["<name>"]
    # Where the report's script takes them apart.
    assert ["M" in way[1:] for way in ways] == [False, False]


def test_shapes_differ() -> None:
    assert len({mark(shape, 0, 0, "") for shape in range(SHAPES)}) == SHAPES


def test_text_cannot_become_markup() -> None:
    assert ET.fromstring(text(0, 0, '<script>"&')).text == '<script>"&'


def test_axes_have_grid_numbers_and_names() -> None:
    parts = axes(Scale(0, 20, 40, 360), Scale(50, 60, 250, 30), "energy, µJ", "top-1, %")
    drawn = element(380, 290, parts)
    for words in ("energy, µJ", "top-1, %", ">20<", ">60<"):
        assert words in drawn
    assert ET.fromstring(drawn).get("viewBox") == "0 0 380 290"


def test_a_document_is_a_file_with_its_own_style_and_an_element_part_of_a_page() -> None:
    parts = [line([(0, 0), (1, 1)], "s1")]
    assert document(10, 10, parts) == document(10, 10, parts)
    root = ET.fromstring(document(10, 10, parts))
    assert STYLE in "".join(root.itertext())
    assert "<style" not in element(10, 10, parts)


def contrast(one: str, other: str) -> float:
    """WCAG 2.1, relative luminance and contrast ratio."""

    def luminance(colour: str) -> float:
        channels = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    dark, light = sorted(map(luminance, (one, other)))
    return (light + 0.05) / (dark + 0.05)


def test_colours_can_be_told_from_their_background() -> None:
    assert all(contrast(colour, "#ffffff") >= 3 for colour in LIGHT)
    assert all(contrast(colour, "#14171b") >= 3 for colour in DARK)
