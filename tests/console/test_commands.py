"""How every command fails, with and without --json, and how it prints."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from processes import COMMAND, call, clean_environment
from report_samples import make_row

from edgehybrid import results
from edgehybrid.console.commands import emit


def test_with_json_a_failure_is_one_document_on_stdout(tmp_path: Path) -> None:
    done = call(["cost", "nothing", "--json"], tmp_path)
    assert done.returncode == 2
    error = json.loads(done.stdout)["error"]
    assert set(error) == {"what", "received", "allowed", "next"}
    assert error["what"] == "There is no such recipe."
    assert error["received"] == "nothing"
    assert "There is no such recipe." in done.stderr


@pytest.mark.parametrize("arguments", [["cost"], ["cost", "digits", "--bogus"], ["unknown"], ["--bogus"]], ids=" ".join)
def test_with_json_wrong_usage_is_one_document_on_stdout(arguments: list[str], tmp_path: Path) -> None:
    done = call([*arguments, "--json"], tmp_path)
    assert done.returncode == 2
    assert json.loads(done.stdout)["error"]["what"]
    assert done.stderr.count("Error: ") == 1


def test_a_document_keeps_letters_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    emit({"unit": "µJ"}, True, "text")
    assert capsys.readouterr().out == '{\n  "unit": "µJ"\n}\n'


def test_without_json_the_text_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    emit({"unit": "µJ"}, False, "text")
    assert capsys.readouterr().out == "text\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["--version"],
        ["cost", "--help"],
        ["cost", "digits"],
        ["cost", "digits", "--json"],
        ["cost", "--json"],
    ],
    ids=" ".join,
)
@pytest.mark.parametrize("command", [[str(COMMAND)], [sys.executable, "-m", "edgehybrid"]], ids=["command", "module"])
def test_where_the_output_cannot_be_printed_it_says_so(
    command: list[str], arguments: list[str], tmp_path: Path
) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*command, *arguments],
            cwd=tmp_path,
            env=clean_environment(),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "Error: The output cannot be printed: No space left on device."
    assert "Traceback" not in done.stderr
    assert "Exception" not in done.stderr


def test_a_reader_that_ends_early_is_no_error(tmp_path: Path) -> None:
    done = subprocess.run(
        f"{COMMAND} cost digits | true", shell=True, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_the_module_is_the_command(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "edgehybrid", "--help"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout == call(["--help"], tmp_path).stdout
    assert done.stdout.startswith("Usage: edgehybrid ")


def test_a_path_that_is_no_text_is_printed_by_its_bytes(tmp_path: Path) -> None:
    results.append(tmp_path / "runs" / "results.sqlite", make_row())
    done = call(["report", "--out", os.fsdecode(b"\xff")], tmp_path)
    assert done.returncode == 0
    assert "not in the report, digits: This is not a run folder" in done.stderr
    assert done.stdout.splitlines()[-1] == "\\udcff/report.html"
    as_json = call(["report", "--out", os.fsdecode(b"\xff"), "--overwrite", "--json"], tmp_path)
    assert json.loads(as_json.stdout)["html"] == "\udcff/report.html"


def test_a_plot_may_have_a_name_that_is_no_text(tmp_path: Path) -> None:
    plot = os.fsdecode(b"\xff.svg")
    assert call(["cost", "digits", "--plot", plot], tmp_path).returncode == 0
    again = call(["cost", "digits", "--plot", plot], tmp_path)
    assert (again.returncode, "Traceback" in again.stderr) == (1, False)
    assert "The plot exists already" in again.stderr
