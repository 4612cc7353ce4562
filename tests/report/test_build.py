import sys
from pathlib import Path
from typing import Any

import pytest
from epoch_lines import health_of, line_of
from processes import modules_after
from report_samples import HYBRID, TWIN, make_row, make_run

from edgehybrid.cost import references_of
from edgehybrid.cost.rules import PAPER
from edgehybrid.errors import EdgehybridError, MissingExtraError
from edgehybrid.report.build import build_report
from edgehybrid.report.health_plots import FIGURES


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    return tmp_path / "runs"


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


def test_writes_the_page_and_the_markdown_and_nothing_else(runs: Path, out: Path) -> None:
    report = build_report([make_run(runs)], runs, out)
    assert sorted(path.name for path in out.iterdir()) == ["report.html", "report.md"]
    assert report.html == out / "report.html"
    assert report.markdown == out / "report.md"


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
    for name in ("report.html", "report.md"):
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
        assert "<script" not in (out / name).read_text(encoding="utf-8")


def test_points_of_the_row_and_of_the_paper_stand_in_the_page(runs: Path, out: Path) -> None:
    build_report([make_run(runs)], runs, out)
    page = (out / "report.html").read_text(encoding="utf-8")
    assert "digits, measured here" in page
    assert "hybrid_res_a, published" in page
    assert "VGG-19 on" not in page


def test_a_point_stands_where_the_cost_of_its_file_puts_it(runs: Path, out: Path) -> None:
    full_precision, _ = references_of(HYBRID, PAPER, None)
    row = make_run(
        runs,
        energy_model_uj=full_precision.energy_uj / 4,
        memory_model_bits=full_precision.memory_bits // 2,
    )
    build_report([row], runs, out)
    page = (out / "report.html").read_text(encoding="utf-8")
    assert "digits measured 97.50 % at 4.00" in page
    assert "digits measured 97.50 % at 2.00" in page


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"rules": "full"}, "not counted by the paper"),
        ({"verdict": "invalid"}, "verdict is invalid"),
        ({"top1_percent": None}, "no accuracy"),
    ],
)
def test_a_row_without_a_point_is_noted(runs: Path, out: Path, changes: dict[str, Any], why: str) -> None:
    build_report([make_run(runs, **changes)], runs, out)
    page = (out / "report.html").read_text(encoding="utf-8")
    assert "#1 is not in the plots" in page
    assert why in page
    assert "measured here" not in page.replace("accuracy measured here", "")


def test_the_health_of_a_run_is_drawn(runs: Path, out: Path) -> None:
    row = make_run(runs)
    health = {"conv2": health_of(**dict.fromkeys(FIGURES, 20.5))}
    line = line_of(7, health=health, hints=("Raise the learning rate.",))
    (runs / str(row.run) / "metrics.jsonl").write_text(f"{line.to_json()}\n")
    build_report([row], runs, out)
    page = (out / "report.html").read_text(encoding="utf-8")
    assert page.count("Epoch 7: conv2 20.5.") == len(FIGURES)
    assert "Raise the learning rate." in page


def test_the_reasons_of_a_verdict_are_shown(runs: Path, out: Path) -> None:
    build_report([make_run(runs, verdict="suspect", verdict_reasons=["busy", "hot"])], runs, out)
    assert "#1 is suspect: busy; hot" in (out / "report.md").read_text(encoding="utf-8")


def test_no_rows_is_an_error_that_says_how_to_get_some(runs: Path, out: Path) -> None:
    with pytest.raises(EdgehybridError, match=r"(?s)no result row.*edgehybrid benchmark"):
        build_report([], runs, out)
    assert not out.exists()


@pytest.mark.parametrize("name", ["report.html", "report.md"])
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


@pytest.mark.parametrize("module", ["jinja2", "matplotlib"])
def test_a_missing_extra_leaves_nothing_half_written(
    runs: Path, out: Path, monkeypatch: pytest.MonkeyPatch, module: str
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingExtraError, match=module):
        build_report([make_run(runs)], runs, out)
    assert not out.exists()


def test_importing_the_report_loads_neither_tensorflow_nor_the_extra() -> None:
    assert not {"tensorflow", "matplotlib", "jinja2"} & modules_after("import edgehybrid.report.build")
