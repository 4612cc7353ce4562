"""What every command shares: how it fails, with and without --json, and how it prints."""

import json
from pathlib import Path

import pytest
from processes import call

from edgehybrid.console import emit


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
