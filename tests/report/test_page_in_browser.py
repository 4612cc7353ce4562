"""The page in headless Chromium: what fits, what sorts and filters, and that nothing is asked of any network."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from chromium import Opened, chromium, opened
from many_rows import many_rows
from report_samples import METER, emulated_row, make_run

from edgehybrid.report.build import build_report
from edgehybrid.results import row_from

CUT_OFF = """
    [...document.querySelectorAll('.table')]
        .filter(box => box.scrollWidth > box.clientWidth)
        .map(box => box.ariaLabel)
"""
ROWS = "#t0 tbody tr"
# Of the results: number, recipe, device, median latency.
NUMBER, RECIPE, DEVICE, MEDIAN = 0, 1, 3, 8


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as started:
        yield started


@pytest.fixture(scope="module")
def page_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report of 175 rows of seven networks, one profile, a run of an emulated board, and a row that is refused."""
    folder = tmp_path_factory.mktemp("page")
    rows = many_rows(folder / "runs", models=7, rows=175)
    rows[:3] = [row_from(row.as_dict() | METER) for row in rows[:3]]
    emulated = make_run(folder / "runs", run="digits-20250102T030405Z-ffffff")
    rows.append(emulated_row(**{key: getattr(emulated, key) for key in ("run", "recipe_sha256", "model_sha256")}))
    rows.append(rows[0].model_copy(update={"run": "elsewhere"}))
    part = {"name": "LceBconv2d + MUL", "nodes": [0, 1], "tensor": "a", "time_us_median": 100.0, "share": 1.0}
    (folder / "profile.json").write_text(json.dumps({**rows[0].as_dict(), "profile": [part]}))
    return build_report(rows, folder / "runs", folder, profiles=[folder / "profile.json"]).html


def column(found: Opened, place: int) -> list[str]:
    return found.texts(f"{ROWS} td:nth-child({place + 1})")


def colour(found: Opened, name: str) -> str:
    return str(found.page.evaluate(f"getComputedStyle(document.body).{name}"))


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_everything_fits_without_a_complaint_or_a_request(
    browser: Any, page_file: Path, width: int, scheme: str
) -> None:
    with opened(browser, page_file, width, scheme) as found:
        found.page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
        assert found.page.evaluate("document.documentElement.scrollWidth") <= width
        assert found.page.evaluate(CUT_OFF) == []
        assert found.complaints == []
        # Chromium counts an image that is part of the page as a request too.
        assert [url for url in found.requests if not url.startswith("data:")] == [page_file.as_uri()]


def test_dark_screens_get_a_dark_page(browser: Any, page_file: Path) -> None:
    with opened(browser, page_file, scheme="dark") as found:
        assert colour(found, "backgroundColor") == "rgb(20, 23, 27)"
        assert colour(found, "color") == "rgb(230, 233, 236)"


def test_a_click_on_a_header_sorts_by_number_and_a_second_one_the_other_way(browser: Any, page_file: Path) -> None:
    with opened(browser, page_file) as found:
        button = found.page.locator("#t0 thead button").nth(MEDIAN)
        button.click()
        rising = [float(text) for text in column(found, MEDIAN)]
        assert rising == sorted(rising)
        assert found.page.locator("#t0 th").nth(MEDIAN).get_attribute("aria-sort") == "ascending"
        button.click()
        falling = [float(text) for text in column(found, MEDIAN)]
        assert falling == sorted(falling, reverse=True)
        assert falling[0] > 10 > rising[0]  # as text, 9.9 would be the most


def test_what_is_not_known_is_last_in_either_order(browser: Any, page_file: Path) -> None:
    with opened(browser, page_file) as found:
        found.page.locator(".tools").first.get_by_role("button", name="Show all").click()
        for _ in range(2):
            found.page.locator("#t0 thead button").nth(MEDIAN).click()
            assert column(found, MEDIAN)[-1] == "–"


@pytest.mark.parametrize(
    ("place", "wanted", "shown"),
    [
        (RECIPE, "HYBRID_res_a", lambda text: "hybrid_res_a" in text),
        (MEDIAN, "<4", lambda text: float(text) < 4),
        (MEDIAN, ">= 9.5", lambda text: float(text) >= 9.5),
        (MEDIAN, "4..5", lambda text: 4 <= float(text) <= 5),
    ],
)
def test_a_filter_keeps_the_rows_that_fit(
    browser: Any, page_file: Path, place: int, wanted: str, shown: Callable[[str], bool]
) -> None:
    with opened(browser, page_file) as found:
        found.page.locator("#t0 .filters input").nth(place).fill(wanted)
        values = column(found, place)
        assert values
        assert all(map(shown, values))
        assert " of 176 rows" in found.texts(".tools .quiet")[0]


def test_filters_of_two_columns_and_the_search_are_combined(browser: Any, page_file: Path) -> None:
    with opened(browser, page_file) as found:
        found.page.locator("#t0 .filters input").nth(DEVICE).fill("board-03")
        found.page.locator("#t0 .filters input").nth(MEDIAN).fill("<3.8")
        found.page.locator(".tools input[type=search]").first.fill("suspect")
        assert set(column(found, DEVICE)) == {"board-03"}
        assert all(float(text) < 3.8 for text in column(found, MEDIAN))


def test_a_filter_that_fits_nothing_says_so_and_taking_it_away_brings_all_back(browser: Any, page_file: Path) -> None:
    with opened(browser, page_file) as found:
        search = found.page.locator(".tools input[type=search]").first
        search.fill("no such thing")
        assert column(found, NUMBER) == []
        assert found.texts(".tools .quiet")[0] == "0 of 176 rows"
        search.fill("")
        assert found.texts(".tools .quiet")[0] == "176 rows"


def test_long_tables_show_their_beginning_until_asked(browser: Any, page_file: Path) -> None:
    with opened(browser, page_file) as found:
        assert len(column(found, NUMBER)) == 50
        found.page.locator(".tools").first.get_by_role("button", name="Show all 176").click()
        assert len(column(found, NUMBER)) == 176


def test_without_javascript_every_row_is_there_and_no_control_that_does_nothing(browser: Any, page_file: Path) -> None:
    with opened(browser, page_file, javascript=False) as found:
        assert len(column(found, NUMBER)) == 176
        assert found.page.query_selector_all("button, input, select") == []


def test_each_mark_shows_on_hovering_what_it_is_and_stays_where_it_was(browser: Any, page_file: Path) -> None:
    marks = "[...document.querySelectorAll('path > title')]"
    ways = f"{marks}.map(title => title.parentNode.getAttribute('d')).join('')"
    with opened(browser, page_file, javascript=False) as plain, opened(browser, page_file) as found:
        assert found.page.evaluate(ways) == plain.page.evaluate(ways)
        said = found.page.evaluate(f"{marks}.map(title => title.textContent)")
        assert len(said) > 50
        assert all(re.fullmatch(r"[\w.]+ \(\w+\): \d+\.\d\d % at [\d.e+]+", words) for words in said)


@pytest.mark.parametrize("shape", ["disc", "hollow"])
def test_the_mouse_finds_a_mark_as_large_as_it_looks(browser: Any, page_file: Path, shape: str) -> None:
    """A disc has no length, and a ring is drawn nearly round: neither may be a point to the mouse."""
    with opened(browser, page_file) as found:
        hit = """
            title => {
                title.closest("svg").scrollIntoView();
                const [x, y] = title.parentNode.getAttribute("d").match(/[\\d.]+/g).map(Number);
                return [[0, 0], [4, 0], [-4, 0], [0, 4], [0, -4], [7, 0]].map(([right, down]) => {
                    const at = new DOMPoint(x + right, y + down).matrixTransform(title.parentNode.getScreenCTM());
                    return document.elementFromPoint(at.x, at.y).classList.contains("SHAPE");
                });
            }
        """
        last = found.page.query_selector_all(f"path.{shape} > title")[-1]
        assert last.evaluate(hit.replace("SHAPE", shape)) == [True] * 5 + [False]


def test_on_a_phone_a_row_is_a_card_whose_cells_have_their_headers(browser: Any, page_file: Path) -> None:
    with opened(browser, page_file, 390) as found:
        label = f"getComputedStyle(document.querySelector('{ROWS} td:nth-child({MEDIAN + 1})'), '::before').content"
        assert found.page.evaluate(label) == '"latency median ms (measured)"'
        boxes = [cell.bounding_box() for cell in found.page.query_selector_all(f"{ROWS}:first-child td")]
        assert len({box["x"] for box in boxes}) == 1
        assert [box["y"] for box in boxes] == sorted(box["y"] for box in boxes)


def test_a_phone_can_sort_and_search_too(browser: Any, page_file: Path) -> None:
    with opened(browser, page_file, 390) as found:
        found.page.locator(".tools select").first.select_option(str(MEDIAN))
        values = [float(text.split()[-1]) for text in column(found, MEDIAN)]
        assert values == sorted(values)
        found.page.locator(".tools input[type=search]").first.fill("board-07")
        assert all("board-07" in text for text in column(found, DEVICE))
        assert found.page.evaluate("document.documentElement.scrollWidth") <= 390


def test_emulated_time_stands_in_its_own_column(browser: Any, page_file: Path) -> None:
    with opened(browser, page_file) as found:
        found.page.locator(".tools input[type=search]").first.fill("50.0")
        heads = [text.replace("\n", " ") for text in found.texts("#t0 thead tr:first-child th")]
        emulated = column(found, heads.index("emulated ms (not latency)"))
        assert column(found, MEDIAN)[emulated.index("50.0")] == "–"
