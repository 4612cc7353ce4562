"""The installed commands from a board's address to its row, over SSH."""

import json
from pathlib import Path
from typing import Any

import pytest
from loopback_ssh import Server
from processes import call, refuse

from edgehybrid.runs.run_folder import RunFolder


# Slow, and it needs PyPI: wheels for the board are downloaded.
@pytest.mark.slow
@pytest.mark.usefixtures("own_settings")
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
