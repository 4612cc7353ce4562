import csv
import json
import re
import sys
from pathlib import Path

import pytest
from epoch_lines import line_of
from many_rows import many_rows
from processes import modules_after
from report_samples import HYBRID, METER, TWIN, make_row, make_run

from edgehybrid.cost import cost_of
from edgehybrid.errors import EdgehybridError, MissingExtraError
from edgehybrid.report.build import build_report
from edgehybrid.results import Row, row_from


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    return tmp_path / "runs"


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


def test_writes_the_page_the_markdown_and_the_csv_and_nothing_else(runs: Path, out: Path) -> None:
    report = build_report([make_run(runs)], runs, out)
    assert sorted(path.name for path in out.iterdir()) == ["report.csv", "report.html", "report.md"]
    assert report.html == out / "report.html"
    assert report.markdown == out / "report.md"
    assert report.csv == out / "report.csv"


def test_the_csv_has_every_field_of_the_rows_that_are_shown(runs: Path, out: Path) -> None:
    row = make_run(runs)
    build_report([make_row(run="elsewhere"), row], runs, out)
    with (out / "report.csv").open(newline="") as stream:
        (found,) = csv.DictReader(stream)
    assert list(found) == ["number", *Row.model_fields]
    assert (found["number"], found["model_sha256"]) == ("1", row.model_sha256)
    assert json.loads(found["board"]) == row.board


def test_the_table_has_one_line_a_row(runs: Path, out: Path) -> None:
    rows = [make_run(runs), make_run(runs, TWIN, "float32"), make_run(runs, TWIN, "int8")]
    report = build_report(rows, runs, out)
    assert report.rows == 3
    assert len(report.table.splitlines()) == 2 + 3  # header and rule, then the rows
    assert report.table in (out / "report.md").read_text(encoding="utf-8")


def test_the_same_rows_give_the_same_bytes(runs: Path, out: Path, tmp_path: Path) -> None:
    rows = [make_run(runs), make_run(runs, TWIN, "float32")]
    build_report(rows, runs, out)
    build_report(rows, runs, tmp_path / "again")
    for name in ("report.html", "report.md", "report.csv"):
        assert (out / name).read_bytes() == (tmp_path / "again" / name).read_bytes()


def test_a_hybrid_and_its_twin_are_compared(runs: Path, out: Path) -> None:
    report = build_report([make_run(runs), make_run(runs, TWIN, "float32")], runs, out)
    assert len(report.comparisons) == 1
    assert report.comparisons[0] in (out / "report.html").read_text(encoding="utf-8")


def test_a_refused_row_is_listed_with_its_reason_and_not_shown(runs: Path, out: Path) -> None:
    foreign = make_row(run="elsewhere", top1_percent=99.87)
    report = build_report([make_run(runs), foreign], runs, out)
    assert report.rows == 1
    assert [(refusal.row.run, "no recipe.yaml" in refusal.reason) for refusal in report.refused] == [
        ("elsewhere", True)
    ]
    for name in ("report.html", "report.md"):
        text = (out / name).read_text(encoding="utf-8")
        assert "elsewhere" in text
        assert "99.87" not in text


def test_a_report_of_refused_rows_only_still_says_why(runs: Path, out: Path) -> None:
    report = build_report([make_row(run=None)], runs, out)
    assert report.rows == 0
    assert "names no run" in (out / "report.html").read_text(encoding="utf-8")
    assert "names no run" in (out / "report.md").read_text(encoding="utf-8")


def test_a_recipe_named_as_markup_does_not_inject(runs: Path, out: Path) -> None:
    build_report([make_run(runs), make_row(recipe="<script>alert(1)</script>")], runs, out)
    for name in ("report.html", "report.md"):
        assert "<script>alert" not in (out / name).read_text(encoding="utf-8")


def test_points_of_the_row_and_of_the_paper_stand_in_the_page(runs: Path, out: Path) -> None:
    build_report([make_run(runs)], runs, out)
    page = (out / "report.html").read_text(encoding="utf-8")
    for name, words in (("digits (packed)", "97.50 % at 2.5"), ("hybrid_res_a (published)", "53.09 % at 17.3")):
        assert re.search(f'data-words="{re.escape(words)}" d="[^"]+"><title>{re.escape(name)}</title>', page)
    assert "VGG-19 on" not in page


def test_what_is_not_drawn_is_noted(runs: Path, out: Path) -> None:
    build_report([make_run(runs, verdict="invalid")], runs, out)
    for name in ("report.html", "report.md"):
        assert "In no plot, because the verdict is invalid: #1." in (out / name).read_text(encoding="utf-8")


def test_layers_and_curves_are_drawn(runs: Path, out: Path) -> None:
    row = make_run(runs, energy_model_uj=cost_of(HYBRID).network.energy_uj)
    (runs / str(row.run) / "metrics.jsonl").write_text(f"{line_of(7).to_json()}\n")
    build_report([row], runs, out)
    page = (out / "report.html").read_text(encoding="utf-8")
    assert "Energy of each layer of digits (packed)" in page
    assert "Epoch 7: loss 0.1429." in page


def test_a_profile_adds_the_time_of_each_part(runs: Path, out: Path, tmp_path: Path) -> None:
    row = make_run(runs)
    part = {"name": "LceBconv2d", "nodes": [0], "tensor": None, "time_us_median": 12.34, "share": 1.0}
    (tmp_path / "profile.json").write_text(json.dumps({**row.as_dict(), "profile": [part]}))
    build_report([row], runs, out, profiles=[tmp_path / "profile.json"])
    for name in ("report.html", "report.md"):
        text = (out / name).read_text(encoding="utf-8")
        assert "Time of each part: digits" in text
        assert "12.3" in text


def test_the_reasons_of_a_verdict_are_shown(runs: Path, out: Path) -> None:
    build_report([make_run(runs, verdict="suspect", verdict_reasons=["busy", "hot"])], runs, out)
    assert "| suspect | busy; hot |" in (out / "report.md").read_text(encoding="utf-8")


def test_no_rows_is_an_error_that_says_how_to_get_some(runs: Path, out: Path) -> None:
    with pytest.raises(EdgehybridError, match=r"(?s)no result row.*edgehybrid benchmark"):
        build_report([], runs, out)
    assert not out.exists()


@pytest.mark.parametrize("name", ["report.html", "report.md", "report.csv"])
def test_refuses_to_replace_a_file_unless_told(runs: Path, out: Path, name: str) -> None:
    out.mkdir()
    (out / name).write_text("old")
    rows = [make_run(runs)]
    with pytest.raises(EdgehybridError, match="--overwrite"):
        build_report(rows, runs, out)
    assert [path.name for path in out.iterdir()] == [name]
    assert (out / name).read_text() == "old"
    build_report(rows, runs, out, overwrite=True)
    assert (out / name).read_text(encoding="utf-8") != "old"


def test_a_folder_that_cannot_be_made_is_one_clear_error(runs: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(EdgehybridError, match=r"(?s)cannot be written.*Choose a folder"):
        build_report([make_run(runs)], runs, tmp_path / "file" / "out")


def test_nothing_is_left_when_the_last_step_fails(runs: Path, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError("disk full")

    row = make_run(runs)
    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(EdgehybridError, match="disk full"):
        build_report([row], runs, out)
    assert list(out.iterdir()) == []


def test_a_missing_extra_leaves_nothing_half_written(runs: Path, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jinja2", None)
    with pytest.raises(MissingExtraError, match="jinja2"):
        build_report([make_run(runs)], runs, out)
    assert not out.exists()


def test_importing_the_report_loads_neither_tensorflow_nor_the_extra() -> None:
    assert not {"tensorflow", "jinja2"} & modules_after("import edgehybrid.report.build")


@pytest.mark.parametrize("models", [40, 1000], ids=["of forty runs", "of a thousand runs"])
def test_a_thousand_rows_make_a_page_below_a_megabyte(runs: Path, out: Path, models: int) -> None:
    rows = [row_from(row.as_dict() | METER) for row in many_rows(runs, models, rows=1000)]
    report = build_report(rows, runs, out)
    assert report.rows == 1000
    assert report.html.stat().st_size < 1_000_000
    # Nothing is left out for it: the last row stands in results, times and evidence, each flatbuffer has its hash.
    page = report.html.read_text(encoding="utf-8")
    assert page.count("<tr><td>1000<td>") >= 3
    assert all(row.model_sha256 in page for row in rows)
