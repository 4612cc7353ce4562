"""Which wheels pip is asked for."""

import subprocess
from pathlib import Path
from typing import Any

import pytest
from fake_boards import pi_board

from edgehybrid.device import wheels
from edgehybrid.device.wheels import wheels_for
from edgehybrid.errors import EdgehybridError

PI = pi_board()


def asked(monkeypatch: pytest.MonkeyPatch, status: int = 0, stderr: str = "") -> list[list[str]]:
    """The commands that would have run; each puts one wheel where it was told."""
    commands: list[list[str]] = []

    def run(command: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        commands.append(command)
        (Path(command[command.index("--dest") + 1]) / "one.whl").touch()
        return subprocess.CompletedProcess(command, status, "", stderr)

    monkeypatch.setattr(wheels.subprocess, "run", run)
    return commands


def test_every_tag_up_to_the_boards_glibc_is_named_and_the_version_is_this_machines(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    commands = asked(monkeypatch)
    (found,) = wheels_for(PI, tmp_path)
    assert found.name == "one.whl"
    words = commands[0]
    tags = [words[place + 1] for place, word in enumerate(words) if word == "--platform"]
    assert tags == [*(f"manylinux_2_{minor}_aarch64" for minor in range(17, 37)), "manylinux2014_aarch64"]
    assert words[words.index("--python-version") + 1] == "3.11"
    assert f"ai-edge-litert=={wheels.version('ai-edge-litert')}" in words


def test_they_are_downloaded_once_for_each_kind_of_board(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    commands = asked(monkeypatch)
    for board in (PI, PI, pi_board(python="3.13.1")):
        wheels_for(board, tmp_path)
    assert len(commands) == 2


def test_what_pip_cannot_find_is_one_error_and_tried_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    commands = asked(monkeypatch, 1, "WARNING: x\nERROR: No matching distribution found for numpy\n")
    for _ in range(2):
        with pytest.raises(EdgehybridError, match="no wheels for the board") as error:
            wheels_for(PI, tmp_path)
        assert "No matching distribution" in str(error.value.received)
    assert len(commands) == 2
