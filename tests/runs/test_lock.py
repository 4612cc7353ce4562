"""One owner a run folder, and what happens when it dies."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from edgehybrid.errors import RunError
from edgehybrid.recipe import load_recipe
from edgehybrid.runs.lock import owned
from edgehybrid.runs.run_folder import RunFolder, create_run

OWNER = """
import sys
from pathlib import Path
from edgehybrid.runs.lock import owned
from edgehybrid.runs.run_folder import open_run
with owned(open_run(Path(sys.argv[1]))):
    print("owned", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return create_run(tmp_path, load_recipe("digits"))


@contextmanager
def another_owner(run: RunFolder) -> Iterator[subprocess.Popen[str]]:
    """Another process that owns the run until its standard input ends."""
    with subprocess.Popen(
        [sys.executable, "-c", OWNER, str(run.path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "owned\n"
        yield process


def test_a_second_process_is_refused_and_told_the_owner(run: RunFolder) -> None:
    with another_owner(run) as process:
        with pytest.raises(RunError, match="Another process trains this run") as caught, owned(run):
            pass
        assert f'"pid": {process.pid}' in (caught.value.received or "")


def test_a_refused_process_leaves_the_owners_name(run: RunFolder) -> None:
    with another_owner(run) as process:
        with pytest.raises(RunError), owned(run):
            pass
        assert json.loads((run.path / "lock").read_text())["pid"] == process.pid


def test_a_killed_owner_blocks_nobody(run: RunFolder) -> None:
    with another_owner(run) as process:
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
    with owned(run):
        assert json.loads((run.path / "lock").read_text())["pid"] == os.getpid()


def test_the_file_names_process_machine_and_time(run: RunFolder) -> None:
    with owned(run):
        assert set(json.loads((run.path / "lock").read_text())) == {"pid", "host", "since_utc"}


def test_the_end_of_the_owner_is_the_end_of_its_lock(run: RunFolder) -> None:
    for _ in range(2):
        with owned(run):
            pass
    assert (run.path / "lock").read_text() == ""


def test_a_failure_of_the_owner_is_the_end_of_its_lock(run: RunFolder) -> None:
    with pytest.raises(KeyError), owned(run):
        raise KeyError
    assert (run.path / "lock").read_text() == ""
    with owned(run):
        pass


def test_other_runs_are_not_locked(run: RunFolder) -> None:
    with owned(run), owned(create_run(run.path.parent, run.recipe)):
        pass


def test_says_that_a_folder_cannot_be_written(run: RunFolder) -> None:
    (run.path / "lock").mkdir()
    with pytest.raises(RunError, match="cannot be locked"), owned(run):
        pass


def test_says_that_the_disk_is_full(run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    # /dev/full takes a lock, and refuses every byte.
    (run.path / "lock").symlink_to("/dev/full")
    monkeypatch.setattr("os.getpid", lambda: 1)
    with pytest.raises(RunError, match="cannot be locked"), owned(run):
        pass
