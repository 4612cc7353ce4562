"""A training that is killed and resumed ends with the weights of one that was not: bit for bit."""

import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from edgehybrid.training.checkpoint import read_record
from edgehybrid.training.run_folder import RunFolder, open_run

COMMAND = str(Path(sys.executable).parent / "edgehybrid")
RECIPE = (
    "digits", "--set", "network.width=0.25", "--set", "data.image_side=8", "--set", "training.batch_size=100",
    "--set", "training.epochs=3", "--set", "training.deterministic=true", "--set", "training.checkpoint_minutes=0",
)  # fmt: skip
SEED = 20


class Uninterrupted(NamedTuple):
    run: RunFolder
    seconds: float


def start(folder: Path, *arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([COMMAND, "train", *arguments, "--runs", str(folder)], stderr=subprocess.PIPE)


def wait_for_run(folder: Path) -> RunFolder:
    while not (found := list(folder.glob("*/recipe.yaml"))):
        time.sleep(0.005)
    return open_run(found[0].parent)


def finish(process: subprocess.Popen[bytes]) -> None:
    _, stderr = process.communicate()
    assert process.returncode == 0, stderr.decode()


def arrays(run: RunFolder) -> dict[str, np.ndarray]:
    with np.load(run.path / "checkpoint" / read_record(run).file) as archive:
        return {name: archive[name] for name in archive.files}


def lines(run: RunFolder) -> list[dict[str, object]]:
    times = ("seconds", "images_per_second")
    return [{key: value for key, value in line.items() if key not in times} for line in run.epochs()]


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> Uninterrupted:
    folder = tmp_path_factory.mktemp("uninterrupted")
    process = start(folder, *RECIPE)
    run = wait_for_run(folder)
    began = time.monotonic()
    finish(process)
    return Uninterrupted(run, time.monotonic() - began)


@pytest.mark.slow
@pytest.mark.parametrize("case", range(20))
def test_a_killed_and_resumed_training_ends_with_the_same_bits(
    case: int, uninterrupted: Uninterrupted, tmp_path: Path
) -> None:
    moment = random.Random(SEED + case).uniform(0, uninterrupted.seconds)
    process = start(tmp_path, *RECIPE)
    run = wait_for_run(tmp_path)
    time.sleep(moment)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    if len(run.epochs()) < 3 or read_record(run).epoch < 3:
        finish(start(tmp_path, "--resume", str(run.path)))
    expected, got = arrays(uninterrupted.run), arrays(run)
    assert list(got) == list(expected)
    for name, value in expected.items():
        np.testing.assert_array_equal(got[name], value, err_msg=f"{name}, killed {moment:.3f} s after the start")
    assert lines(run) == lines(uninterrupted.run)
    assert not list(run.path.rglob(".*.tmp"))
