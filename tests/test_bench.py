import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_models import float_model

from edgehybrid import results
from edgehybrid.cost import cost_of_network
from edgehybrid.device.bench import benchmark, judge
from edgehybrid.device.board import board_state
from edgehybrid.device.session import measure
from edgehybrid.errors import EdgehybridError, UsageError
from edgehybrid.networks import network_of
from edgehybrid.training.artefact import Artefact

QUIET: dict[str, Any] = {"load_1min": 0.1, "cores": 4, "governor": "performance"}
TESTED = {"verified_on": "test"}


def test_equal_sessions_on_a_quiet_machine_are_valid() -> None:
    assert judge(TESTED, QUIET, [1.0, 1.05]) == ("valid", [])


def test_a_machine_without_a_governor_may_be_valid() -> None:
    assert judge(TESTED, {**QUIET, "governor": None}, [1.0, 1.0])[0] == "valid"


@pytest.mark.parametrize(
    ("board", "medians_ms", "reason"),
    [
        ({}, [1.0], "one session only"),
        ({}, [1.0, 1.25], "differ by 25 %"),
        # A quarter of 4 cores is 1.
        ({"load_1min": 1.01}, [1.0, 1.0], "busy: load 1.01 on 4 cores"),
        ({"governor": "ondemand"}, [1.0, 1.0], "governor ondemand"),
    ],
)
def test_each_doubt_makes_a_row_suspect(board: dict[str, Any], medians_ms: list[float], reason: str) -> None:
    verdict, reasons = judge(TESTED, QUIET | board, medians_ms)
    assert verdict == "suspect"
    assert len(reasons) == 1
    assert reason in reasons[0]


def test_a_flatbuffer_compared_on_noise_only_is_unchecked() -> None:
    assert judge({"verified_on": "substitute"}, QUIET, [1.0, 1.0]) == (
        "unchecked", ["compared with Keras on substitute images"],
    )  # fmt: skip


def test_the_state_of_this_machine_can_be_kept_in_a_row() -> None:
    state = board_state()
    assert json.loads(json.dumps(state)) == state
    assert state["cores"] >= 1
    assert state["load_1min"] >= 0


def test_measures_as_many_inferences_as_asked(tmp_path: Path) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(float_model())
    found = measure(path, threads=1, warmup_runs=1, runs=7)
    assert len(found["samples_ms"]) == 7
    assert min(found["samples_ms"]) > 0
    assert found["peak_memory_bytes"] > 2**20


def test_a_session_prints_one_json_object(tmp_path: Path) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(float_model())
    done = subprocess.run(
        [sys.executable, "-m", "edgehybrid.device.session", str(path), "--runs", "3"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert len(json.loads(done.stdout)["samples_ms"]) == 3


def test_peak_memory_counts_a_process_and_not_the_one_that_started_it() -> None:
    held = np.ones(2**30, np.uint8)
    code = "from edgehybrid.device.board import peak_memory_bytes as peak; "
    code += "print(peak()); x = b'x' * 2**28; print(peak())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    before, after = map(int, done.stdout.split())
    assert before < held.nbytes / 2
    # Some of the 256 MiB may be pages that it had already.
    assert 0.9 * 2**28 < after - before < 1.1 * 2**28


def test_a_session_refuses_what_is_no_model(tmp_path: Path) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(b"nothing")
    done = subprocess.run(
        [sys.executable, "-m", "edgehybrid.device.session", str(path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert str(path) in json.loads(done.stdout)["error"]["received"]
    assert "Traceback" not in done.stderr


def test_a_row_can_be_logged_and_comes_back_unchanged(artefact: Artefact, tmp_path: Path) -> None:
    row = benchmark(artefact, "local", threads=1, sessions=2, runs=5)
    results.append(tmp_path / "results.sqlite", row)
    (read,) = results.read(tmp_path / "results.sqlite")
    assert {key: read[key] for key in row} == row


def test_a_row_holds_the_samples_of_all_sessions(artefact: Artefact, monkeypatch: pytest.MonkeyPatch) -> None:
    sessions = iter([[1.0, 2.0, 3.0], [3.0, 4.0, 11.0]])
    monkeypatch.setattr(
        "edgehybrid.device.bench._session",
        lambda *_: {"samples_ms": next(sessions), "runtime": "x", "isa": "y", "peak_memory_bytes": 10},
    )
    row = benchmark(artefact, "local", threads=1, sessions=2, runs=3)
    assert row["runs"] == 6
    assert row["latency_ms_median"] == 3.0
    assert row["latency_ms_min"] == 1.0
    # Mean 4, squared distances 9 + 4 + 1 + 1 + 0 + 49 = 64.
    assert row["latency_ms_std"] == pytest.approx(np.sqrt(64 / 6))
    assert row["energy_model_uj"] == cost_of_network(network_of(artefact.recipe)).energy_uj
    assert row["top1_percent"] is None
    assert "no accuracy: run 'edgehybrid evaluate' on this flatbuffer first" in row["verdict_reasons"]


def test_a_failed_session_says_why(artefact: Artefact) -> None:
    artefact.path.write_bytes(b"damaged since it was opened")
    with pytest.raises(EdgehybridError, match="A measuring session failed: The file is not a TFLite flatbuffer"):
        benchmark(artefact, "local", threads=1, sessions=1, runs=1)


def test_refuses_another_device_than_this_machine(artefact: Artefact) -> None:
    with pytest.raises(UsageError, match="not part of this version"):
        benchmark(artefact, "ssh://pi@board", threads=1, sessions=1, runs=1)
