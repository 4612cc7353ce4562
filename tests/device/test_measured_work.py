"""Samples of flatbuffers, measured here, and of rows."""

import shutil
from pathlib import Path

import pytest
from made_up_sessions import sessions_of
from report_samples import emulated_row, make_row
from tiny_flatbuffers import float_flatbuffer

from edgehybrid.device import measured_work
from edgehybrid.device.calibrate import Sample
from edgehybrid.device.measured_work import calibrate_device, sample_of_row
from edgehybrid.device.work import Work, work_of_flatbuffer
from edgehybrid.errors import UsageError
from edgehybrid.flatbuffer import parse_flatbuffer, read_flatbuffer
from edgehybrid.runs.run_folder import RunFolder


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[Sample]:
    """What ``calibrate_device`` measured, for which nothing is fitted."""
    found: list[Sample] = []
    monkeypatch.setattr(measured_work, "calibrate", lambda of, *_: found.extend(of))
    monkeypatch.setattr(measured_work, "refuse_what_cannot_be_enough", lambda _: None)
    return found


def test_the_parts_of_a_packed_flatbuffer_have_all_of_its_work(
    converted_run: RunFolder, measured: list[Sample], tmp_path: Path
) -> None:
    model = tmp_path / "model.tflite"
    shutil.copy(converted_run.path / "model.packed.x86_64.tflite", model)
    calibrate_device([model], "local", 1, 1, 5)
    (sample,) = measured
    assert sample.work == work_of_flatbuffer(read_flatbuffer(model))
    together = Work()
    for part in sample.parts:
        together = together.and_also(part.work)
        assert part.time_ms > 0
    assert together == sample.work
    assert sample.runtime.startswith("edgehybrid")


def test_a_sample_has_the_median_of_all_sessions(
    measured: list[Sample], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "model.tflite").write_bytes(float_flatbuffer())
    sessions_of(monkeypatch, (1.0, 2.0, 3.0), (3.0, 4.0, 11.0))
    told: list[Sample] = []
    calibrate_device([tmp_path / "model.tflite"], "local", 2, 2, 3, told.append)
    assert told == measured
    assert (measured[0].latency_ms, measured[0].threads, measured[0].parts) == (3.0, 2, ())


def test_a_row_is_a_sample_with_its_flatbuffer() -> None:
    flatbuffer = parse_flatbuffer(float_flatbuffer(), "model")
    row = make_row(model_sha256=flatbuffer.sha256, format="float32", latency_ms_median=2.5)
    sample = sample_of_row(row, flatbuffer)
    assert (sample.network, sample.latency_ms, sample.threads) == ("digits (float32)", 2.5, 1)
    assert sample.work == work_of_flatbuffer(flatbuffer)
    with pytest.raises(UsageError, match="about another flatbuffer"):
        sample_of_row(make_row(), flatbuffer)
    with pytest.raises(UsageError, match="emulated board is no latency"):
        sample_of_row(emulated_row(model_sha256=flatbuffer.sha256), flatbuffer)
