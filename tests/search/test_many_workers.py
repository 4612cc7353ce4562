"""Four workers share a study in PostgreSQL, and two of them are killed: no trial is lost, none is counted twice."""

import json
import os
import signal
import subprocess
from pathlib import Path

import pytest
from postgres import server
from processes import COMMAND, call, finish, start, wait_until
from small_spaces import SPACE, write_space

TRIALS, EPOCHS = 5, 10


def lines_of(folder: Path) -> int:
    path = folder / "metrics.jsonl"
    return len(path.read_text().splitlines()) if path.exists() else 0


def kill_in_training(worker: subprocess.Popen[str], runs: Path) -> str:
    """Kills the worker when one of its runs has an epoch behind it and others before it; the run's name."""

    def its_runs() -> list[Path]:
        # The lock names who trains.
        return [lock.parent for lock in runs.glob("*/lock") if f'"pid": {worker.pid},' in lock.read_text()]

    found: list[Path] = []

    def is_amid() -> bool:
        found[:] = [run for run in its_runs() if 1 <= lines_of(run) < EPOCHS - 2]
        return bool(found)

    wait_until(is_amid, worker)
    os.kill(worker.pid, signal.SIGKILL)
    worker.wait()
    return found[0].name


@pytest.mark.postgres
def test_two_of_four_workers_are_killed(tmp_path: Path) -> None:
    space = write_space(tmp_path, SPACE.replace("epochs: 4", f"epochs: {EPOCHS}"))
    with server() as url:
        options = ["--storage", url, "--heartbeat", "1", "--runs", "runs", "--screen", "20", "--json"]
        command = ["search", str(space), "--trials", str(TRIALS), *options]
        workers = [start([str(COMMAND), *command], tmp_path) for _ in range(4)]
        killed = [kill_in_training(worker, tmp_path / "runs") for worker in workers[:2]]
        documents = []
        for worker in workers[2:]:
            out, err = finish(worker)
            assert worker.returncode == 0, err
            documents.append(json.loads(out))
        done = call(["search", str(space), "--trials", "0", *options, "--out", "out"], tmp_path)
        assert done.returncode == 0, done.stderr
    trials = json.loads((tmp_path / "out" / "study.json").read_text())["trials"]
    trained = [one for one in trials if one["state"] == "trained"]
    # Workers that begin their last trials at the same moment may begin one more each.
    assert TRIALS <= len(trained) <= TRIALS + 1
    assert {one["state"] for one in trials} <= {"trained", "left out", "waiting"}
    assert len({json.dumps(one["params"]) for one in trained}) == len(trained)
    # Each was trained in one folder: those of the killed were trained on, not anew.
    folders = {path.parent.name for path in (tmp_path / "runs").glob("*/recipe.yaml")}
    assert {one["run"] for one in trained} == folders
    assert len(folders) == len(trained)
    assert set(killed) <= folders
    assert all(lines_of(tmp_path / "runs" / run) == EPOCHS for run in folders)
    assert all(document["trained"] <= TRIALS + 1 for document in documents)
