"""One measuring session: its samples, and what it prints."""

import json
import subprocess
import sys
from pathlib import Path

from tiny_models import float_model

from edgehybrid.device.session import Session, measure


def test_measures_as_many_inferences_as_asked(tmp_path: Path) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(float_model())
    found = measure(path, threads=1, warmup_runs=1, runs=7)
    assert len(found.samples_ms) == 7
    assert min(found.samples_ms) > 0
    assert found.peak_memory_bytes > 2**20


def test_a_session_prints_one_json_object(tmp_path: Path) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(float_model())
    done = subprocess.run(
        [sys.executable, "-m", "edgehybrid.device.session", str(path), "--runs", "3"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert len(Session.model_validate_json(done.stdout).samples_ms) == 3


def test_a_session_refuses_what_is_no_model(tmp_path: Path) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(b"nothing")
    done = subprocess.run(
        [sys.executable, "-m", "edgehybrid.device.session", str(path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert str(path) in json.loads(done.stdout)["error"]["received"]
    assert "Traceback" not in done.stderr
