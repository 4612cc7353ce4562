"""What goes wrong on a board in the middle of a measurement: one message, rows kept, nothing left running there."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from emulated.board import EmulatedBoard
from target import Target

# So many runs take minutes in an emulator: the measurement is on while the test breaks it.
LONG = ("--sessions", 1, "--timed-runs", 100_000, "--no-twins")
SHORT = ("--sessions", 1, "--timed-runs", 5, "--no-twins")
# Of its command line, and of no other command's.
RUNNER = "venv/bin/python"


def measuring(ready: Target, board: EmulatedBoard, model: Path) -> "subprocess.Popen[str]":
    """A command whose runner is at work on the board."""
    process = ready.start("benchmark", model, "--device", ready.address, *LONG)
    until(lambda: board.processes(RUNNER) != [] or process.poll() is not None)
    assert process.poll() is None, process.communicate()[1]
    return process


def until(happened: Callable[[], bool], seconds: float = 120.0) -> None:
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end, f"nothing happened for {seconds:.0f} s"
        time.sleep(0.1)


def rows(ready: Target) -> int:
    store = ready.folder / "runs" / "results.sqlite"
    return len(ready.printed("results", "--results", store)["results"]) if store.exists() else 0


def message(process: "subprocess.Popen[str]") -> str:
    said, errors = process.communicate(timeout=120)
    assert process.returncode == 1, errors
    assert said == ""
    assert "Traceback" not in errors
    assert errors.count("Error: ") == 1, errors
    return errors


def test_a_killed_runner(ready: Target, breakable: EmulatedBoard, model: Path) -> None:
    before = rows(ready)
    process = measuring(ready, breakable, model)
    for pid in breakable.processes(RUNNER):
        os.kill(pid, signal.SIGKILL)
    assert "The runner was killed." in message(process)
    assert breakable.processes(RUNNER) == []
    assert rows(ready) == before


def test_a_command_that_is_killed_leaves_nothing_running(ready: Target, breakable: EmulatedBoard, model: Path) -> None:
    process = measuring(ready, breakable, model)
    process.kill()
    process.communicate()
    until(lambda: breakable.processes(RUNNER) == [])


def test_two_measurements_at_once(ready: Target, breakable: EmulatedBoard, model: Path) -> None:
    process = measuring(ready, breakable, model)
    lock = breakable.home / ".cache" / "edgehybrid" / "lock"
    until(lambda: lock.exists() and "process" in lock.read_text())
    said = ready.refused("benchmark", model, "--device", ready.address, *SHORT)
    assert "Another measurement is running there." in said
    assert f"process {process.pid} of user" in said
    process.kill()
    process.communicate()
    until(lambda: breakable.processes(RUNNER) == [])
    ready.call("benchmark", model, "--device", ready.address, *SHORT)


def test_a_board_that_restarts(ready: Target, breakable: EmulatedBoard, model: Path) -> None:
    before = rows(ready)
    process = measuring(ready, breakable, model)
    breakable.switch_off()
    said = message(process)
    breakable.restart()
    assert "connection to the board was lost" in said
    assert rows(ready) == before
    ready.call("benchmark", model, "--device", ready.address, *SHORT)
    assert rows(ready) == before + 1


def test_a_board_that_is_switched_off(ready: Target, breakable: EmulatedBoard, model: Path) -> None:
    breakable.switch_off()
    try:
        assert "no SSH server running" in ready.refused("benchmark", model, "--device", ready.address, *SHORT)
    finally:
        breakable.start()


def test_a_key_that_the_board_does_not_know(ready: Target, breakable: EmulatedBoard) -> None:
    keys = breakable.home / ".ssh" / "authorized_keys"
    known = keys.read_text()
    keys.write_text("")
    try:
        said = ready.refused("devices", "check", ready.address)
    finally:
        keys.write_text(known)
    assert "refuses the key" in said
    assert "ssh-copy-id" in said


def test_a_host_key_that_has_changed(ready: Target, breakable: EmulatedBoard) -> None:
    key = breakable.root / "etc" / "ssh" / "board_key"
    kept = key.read_bytes()
    key.unlink()
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    breakable.restart()
    try:
        said = ready.refused("devices", "check", ready.address)
    finally:
        key.write_bytes(kept)
        breakable.restart()
    assert "host key is not the one that is known" in said
    assert "ssh-keygen -R" in said


def test_a_damaged_library_is_refused_and_sent_again(ready: Target, breakable: EmulatedBoard, model: Path) -> None:
    library = breakable.home / ".cache" / "edgehybrid" / "runner" / "libedgehybrid_aarch64.so"
    library.write_bytes(library.read_bytes()[:-1])
    said = ready.refused("benchmark", model, "--device", ready.address, *SHORT)
    assert "runner on the board is damaged" in said
    assert ready.printed("devices", "setup", ready.address)["changed"] is True
    ready.call("benchmark", model, "--device", ready.address, *SHORT)


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[None]:
    """An empty file system of a size in the place of a folder, which comes back as it was."""
    command = ["mount", "-t", "tmpfs", "-o", f"size={size},mode=777", "tmpfs", folder]
    mounted = subprocess.run(command, capture_output=True, text=True, check=False)
    if mounted.returncode:
        pytest.skip(f"no file system can be mounted here: {mounted.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", folder], check=True)


def test_too_small_a_disk_is_sent_nothing(ready: Target, breakable: EmulatedBoard) -> None:
    cache = breakable.home / ".cache"
    with small_disk(cache, "100m"):
        said = ready.refused("devices", "setup", ready.address)
        assert "The board lacks 200 MiB of disk" in said
        assert [*cache.iterdir()] == []


def test_a_disk_that_fills_up(ready: Target, breakable: EmulatedBoard, model: Path) -> None:
    models = breakable.home / ".cache" / "edgehybrid" / "models"
    models.mkdir(exist_ok=True)
    with small_disk(models, "8k"):
        said = ready.refused("benchmark", model, "--device", ready.address, *SHORT)
        assert "the disk is full" in said
        # Nothing is left in halves.
        assert [*models.iterdir()] == []
    ready.call("benchmark", model, "--device", ready.address, *SHORT)


def test_removing_takes_everything_away(ready: Target, breakable: EmulatedBoard, model: Path) -> None:
    ready.call("devices", "add", "emu", ready.address)
    ready.call("devices", "remove", "emu")
    assert [*(breakable.home / ".cache" / "edgehybrid").iterdir()] == []
    said = ready.refused("benchmark", model, "--device", ready.address, *SHORT)
    assert "not installed on the board" in said
    ready.call("devices", "setup", ready.address)
