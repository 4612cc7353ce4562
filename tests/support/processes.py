"""The installed command, the workers of a cluster, and code, each in a process of its own."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

COMMAND = Path(sys.executable).parent / "edgehybrid"
# Far more than any command of a test takes, also on a busy machine: what hangs fails its test.
TIMEOUT_S = 600.0

_started: list[subprocess.Popen[str]] = []


def clean_environment() -> dict[str, str]:
    # TF_CPP: set by importing TensorFlow in this process.
    return {key: value for key, value in os.environ.items() if not key.startswith(("EDGEHYBRID_", "TF_CPP_"))}


def call(arguments: Sequence[str], cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(COMMAND), *arguments],
        cwd=cwd,
        env=clean_environment() | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=TIMEOUT_S,
    )


def python(code: str, cwd: Path | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    """``code`` in a new Python, to its end."""
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=cwd,
        env=clean_environment() | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=TIMEOUT_S,
    )


def start(command: Sequence[str], cwd: Path | None = None, **environment: str) -> subprocess.Popen[str]:
    """A process that ends with its test at the latest."""
    process = subprocess.Popen(
        command,
        cwd=cwd,
        env=clean_environment() | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    _started.append(process)
    return process


def start_workers(*commands: Sequence[str], folders: Sequence[Path | None] = ()) -> list[subprocess.Popen[str]]:
    """One process for each command, in its folder if given, as the workers of one cluster on loopback."""
    addresses = [f"127.0.0.1:{port}" for port in free_ports(len(commands))]
    clusters = [
        {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}} for index in range(len(commands))
    ]
    return [
        start(command, folder, TF_CONFIG=json.dumps(cluster))
        for command, folder, cluster in zip(commands, folders or [None] * len(commands), clusters, strict=True)
    ]


def finish(process: subprocess.Popen[str]) -> tuple[str, str]:
    """stdout and stderr of a process, when it has ended."""
    return process.communicate(timeout=TIMEOUT_S)


def wait_until(happened: Callable[[], bool], *processes: subprocess.Popen[str], poll_s: float = 0.1) -> None:
    """Returns when ``happened``; fails when one of the processes ends before."""
    end = time.monotonic() + TIMEOUT_S
    while not happened():
        for process in processes:
            assert process.poll() is None, finish(process)[1]
        assert time.monotonic() < end, f"nothing happened for {TIMEOUT_S:.0f} s"
        time.sleep(poll_s)


def kill_left_overs() -> None:
    """Ends the processes of a test that has not waited for them, because it failed."""
    while _started:
        process = _started.pop()
        process.kill()
        finish(process)


def free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


def files_below(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def refuse(arguments: Sequence[str], cwd: Path, exit_status: int, *parts: str, **environment: str) -> None:
    """The command fails with one message that holds ``parts``, prints nothing else and leaves nothing behind."""
    before = files_below(cwd)
    done = call(arguments, cwd, **environment)
    assert done.returncode == exit_status, done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    assert done.stderr.count("Error: ") == 1
    for part in parts:
        assert part in done.stderr
    assert files_below(cwd) == before


def modules_after(code: str, cwd: Path | None = None) -> set[str]:
    """The names of all modules that a new Python has loaded after ``code``."""
    done = python(f"{code}\nimport json, sys\nprint(json.dumps(sorted(sys.modules)))", cwd)
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout.splitlines()[-1]))


def modules_after_command(arguments: Sequence[str], cwd: Path) -> set[str]:
    """The names of all modules that the command has loaded when it ends, in success."""
    return modules_after(
        "from click.testing import CliRunner\nfrom edgehybrid.cli import main\n"
        f"result = CliRunner().invoke(main, {list(arguments)!r})\n"
        "assert result.exit_code == 0, result.output",
        cwd,
    )
