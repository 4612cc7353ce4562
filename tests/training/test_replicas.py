"""Several copies of a model: on two devices of one process, and in two processes on loopback."""

import json
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from processes import COMMAND, finish, free_ports, refuse, start_workers, wait_until

from edgehybrid.errors import DataError, EdgehybridError
from edgehybrid.model.compat import tf
from edgehybrid.recipe import load_recipe
from edgehybrid.runs.checkpoint import read_record
from edgehybrid.runs.run_folder import RunFolder, create_run, open_run
from edgehybrid.training.cluster import Cluster
from edgehybrid.training.meeting import LIMIT_VARIABLE
from edgehybrid.training.replicas import Replicas, lost_workers_explained

SCRIPT = str(Path(__file__).parents[1] / "support" / "replica_steps.py")
SMALL = ("network.width=0.25", "data.image_side=8", "training.batch_size=64")
# In full precision, and with small plain steps (Adam divides by small numbers), rounding grows little.
FLOAT = (
    *SMALL,
    "network.placement.full_precision=[all]",
    "training.optimizer.kind=sgd",
    "training.optimizer.learning_rate=1e-4",
    "training.weight_decay=0.5",
)
STEPS = 8

slow = pytest.mark.slow


def steps_of(folder: Path, strategy: str, overrides: tuple[str, ...], workers: int = 1) -> list[Any]:
    """Losses and weights of each process."""
    outs = [folder / f"{strategy}{index}.npz" for index in range(workers)]
    for process in start_workers(*([sys.executable, SCRIPT, str(o), strategy, str(STEPS), *overrides] for o in outs)):
        _, stderr = finish(process)
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


# Two steps an epoch, for a checkpoint of several copies takes seconds; and of equal size, for another size takes a
# graph of its own: 1437 images less one that two workers cannot share are 2·718.
REPEATABLE = recipe("training.batch_size=718", "training.epochs=2", "training.deterministic=true")


def arrays_of(run: RunFolder) -> dict[str, Any]:
    with np.load(run.path / "checkpoint" / read_record(run).file) as archive:
        return dict(archive)


def train_to_the_end(command: list[str]) -> None:
    for process in start_workers(command, command):
        stderr = finish(process)[1]
        assert process.returncode == 0, stderr


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    folder = tmp_path_factory.mktemp("uninterrupted")
    train_to_the_end(train(folder, *REPEATABLE))
    return only_run(folder)


@slow
@pytest.mark.parametrize("killed", [0, 1])
def test_a_run_ends_with_the_same_bits_after_the_loss_of_a_worker(
    killed: int, uninterrupted: RunFolder, tmp_path: Path
) -> None:
    command = train(tmp_path, *REPEATABLE, "--set", "training.checkpoint_minutes=0")
    workers = start_workers(command, command)
    wait_until(lambda: any(tmp_path.glob("*/checkpoint/latest.json")), *workers)
    workers[killed].kill()
    finish(workers[killed])
    stderr = finish(workers[1 - killed])[1]
    assert workers[1 - killed].returncode == 1, stderr
    run = only_run(tmp_path)
    is_told_of_the_loss(stderr, killed, f"'edgehybrid train --resume {run.path} --strategy workers'")
    # Inside the first epoch, or the next one if the kill came late.
    assert read_record(run).epoch < 2
    train_to_the_end(train(tmp_path, "--resume", str(run.path)))
    expected, got = arrays_of(uninterrupted), arrays_of(run)
    assert list(got) == list(expected)
    for name, value in expected.items():
        np.testing.assert_array_equal(got[name], value, err_msg=name)


@slow
def test_the_loss_of_the_chief_before_the_first_step_is_told_in_a_sentence(tmp_path: Path) -> None:
    command = train(tmp_path, *REPEATABLE)
    chief, other = start_workers(command, command)
    wait_until(lambda: any(tmp_path.glob("*/recipe.yaml")), chief, other)
    chief.kill()
    stderr = finish(other)[1]
    assert other.returncode == 1, stderr
    # The chief may have told the others the name of the folder, or not yet.
    is_told_of_the_loss(stderr, 0, "start all workers again with ")


def is_told_of_the_loss(stderr: str, lost: int, next_step: str) -> None:
    """Three lines, and TensorFlow's own words at the end of the second alone."""
    what, received, then = stderr[stderr.index("Error: ") :].splitlines()
    assert re.fullmatch(rf"Error: Worker {lost} \(127\.0\.0\.1:\d+\) is gone; training needs all workers\.", what)
    assert received.startswith(f"  received: worker {1 - lost} of 2 stopped; TensorFlow says: ")
    assert len(received) < 250
    assert next_step in then
    assert "Traceback" not in stderr


@pytest.mark.parametrize(
    "different",
    [
        "network.width=0.5",
        *(
            pytest.param(setting, marks=slow)
            for setting in (
                "network.thresholds=learned",
                "training.optimizer.kind=sgd",
                "training.batch_size=63",
                "training.epochs=2",
            )
        ),
    ],
)
def test_workers_with_different_recipes_are_refused(different: str, tmp_path: Path) -> None:
    workers = start_workers(train(tmp_path, *recipe()), train(tmp_path, *recipe(different)))
    all_refuse(workers, tmp_path, "The workers have different recipes.")


@slow
def test_workers_that_cannot_share_a_batch_are_refused(tmp_path: Path) -> None:
    workers = start_workers(*[train(tmp_path, *recipe("training.batch_size=63"))] * 2)
    all_refuse(workers, tmp_path, "The workers cannot share a batch equally.")


def all_refuse(workers: list[subprocess.Popen[str]], runs: Path, message: str) -> None:
    for worker in workers:
        stderr = finish(worker)[1]
        assert worker.returncode == 2, stderr
        assert stderr.count("Error: ") == 1
        assert f"Error: {message}" in stderr
        assert "Traceback" not in stderr
    assert not any(runs.iterdir())


@slow
@pytest.mark.parametrize("without", [0, 1])
def test_a_worker_without_its_images_ends_the_others(without: int, tmp_path: Path) -> None:
    runs, folders = tmp_path / "runs", [tmp_path / "0", tmp_path / "1"]
    for index, folder in enumerate(folders):
        (folder / "images").mkdir(parents=True)
        if index == without:
            continue
        for half in ("train", "test"):
            np.save(folder / "images" / f"{half}-images.npy", np.zeros((4, 32, 32, 3), np.uint8))
            np.save(folder / "images" / f"{half}-labels.npy", np.arange(4))
    command = train(runs, "xnor_res", "--set", "network.width=0.25", "--set", "data.path=images")
    workers = start_workers(command, command, folders=folders)
    errors = [finish(worker)[1] for worker in workers]
    for worker, stderr in zip(workers, errors, strict=True):
        assert worker.returncode == 1, stderr
        assert "Traceback" not in stderr
    assert "Error: The folder has no train images.\n  received: images\n" in errors[without]
    assert f"Error: Worker {without} failed: The folder has no train images." in errors[1 - without]
    assert not runs.exists()


@slow
def test_a_disk_that_is_full_for_the_chief_ends_all_workers_with_its_message(tmp_path: Path) -> None:
    command = train(tmp_path, *recipe())
    # A recipe, an environment and a line of metrics are smaller than 40 KiB; a checkpoint is larger.
    full = ["bash", "-c", 'ulimit -f 40 && exec "$@"', "bash", *command]
    workers = start_workers(full, command)
    errors = [finish(worker)[1] for worker in workers]
    for worker, stderr in zip(workers, errors, strict=True):
        assert worker.returncode == 1, stderr
        assert "The checkpoint cannot be written" in stderr
        assert "is gone" not in stderr
        assert "Traceback" not in stderr
    assert "Error: Worker 0 failed: The checkpoint cannot be written" in errors[1]


@slow
def test_weights_that_explode_in_an_epochs_last_step_end_all_workers_with_one_message(tmp_path: Path) -> None:
    # One step an epoch: the evaluation behind it, which the chief alone does, is the first to see the weights.
    settings = ("training.batch_size=1436", "training.optimizer.kind=sgd", "training.optimizer.learning_rate=1e38")
    command = train(tmp_path, *REPEATABLE, *(part for setting in settings for part in ("--set", setting)))
    workers = start_workers(command, command)
    errors = [finish(worker)[1] for worker in workers]
    for worker, stderr in zip(workers, errors, strict=True):
        assert worker.returncode == 1, stderr
        assert "is not finite any more: epoch 1, after its last step" in stderr
        assert "is gone" not in stderr
        assert "Traceback" not in stderr
    assert "Error: Worker 0 failed: " in errors[1]


@pytest.mark.parametrize("wrong", [0, 1])
def test_a_worker_that_fails_before_it_joins_ends_the_others(wrong: int, tmp_path: Path) -> None:
    commands = [train(tmp_path, "digitz" if index == wrong else "digits") for index in range(2)]
    workers = start_workers(*commands)
    errors = [finish(worker)[1] for worker in workers]
    assert [worker.returncode for worker in workers] == [2 if index == wrong else 1 for index in range(2)]
    assert errors[wrong].startswith("Error: There is no such recipe.")
    assert errors[1 - wrong].startswith(f"Error: Worker {wrong} (127.0.0.1:")
    assert "failed before training began: There is no such recipe." in errors[1 - wrong]
    assert not any(tmp_path.iterdir())


def test_a_worker_that_never_comes_is_named_after_the_time_limit(tmp_path: Path) -> None:
    addresses = [f"127.0.0.1:{port}" for port in free_ports(2)]
    cluster = {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": 1}}
    limits = {"TF_CONFIG": json.dumps(cluster), LIMIT_VARIABLE: "2"}
    refuse(train(tmp_path, "digits")[1:], tmp_path, 1, "Worker 0 could not be met within 2 seconds", **limits)


# TensorFlow's messages about lost workers: from inside the training step, and from making a variable.
IN_STEP = """\
Graph execution error:

Detected at node CollectiveReduceV2 defined at (most recent call last):
  File "/usr/bin/edgehybrid", line 8, in <module>

  File "/usr/lib/python3/dist-packages/click/core.py", line 1161, in __call__

Collective ops is aborted by: Connection reset by peer
Additional GRPC error information from remote target /job:worker/replica:0/task:0:
The error could be from a previous operation. Restart your program to reset.
\t [[{{node CollectiveReduceV2}}]] [Op:__inference__distributed_step_29096]"""
IN_VARIABLE = "{{function_node __wrapped__CollectiveBcastRecv}} Collective ops is aborted by: Connection reset by peer"
WITHOUT_COLLECTIVE = IN_STEP.replace("Collective ops is aborted by: ", "")


COORDINATION = (
    "Failed to send RPC to coordination service. Either the leader task was preempted/died/restarted unexpectedly or "
    "this task is experiencing network issues. Check earlier logs from 1) this task, 2) the leader."
)


@pytest.fixture
def one_of_two() -> Iterator[Replicas]:
    """Worker 0; at the address of worker 1 somebody listens."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        yield one_beside(other.getsockname()[1])


def one_beside(*ports: int) -> Replicas:
    replicas = Replicas("one")
    replicas.cluster = Cluster(0, (("127.0.0.1", 1), *(("127.0.0.1", port) for port in ports)))
    replicas.workers = replicas.cluster.workers
    return replicas


@pytest.mark.parametrize("message", [IN_STEP, IN_VARIABLE, WITHOUT_COLLECTIVE, "Connection reset by peer"])
def test_a_lost_worker_is_told_without_the_stack(message: str, one_of_two: Replicas) -> None:
    with pytest.raises(EdgehybridError) as caught, lost_workers_explained(one_of_two):
        raise tf.errors.UnavailableError(None, None, message)
    assert caught.value.what == "Another worker is gone; training needs all workers."
    assert caught.value.received == "worker 0 of 2 stopped; TensorFlow says: Connection reset by peer"
    assert caught.value.next_step is not None
    assert caught.value.next_step.endswith("start all workers again with the same command.")


def test_what_tensorflow_says_is_cut_to_its_beginning(one_of_two: Replicas) -> None:
    with pytest.raises(EdgehybridError) as caught, lost_workers_explained(one_of_two):
        raise tf.errors.UnavailableError(None, None, COORDINATION)
    assert caught.value.received is not None
    assert caught.value.received.endswith("this task is experiencing network issues. …")


def test_those_at_whose_address_nobody_listens_are_named() -> None:
    first, second = free_ports(2)
    replicas = one_beside(first, second)
    # Not one of the errors that tell of a lost worker by themselves.
    with pytest.raises(EdgehybridError) as caught, lost_workers_explained(replicas):
        raise tf.errors.UnknownError(None, None, "Stream removed")
    names = f"Worker 1 (127.0.0.1:{first}) and worker 2 (127.0.0.1:{second})"
    assert caught.value.what == f"{names} are gone; training needs all workers."


def test_a_run_that_is_there_is_resumed(one_of_two: Replicas, tmp_path: Path) -> None:
    run = create_run(tmp_path, load_recipe("digits"))
    with pytest.raises(EdgehybridError) as caught, lost_workers_explained(one_of_two, run):
        raise tf.errors.AbortedError(None, None, "Connection reset by peer")
    assert caught.value.next_step is not None
    assert f"'edgehybrid train --resume {run.path} --strategy workers'" in caught.value.next_step


@pytest.mark.parametrize(
    "own",
    [DataError("The folder has no train images."), tf.errors.ResourceExhaustedError(None, None, "OOM")],
    ids=["data", "memory"],
)
def test_a_workers_own_error_stays(own: Exception, one_of_two: Replicas) -> None:
    with pytest.raises(type(own)) as caught, lost_workers_explained(one_of_two):
        raise own
    assert caught.value is own


def test_without_other_workers_none_is_gone() -> None:
    with pytest.raises(tf.errors.UnavailableError), lost_workers_explained(Replicas("one")):
        raise tf.errors.UnavailableError(None, None, "Connection reset by peer")


def test_a_failure_of_the_chief_is_raised_where_it_is_alone_too() -> None:
    def fail(text: str) -> None:
        raise DataError(text)

    with pytest.raises(DataError, match="no images"):
        Replicas("one").on_chief(fail, "no images")


def test_the_others_raise_what_the_chief_says(one_of_two: Replicas, monkeypatch: pytest.MonkeyPatch) -> None:
    other = one_of_two
    other.worker = 1
    error = EdgehybridError("No room.", received="/runs", next_step="Make room.")
    monkeypatch.setattr(other, "_texts_of_all", lambda _: [json.dumps(error.as_dict()), "{}"])
    acts: list[str] = []
    with pytest.raises(EdgehybridError) as caught:
        other.on_chief(acts.append, "not here")
    assert caught.value.as_dict() == error.as_dict() | {"what": "Worker 0 failed: No room."}
    assert acts == []


def test_one_copy_has_the_whole_batch() -> None:
    replicas = Replicas("one")
    assert (replicas.count, replicas.shards, replicas.is_chief) == (1, [(0, 1)], True)
    assert replicas.from_chief("text") == "text"
