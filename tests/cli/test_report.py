"""The installed command ``report``: what it writes and prints, and what users get wrong."""

import json
from pathlib import Path

import pytest
from processes import call, refuse
from report_samples import TWIN, make_row, make_run

from edgehybrid import results
from edgehybrid.results import Row


@pytest.fixture
def rows(tmp_path: Path) -> list[Row]:
    """Two rows that their run folders prove, and one that none does."""
    runs = tmp_path / "runs"
    made = [make_run(runs), make_run(runs, TWIN, "float32"), make_row(run="elsewhere")]
    results.append_all(runs / "results.sqlite", made)
    # A reader leaves the files of SQLite's log beside the store.
    return results.read(runs / "results.sqlite")


def test_writes_three_files_and_says_which_row_is_not_in_them(rows: list[Row], tmp_path: Path) -> None:
    done = call(["report", "--out", "out", "--json"], tmp_path)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert [found[key] for key in ("html", "markdown", "csv")] == ["out/report.html", "out/report.md", "out/report.csv"]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["report.csv", "report.html", "report.md"]
    assert (found["rows"], [each["run"] for each in found["refused"]]) == (2, ["elsewhere"])
    assert found["comparisons"]
    assert done.stderr.startswith("Warning: not in the report, digits: ")


def test_prints_the_table_of_its_markdown_and_where_the_page_is(rows: list[Row], tmp_path: Path) -> None:
    table, _, page = call(["report"], tmp_path).stdout.rstrip("\n").rpartition("\n")
    assert page == "runs/report.html"
    assert table in (tmp_path / "runs" / "report.md").read_text()


def test_replaces_a_report_only_when_told(rows: list[Row], tmp_path: Path) -> None:
    (tmp_path / "runs" / "report.md").write_text("mine")
    refuse(["report"], tmp_path, 1, "runs/report.md exists already", "--overwrite")
    assert call(["report", "--overwrite"], tmp_path).returncode == 0
    assert (tmp_path / "runs" / "report.md").read_text() != "mine"


@pytest.mark.parametrize(
    ("arguments", "status", "parts"),
    [
        (["--profile", "absent.json"], 2, ["absent.json"]),
        (["--profile", "taken"], 2, ["taken", "benchmark"]),
        (["--results", "absent.sqlite"], 1, ["There are no results yet", "absent.sqlite"]),
        (["--results", "taken"], 1, ["taken"]),
        (["--out", "taken"], 2, ["'taken' is a file"]),
        (["--out", "taken/out"], 1, ["cannot be written", "Choose a folder"]),
    ],
    ids=lambda words: " ".join(words) if isinstance(words, list) else "",
)
def test_what_users_get_wrong(
    arguments: list[str], status: int, parts: list[str], rows: list[Row], tmp_path: Path
) -> None:
    (tmp_path / "taken").write_text("no profile, no store and no folder")
    refuse(["report", *arguments], tmp_path, status, *parts)
