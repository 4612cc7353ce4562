"""The installed commands from a board's address to its row, over SSH; and what users get wrong."""

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from loopback_ssh import Server
from processes import call, refuse

from edgehybrid.runs.run_folder import RunFolder

BOARD = "ssh://pi@raspberrypi.local"


@pytest.fixture(autouse=True)
def _own_settings(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path_factory.mktemp("settings")))


def test_names_are_added_listed_and_forgotten(tmp_path: Path) -> None:
    added = call(["devices", "add", "pi4", BOARD, "--json"], tmp_path)
    assert json.loads(added.stdout) == {"name": "pi4", "address": BOARD, "emulated": False}
    listed = json.loads(call(["devices", "list", "--json"], tmp_path).stdout)
    assert listed == {"results": [{"name": "pi4", "address": BOARD, "emulated": False}]}
    refuse(["devices", "add", "pi4", BOARD], tmp_path, 1, "name is taken", "--overwrite")
    assert call(["devices", "remove", "pi4", "--keep-files"], tmp_path).returncode == 0
    assert "No boards yet" in call(["devices", "list"], tmp_path).stdout


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["devices", "add", "local", BOARD], ["no name for a device", "this machine"]),
        (["devices", "add", "pi4", "pi@board"], ["no address of a board", "ssh://[user@]host[:port]"]),
        (["devices", "add", "--", "pi4", "ssh://-oProxyCommand=id"], ["no address of a board"]),
        (["devices", "check", "pi4"], ["no such device", "edgehybrid devices add"]),
        (["devices", "setup", "local"], ["needs no setup"]),
        (["devices", "remove", "local"], ["no device that can be removed"]),
        (["benchmark", "--device", "pi4"], ["no such device", "received: pi4"]),
        (["benchmark", "--device", "ssh://a b"], ["no address of a board"]),
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


def test_several_models_on_a_device_are_measured_one_after_the_other(converted_run: RunFolder, tmp_path: Path) -> None:
    if shutil.which("ssh") is None:
        pytest.skip("needs OpenSSH's client: apt install openssh-client")
    models = [str(converted_run.path / f"model.{each}.x86_64.tflite") for each in ("packed", "float32")]
    command = ["benchmark", *models, "--device", "ssh://nobody@127.0.0.1:9", "--json"]
    done = call(command, tmp_path, EDGEHYBRID_SSH="ssh -F none")
    assert done.returncode == 1
    found = json.loads(done.stdout)
    assert (found["results"], len(found["errors"])) == ([], 1)
    assert "no SSH server" in found["errors"][0]["what"]


# Slow, and it needs PyPI: wheels for the board are downloaded.
@pytest.mark.slow
def test_from_an_address_to_a_row(server: Server, converted_run: RunFolder, tmp_path: Path) -> None:
    ssh = {"EDGEHYBRID_SSH": server.client}

    def printed(*arguments: str, status: int = 0) -> Any:
        done = call([*arguments, "--json"], tmp_path, **ssh)
        assert done.returncode == status, done.stderr
        return json.loads(done.stdout)

    model = str(converted_run.path / "model.packed.x86_64.tflite")
    options = ["--sessions", "2", "--timed-runs", "20", "--no-twins"]
    printed("devices", "add", "loop", server.address)
    not_yet = ["benchmark", model, "--device", "loop"]
    refuse(not_yet, tmp_path, 1, "not installed", "edgehybrid devices setup", **ssh)
    # No twin was converted for nothing.
    assert not [*converted_run.path.glob("model.twin_*")]
    assert [printed("devices", "setup", "loop")["changed"] for _ in range(2)] == [True, False]
    there = printed("benchmark", model, "--device", "loop", *options)
    here = printed("benchmark", model, *options)
    assert there.keys() == here.keys()
    differing = {key for key in here if there[key] != here[key] and not key.endswith("_ms") and "latency" not in key}
    assert "device" in differing
    assert differing <= {
        *("device", "board", "measured_at_utc", "verdict", "verdict_reasons", "peak_memory_bytes"),
        *("session_spread_percent", "run_spread_percent", "timed_blocks"),
    }
    gone = "ssh://nobody@127.0.0.1:9"
    found = printed("benchmark", model, "--device", "loop", "--device", gone, *options, status=1)
    assert [row["device"] for row in found["results"]] == ["loop"]
    assert [error["device"] for error in found["errors"]] == [gone]
    assert [row["device"] for row in printed("results")["results"]] == ["loop", "local", "loop"]
    printed("devices", "remove", "loop")
    assert [*(server.folder / "cache" / "edgehybrid").iterdir()] == []
