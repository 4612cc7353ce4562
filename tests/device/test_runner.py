"""The runner as a process on this machine: what it measures and says, alone and until whoever asked is gone."""

import sys
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from processes import modules_after
from session_requests import request_of

from edgehybrid.device import runner
from edgehybrid.device.session import measure
from edgehybrid.device.transport import LocalTransport, Running
from edgehybrid.errors import EdgehybridError
from edgehybrid.runs.run_folder import RunFolder
from edgehybrid.runtime import Interpreter

RUNNER = [sys.executable, "-P", "-m", "edgehybrid.device.runner"]


def test_measures_as_many_inferences_as_asked(tmp_path: Path, model: Path) -> None:
    found = measure(LocalTransport(), RUNNER, request_of(tmp_path, model))
    measured = found.models["model.tflite"]
    assert len(measured.samples_ms) == 7
    assert min(measured.samples_ms) > 0
    assert measured.init_ms > 0
    assert measured.regions == ()
    assert (found.peak_memory_bytes or 0) > 2**20
    # Before the first block, and behind each of ten.
    assert len(found.states) == 11
    assert found.boot_id
    assert found.clock_jump_seconds is None


def test_blocks_hold_the_inferences_of_one_model_and_lie_in_this_time(tmp_path: Path, model: Path) -> None:
    other = tmp_path / "other.tflite"
    other.write_bytes(model.read_bytes())
    before = time.time()
    found = measure(LocalTransport(), RUNNER, request_of(tmp_path, model, other, runs=25)).models
    after = time.time()
    blocks = sorted(block for each in found.values() for block in each.blocks)
    assert [len(each.blocks) for each in found.values()] == [10, 10]
    moments = [before, *(moment for block in blocks for moment in block), after]
    # One model at a time. Unix time as float64 is a quarter of a microsecond coarse.
    assert all(earlier <= later + 1e-6 for earlier, later in pairwise(moments))
    for each in found.values():
        timed_ms = 1e3 * sum(end - begin for begin, end in each.blocks)
        # Beside the inferences there is a loop that reads the clock.
        assert sum(each.samples_ms) - 0.1 <= timed_ms <= 1.5 * sum(each.samples_ms) + 10


def test_a_session_warms_up_and_tells_what_others_took(tmp_path: Path, model: Path) -> None:
    before = time.time()
    found = measure(LocalTransport(), RUNNER, request_of(tmp_path, model)._replace(warmup_seconds=0.4))
    (first, _), *_ = found.models["model.tflite"].blocks
    assert first - before >= 0.4
    if Path("/proc/stat").exists():
        assert found.others_percent is not None
        assert 0 <= found.others_percent <= 100


class CountingModel:
    images = np.zeros((3, 1))

    def __init__(self) -> None:
        self.runs = 0

    def run(self, image: np.ndarray) -> None:
        assert len(image) == 1
        self.runs += 1


@pytest.mark.parametrize(("runs", "seconds"), [(3, 0.0), (0, 0.0), (0, 0.2), (5, 0.2)])
def test_warms_up_for_so_many_runs_and_so_long(runs: int, seconds: float) -> None:
    models = [CountingModel(), CountingModel()]
    began = time.monotonic()
    runner._warm_up(models, runs, seconds)  # type: ignore[arg-type]
    assert time.monotonic() - began >= seconds
    one, other = (model.runs for model in models)
    assert one == other >= runs
    if seconds == 0:
        assert one == runs


def test_a_block_without_a_run_is_none(tmp_path: Path, model: Path) -> None:
    assert len(measure(LocalTransport(), RUNNER, request_of(tmp_path, model)).models["model.tflite"].blocks) == 7


def test_models_run_in_turns_and_give_what_they_give_here(tmp_path: Path, converted_run: RunFolder) -> None:
    paths = [converted_run.path / f"model.{each}.x86_64.tflite" for each in ("packed", "float32")]
    request = request_of(tmp_path, *paths, agree=True)
    found = measure(LocalTransport(), RUNNER, request)
    images = np.load(request.images)
    for path in paths:
        measured = found.models[path.name]
        assert measured.logits is not None
        np.testing.assert_array_equal(measured.logits, Interpreter(path).predict(images))
        assert len(measured.samples_ms) == 7
    (region,) = found.models[paths[0].name].regions
    assert (region.threads, len(region.nodes)) == (1, region.graph_nodes)


def test_the_runner_loads_no_tensorflow() -> None:
    loaded = modules_after("import edgehybrid.device.runner, ai_edge_litert.interpreter")
    assert not {"tensorflow", "tf_keras", "larq", "larq_compute_engine", "sklearn", "pydantic"} & loaded


def read_until_loaded(running: Running) -> None:
    while (line := running.stdout.readline()) and b"loaded" not in line:
        pass
    assert line, running.errors()


def test_a_second_measurement_is_refused_with_the_owner_of_the_first(tmp_path: Path, model: Path) -> None:
    long = request_of(tmp_path, model, runs=200_000)
    transport = LocalTransport()
    with transport.start(RUNNER) as running:
        running.stdin.write(long._replace(owner="anna@desk, process 1").line())
        running.stdin.flush()
        read_until_loaded(running)
        with pytest.raises(EdgehybridError, match="Another measurement") as error:
            measure(transport, RUNNER, request_of(tmp_path, model))
        assert "anna@desk" in str(error.value.received)
    assert len(measure(transport, RUNNER, request_of(tmp_path, model)).models["model.tflite"].samples_ms) == 7


def test_the_runner_goes_when_whoever_asked_is_gone(tmp_path: Path, model: Path) -> None:
    with LocalTransport().start(RUNNER) as running:
        running.stdin.write(request_of(tmp_path, model, runs=10_000_000).line())
        running.stdin.flush()
        read_until_loaded(running)
        running.stdin.close()
        assert running.process.wait(30) == 3


def test_a_model_that_cannot_run_is_an_error_in_its_words(tmp_path: Path, model: Path) -> None:
    request = request_of(tmp_path, model)
    model.write_bytes(b"TFL3 nothing")
    with pytest.raises(EdgehybridError, match="cannot run the model") as error:
        measure(LocalTransport(), RUNNER, request)
    assert "ValueError" in str(error.value.received)
