"""A training that is killed and resumed, again and again, ends with the weights of one that was not: bit for bit."""

import random
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import processes
import pytest

from edgehybrid.runs.checkpoint import has_checkpoint, read_record
from edgehybrid.runs.run_folder import RunFolder, open_run

EPOCHS, STEPS = 3, 15  # of 1437 images in batches of 100
RECIPE = (
    "digits",
    "--set",
    "network.width=0.25",
    "--set",
    "data.image_side=8",
    "--set",
    "training.batch_size=100",
    "--set",
    f"training.epochs={EPOCHS}",
    "--set",
    "training.deterministic=true",
    "--set",
    "training.checkpoint_minutes=0",
)
# 20 kills, of trainings that start 24 times.
TRAININGS, KILLS = 4, 5
BEFORE_FIRST_STEP_S = 4.0  # that TensorFlow makes the step's graph in, once there is a run folder
MAX_DELAY_S = 0.1  # to hit all that a step does: compute, write, log
SEED = 20


def start(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    return processes.start([str(processes.COMMAND), "train", *arguments, "--runs", str(folder)])


def wait_for_step(process: subprocess.Popen[str], folder: Path, count: int) -> RunFolder:
    """The run, when it exists and has a checkpoint after ``count`` steps or more; each step writes one."""
    processes.wait_until(lambda: any(folder.glob("*/recipe.yaml")), process, poll_s=0.005)
    (path,) = folder.glob("*/recipe.yaml")
    run = open_run(path.parent)
    processes.wait_until(lambda: steps_done(run) >= count, process, poll_s=0.005)
    return run


def steps_done(run: RunFolder) -> int:
    if not has_checkpoint(run):
        return 0
    record = read_record(run)
    return STEPS * record.epoch + record.step


def finish(process: subprocess.Popen[str]) -> None:
    _, stderr = processes.finish(process)
    assert process.returncode == 0, stderr


def arrays(run: RunFolder) -> dict[str, np.ndarray]:
    with np.load(run.path / "checkpoint" / read_record(run).file) as archive:
        return {name: archive[name] for name in archive.files}


def lines(run: RunFolder) -> list[dict[str, object]]:
    return [line.model_dump(exclude={"seconds", "images_per_second"}) for line in run.epochs()]


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    folder = tmp_path_factory.mktemp("uninterrupted")
    process = start(folder, *RECIPE)
    run = wait_for_step(process, folder, 0)
    finish(process)
    return run


@pytest.mark.slow
@pytest.mark.parametrize("case", range(TRAININGS))
def test_a_killed_and_resumed_training_ends_with_the_same_bits(
    case: int, uninterrupted: RunFolder, tmp_path: Path
) -> None:
    dice = random.Random(SEED + case)
    # By steps rather than by the clock: most of a short training's time goes before its first step.
    steps = sorted(dice.sample(range(1, EPOCHS * STEPS - 2 * KILLS), KILLS - 1))
    kills = [(0, dice.uniform(0, BEFORE_FIRST_STEP_S)), *((step, dice.uniform(0, MAX_DELAY_S)) for step in steps)]
    process, done = start(tmp_path, *RECIPE), -1
    for step, seconds in kills:
        run = wait_for_step(process, tmp_path, max(step, done + 1))
        time.sleep(seconds)
        process.send_signal(signal.SIGKILL)
        processes.finish(process)
        assert process.returncode == -signal.SIGKILL
        done = steps_done(run)
        process = start(tmp_path, "--resume", str(run.path))
    finish(process)
    expected, got = arrays(uninterrupted), arrays(run)
    assert list(got) == list(expected)
    for name, value in expected.items():
        np.testing.assert_array_equal(got[name], value, err_msg=f"{name}, killed (step, seconds): {kills}")
    assert lines(run) == lines(uninterrupted)
    assert not list(run.path.rglob(".*.tmp"))
