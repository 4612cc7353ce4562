"""The installed command ``demo``, but for its training: what it prints and refuses."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from processes import refuse
from report_samples import make_row

from edgehybrid.cli import main
from edgehybrid.console.ran_text import ran_text
from edgehybrid.report.build import Report


def test_prints_its_rows_and_not_their_number(monkeypatch: pytest.MonkeyPatch) -> None:
    report = Report(
        Path("report.html"), Path("report.md"), Path("report.csv"), rows=2, refused=(), table="", comparisons=()
    )
    rows = [make_row(), make_row(recipe="digits_float")]
    monkeypatch.setattr("edgehybrid.demo.demo", lambda *_: (rows, report))
    done = CliRunner().invoke(main, ["demo", "--json", "--runs", "no_runs_are_here"])
    assert json.loads(done.stdout)["rows"] == [row.as_dict() for row in rows]
    lines = CliRunner().invoke(main, ["demo", "--runs", "no_runs_are_here"]).stdout.splitlines()
    assert [line for line in lines if ", in " in line or " thread" in line] == [
        f"{row.recipe} ({row.format}): {ran_text(row)}" for row in rows
    ]


@pytest.mark.parametrize("name", ["report.html", "report.md", "report.csv"])
def test_replaces_no_report_unless_told(name: str, tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / name).write_text("mine")
    refuse(["demo"], tmp_path, 1, "The report exists already", name, "--overwrite")
