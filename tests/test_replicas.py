"""Several copies of a model: on two devices of one process, and in two processes on loopback."""

import signal
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from processes import COMMAND, start_workers

from edgehybrid.errors import UsageError
from edgehybrid.training.checkpoint import has_checkpoint, read_record
from edgehybrid.training.replicas import Replicas
from edgehybrid.training.run_folder import RunFolder, open_run

SCRIPT = str(Path(__file__).parent / "replica_steps.py")
SMALL = ("network.width=0.25", "data.image_side=8", "training.batch_size=64")
# In full precision, and with small plain steps (Adam divides by small numbers), rounding grows little.
FLOAT = (
    *SMALL, "network.placement.full_precision=[all]", "training.optimizer.kind=sgd",
    "training.optimizer.learning_rate=1e-4", "training.weight_decay=0.5",
)  # fmt: skip
STEPS = 8

slow = pytest.mark.slow


def steps_of(folder: Path, strategy: str, overrides: tuple[str, ...], workers: int = 1) -> list[Any]:
    """Losses and weights of each process."""
    outs = [folder / f"{strategy}{index}.npz" for index in range(workers)]
    for process in start_workers(*([sys.executable, SCRIPT, str(o), strategy, str(STEPS), *overrides] for o in outs)):
        _, stderr = process.communicate()
        assert process.returncode == 0, stderr[-3000:]
    return [dict(np.load(out)) for out in outs]


def weights_of(result: Any) -> dict[str, Any]:
    return {name: value for name, value in result.items() if name not in ("copies", "losses")}


@slow
def test_copies_of_a_float_net_train_as_one_with_the_whole_batch(tmp_path: Path) -> None:
    (alone,) = steps_of(tmp_path, "one", FLOAT)
    (mirrored,) = steps_of(tmp_path, "mirrored", FLOAT)
    workers = steps_of(tmp_path, "workers", FLOAT, workers=2)
    for other in (mirrored, *workers):
        assert other["copies"] == 2
        np.testing.assert_allclose(other["losses"], alone["losses"], atol=1e-5)
        for name, value in weights_of(alone).items():
            # Sums over a batch in another order: 8 steps of float32 sums over 64 images and their pixels.
            np.testing.assert_allclose(other[name], value, atol=1e-5, rtol=1e-5, err_msg=name)


@slow
def test_workers_of_a_binary_net_have_the_same_bits(tmp_path: Path) -> None:
    (alone,) = steps_of(tmp_path, "one", SMALL)
    first, second = steps_of(tmp_path, "workers", SMALL, workers=2)
    # Later losses drift from those of one process: a sign turns the last bit of a sum into a whole step.
    assert first["losses"][0] == pytest.approx(alone["losses"][0], abs=1e-5)
    for name, value in weights_of(first).items():
        np.testing.assert_array_equal(second[name], value, err_msg=name)


def train(folder: Path, *arguments: str) -> list[str]:
    return [str(COMMAND), "train", *arguments, "--strategy", "workers", "--runs", str(folder)]


def recipe(*overrides: str) -> list[str]:
    return ["digits", *(word for setting in (*SMALL, *overrides) for word in ("--set", setting))]


def only_run(folder: Path) -> RunFolder:
    (path,) = folder.glob("*/recipe.yaml")
    return open_run(path.parent)


@slow
def test_a_run_goes_on_after_the_loss_of_a_worker(tmp_path: Path) -> None:
    command = train(tmp_path, *recipe("training.epochs=200", "training.checkpoint_minutes=0"))
    chief, other = start_workers(command, command)
    while not list(tmp_path.glob("*/checkpoint/latest.json")):
        assert chief.poll() is None, chief.communicate()[1]
        time.sleep(0.1)
    other.send_signal(signal.SIGKILL)
    other.communicate()
    stderr = chief.communicate()[1]
    assert chief.returncode == 1
    assert "Another worker is gone" in stderr
    assert "--resume" in stderr
    assert "Traceback" not in stderr
    run = only_run(tmp_path)
    before = read_record(run)
    assert has_checkpoint(run)
    again = train(tmp_path, "--resume", str(run.path))
    resumed = start_workers(again, again)
    while read_record(run) == before:
        assert resumed[0].poll() is None, resumed[0].communicate()[1]
        time.sleep(0.1)
    after = read_record(run)
    assert (after.epoch, after.step) > (before.epoch, before.step)
    # A signal to one worker stops both, after one more checkpoint.
    resumed[1].send_signal(signal.SIGTERM)
    for process in resumed:
        assert "was interrupted; its checkpoint is that of" in process.communicate()[1]
        assert process.returncode == 1


@slow
def test_workers_with_different_recipes_are_refused(tmp_path: Path) -> None:
    processes = start_workers(
        train(tmp_path, *recipe("training.epochs=1")), train(tmp_path, *recipe("training.epochs=2"))
    )
    for process in processes:
        stderr = process.communicate()[1]
        assert process.returncode == 2, stderr
        assert "The workers have different recipes." in stderr
    assert not list(tmp_path.glob("*/recipe.yaml"))


@pytest.mark.parametrize(
    "text",
    [
        "", "{", "[]", '{"cluster": {"worker": []}, "task": {"type": "worker", "index": 0}}',
        '{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": 1}}',
        '{"cluster": {"worker": ["a:1"]}, "task": {"type": "ps", "index": 0}}',
        '{"cluster": {"worker": ["a"]}, "task": {"type": "worker", "index": 0}}',
        '{"cluster": {"worker": ["a:b"]}, "task": {"type": "worker", "index": 0}}',
        '{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": "0"}}',
    ],
)  # fmt: skip
def test_refuses_a_cluster_without_a_place_for_this_worker(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TF_CONFIG", text)
    with pytest.raises(UsageError, match="TF_CONFIG does not say which worker") as caught:
        Replicas("workers")
    assert caught.value.received == (text or "nothing")


def test_one_copy_has_the_whole_batch() -> None:
    replicas = Replicas("one")
    assert (replicas.count, replicas.shards, replicas.is_chief) == (1, [(0, 1)], True)
    assert replicas.from_chief("text") == "text"
