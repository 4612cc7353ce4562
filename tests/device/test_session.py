"""One session: what is asked of a runner, and runners that misbehave."""

import json
import time
from pathlib import Path

import pytest
from fake_boards import FakeBoard
from session_requests import request_of

from edgehybrid.device import session
from edgehybrid.device.session import measure
from edgehybrid.device.transport import Finished, TransportError
from edgehybrid.errors import EdgehybridError

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
