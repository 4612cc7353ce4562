"""One session: a runner here, and runners that misbehave."""

import json
import sys
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from fake_boards import FakeBoard
from processes import modules_after
from tiny_flatbuffers import float_flatbuffer

from edgehybrid.device import session
from edgehybrid.device.session import PlacedFlatbuffer, Request, measure
from edgehybrid.device.transport import Finished, LocalTransport, Running, TransportError
from edgehybrid.errors import EdgehybridError
from edgehybrid.flatbuffer import parse_flatbuffer
from edgehybrid.runs.run_folder import RunFolder
from edgehybrid.runtime import Interpreter, library

RUNNER = [sys.executable, "-P", "-m", "edgehybrid.device.runner"]


def request_of(folder: Path, *models: Path, runs: int = 7, agree: bool = False) -> Request:
    flatbuffer = parse_flatbuffer(models[0].read_bytes(), "model")
    shape = flatbuffer.tensors[flatbuffer.inputs[0]].shape[1:]
    np.save(folder / "images.npy", np.random.default_rng(0).standard_normal((3, *shape)).astype(np.float32))
    return Request(
        tuple(PlacedFlatbuffer(path.name, str(path), "packed" in path.name) for path in models),
        str(folder / "images.npy"),
        str(library()),
        threads=1,
        agree=agree,
        runs=runs,
        lock=str(folder / "cache" / "lock"),
        owner="me",
        warmup_runs=1,
    )


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "model.tflite"
    path.write_bytes(float_flatbuffer())
    return path


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


DONE = 'edgehybrid {"event": "done", "peak_memory_bytes": 5, "boot_id": "x"}'


def answers(*lines: str, end: str = "") -> FakeBoard:
    """A runner that reads its request, prints these lines and ends so."""
    said = "\n".join(lines)
    return FakeBoard(script=f"import sys, os, signal; sys.stdin.readline(); print({said!r}); sys.stdout.flush(); {end}")


def asked(tmp_path: Path, model: Path, board: FakeBoard) -> None:
    measure(board, ["runner"], request_of(tmp_path, model))


@pytest.mark.parametrize("noise", ["Welcome to the board!", "edgehybri", "{}", "\x1b[31mred\x1b[0m"])
def test_noise_on_stdout_is_no_event(tmp_path: Path, model: Path, noise: str) -> None:
    asked(tmp_path, model, answers(noise, DONE, noise))


@pytest.mark.parametrize(
    "event",
    [
        "edgehybrid {",
        "edgehybrid []",
        'edgehybrid {"event": "dance"}',
        'edgehybrid {"event": "samples", "model": "another", "samples_ms": []}',
        'edgehybrid {"event": "samples", "model": "model.tflite", "samples_ms": ["fast"]}',
        'edgehybrid {"event": "blocks", "model": "model.tflite", "unix_seconds": [[2, 1]]}',
        'edgehybrid {"event": "blocks", "model": "model.tflite", "unix_seconds": [[1, 1e300]]}',
        'edgehybrid {"event": "blocks", "model": "model.tflite", "unix_seconds": [1]}',
        'edgehybrid {"event": "logits", "model": "model.tflite", "data": "AAA=", "shape": [1, 9]}',
        'edgehybrid {"event": "done"}',
    ],
)
def test_garbage_behind_the_mark_is_one_error(tmp_path: Path, model: Path, event: str) -> None:
    with pytest.raises(EdgehybridError, match="answer cannot be read") as error:
        asked(tmp_path, model, answers(event))
    assert event in str(error.value.received)


@pytest.mark.parametrize(
    ("end", "what"),
    [
        ("os.kill(os.getpid(), signal.SIGKILL)", "was killed"),
        ("sys.exit(137)", "was killed"),
        ("sys.exit(255)", "was killed"),
        ("print('client_loop: broken', file=sys.stderr); sys.exit(255)", "connection to the board was lost"),
        ("sys.exit('out of luck')", "ended before it was done"),
        ("", "ended before it was done"),
    ],
)
def test_a_runner_that_ends_early_is_one_error(tmp_path: Path, model: Path, end: str, what: str) -> None:
    began = time.monotonic()
    with pytest.raises(EdgehybridError, match=what) as error:
        asked(tmp_path, model, answers("some last words", end=end or "pass"))
    assert time.monotonic() - began < 30
    # Only a lost machine ends what else was to be measured there.
    assert isinstance(error.value, TransportError) == ("connection" in what)


def test_a_connection_that_ends_without_a_word_is_lost_where_the_board_does_not_answer(
    tmp_path: Path, model: Path
) -> None:
    board = answers("some last words", end="sys.exit(255)")

    def nobody(*_: object) -> Finished:
        raise TransportError("There is nobody.")

    board.answer = nobody
    with pytest.raises(TransportError, match="connection to the board was lost"):
        asked(tmp_path, model, board)


def test_a_runner_that_hangs_is_ended_and_called_so(
    tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "SILENT_SECONDS", 0.5)
    with pytest.raises(EdgehybridError, match="The runner hung"):
        asked(tmp_path, model, answers("waiting", end="import time; time.sleep(60)"))


def test_a_machine_that_does_not_tell_its_memory_is_no_failure(tmp_path: Path, model: Path) -> None:
    done = DONE.replace("5", "null", 1)
    assert measure(answers(done), ["runner"], request_of(tmp_path, model)).peak_memory_bytes is None


def test_a_clock_that_was_set_is_noticed(tmp_path: Path, model: Path) -> None:
    jumped = 'edgehybrid {"event": "clock", "jumped_seconds": -3600.0}'
    found = measure(answers(jumped, DONE), ["runner"], request_of(tmp_path, model))
    assert found.clock_jump_seconds == -3600.0


def test_a_request_is_one_line_of_json(tmp_path: Path, model: Path) -> None:
    line = request_of(tmp_path, model).line()
    assert line.count(b"\n") == 1
    assert json.loads(line)["models"] == [{"name": "model.tflite", "path": str(model), "packed": False}]
