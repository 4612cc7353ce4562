"""The installed command ``devices``: names, what is there, and what users get wrong."""

import json
import os
import shutil
from pathlib import Path

import pytest
from processes import call, refuse

BOARD = "ssh://pi@raspberrypi.local"


def test_names_are_added_listed_and_forgotten(tmp_path: Path) -> None:
    added = call(["devices", "add", "pi4", BOARD, "--json"], tmp_path)
    assert json.loads(added.stdout) == {"name": "pi4", "address": BOARD, "emulated": False}
    listed = json.loads(call(["devices", "list", "--json"], tmp_path).stdout)
    assert listed == {"results": [{"name": "pi4", "address": BOARD, "emulated": False}]}
    refuse(["devices", "add", "pi4", BOARD], tmp_path, 1, "name is taken", "--overwrite")
    assert call(["devices", "remove", "pi4", "--keep-files"], tmp_path).returncode == 0
    assert "No boards yet" in call(["devices", "list"], tmp_path).stdout


def test_an_emulated_board_is_told_from_a_board(tmp_path: Path) -> None:
    call(["devices", "add", "vm", BOARD, "--emulated"], tmp_path)
    assert call(["devices", "list"], tmp_path).stdout.splitlines()[1].split() == ["vm", BOARD, "emulated"]
    assert call(["devices", "add", "vm", BOARD, "--overwrite"], tmp_path).returncode == 0
    assert "emulated" not in call(["devices", "list"], tmp_path).stdout


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["devices", "add", "local", BOARD], ["no name for a device", "this machine"]),
        (["devices", "add", "pi4", "pi@board"], ["no address of a board", "ssh://[user@]host[:port]"]),
        (["devices", "add", "--", "pi4", "ssh://-oProxyCommand=id"], ["no address of a board"]),
        (["devices", "check", "pi4"], ["no such device", "edgehybrid devices add"]),
        (["devices", "setup", "local"], ["needs no setup"]),
        (["devices", "remove", "local"], ["no device that can be removed"]),
    ],
    ids=" ".join,
)
def test_what_users_get_wrong(arguments: list[str], parts: list[str], tmp_path: Path) -> None:
    refuse(arguments, tmp_path, 2, *parts)


def test_this_machine_is_checked_as_a_board_is(tmp_path: Path) -> None:
    done = call(["devices", "check", "local", "--json"], tmp_path)
    found = json.loads(done.stdout)
    assert done.returncode == 0
    assert found["missing"] == []
    assert found["machine"] == os.uname().machine


def test_a_board_that_is_not_there_is_one_message(tmp_path: Path) -> None:
    if shutil.which("ssh") is None:
        pytest.skip("needs OpenSSH's client: apt install openssh-client")
    check = ["devices", "check", "ssh://nobody@127.0.0.1:9"]
    refuse(check, tmp_path, 1, "no SSH server running", "127.0.0.1", EDGEHYBRID_SSH="ssh -F none")
