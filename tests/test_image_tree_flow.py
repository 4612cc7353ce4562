"""From a folder of images to the accuracy of a flatbuffer, through the installed command."""

import json
import signal
import subprocess
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from file_opens import FileOpens
from image_trees import write_tree
from processes import COMMAND, call, start_workers

from edgehybrid.training.checkpoint import Record, read_record
from edgehybrid.training.run_folder import RunFolder, open_run

RECIPE = """\
name: tree
description: Hybrid-Res A on ten classes of image files
data: {dataset: imagenet2012, path: images, classes: 10, validation_images: 10, image_side: 32}
network:
  architecture: resnet20
  width: 0.25
  placement: {full_precision: [first, last, shortcuts]}
training:
  epochs: 1
  batch_size: 32
  optimizer: {kind: adam, learning_rate: 1e-2}
  schedule: {kind: constant}
  weight_decay: 0
  augmentation: {kind: random_resized, least_area: 0.5}
"""
EPOCHS = 2
# A checkpoint after each step. Of 10 × 20 - 9 = 191 images two workers leave one out, and share 19 batches of 10.
TRAINED, LEFT_OUT, BATCH = 191, 1, 10
FOR_WORKERS = (
    "data.validation_images=9", f"training.epochs={EPOCHS}", f"training.batch_size={BATCH}",
    "training.checkpoint_minutes=0",
)  # fmt: skip


def command(folder: Path, *arguments: str) -> dict[str, Any]:
    """The one JSON document that a command prints."""
    done = call([*arguments, "--runs", "runs", "--json"], folder)
    assert done.returncode == 0, done.stderr
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def start_two(folder: Path, *arguments: str) -> list[subprocess.Popen[str]]:
    train = [str(COMMAND), "train", *arguments, "--strategy", "workers", "--runs", "runs", "--json"]
    return start_workers(train, train, cwd=folder)


def stop_in_last_epoch(workers: list[subprocess.Popen[str]], runs: Path) -> tuple[RunFolder, Record]:
    """Sends a signal to the second worker. Returns the run, and its checkpoint when both workers have ended."""
    while not (found := list(runs.glob("*/metrics.jsonl"))) or len(open_run(found[0].parent).epochs()) < EPOCHS - 1:
        for worker in workers:
            assert worker.poll() is None, worker.communicate()[1]
        time.sleep(0.1)
    workers[1].send_signal(signal.SIGTERM)
    for worker in workers:
        stderr = worker.communicate()[1]
        assert worker.returncode == 1, stderr
        assert f"Training was interrupted; its checkpoint is that of epoch {EPOCHS}, step" in stderr
    run = open_run(found[0].parent)
    return run, read_record(run)


@pytest.mark.slow
def test_trains_converts_and_evaluates_a_folder_of_images(tmp_path: Path) -> None:
    write_tree(tmp_path / "images", classes=10, train=20, val=6, distinct=True)
    (tmp_path / "tree.yaml").write_text(RECIPE)
    trained = command(tmp_path, "train", "tree.yaml")
    assert (trained["epochs"], trained["validation_images"]) == (1, 10)
    converted = command(tmp_path, "convert", "--target", "x86_64", "--images", "20")
    assert (converted["images"], converted["verified_on"]) == (20, "test")
    assert converted["packed_layers"] == 18
    evaluated = command(tmp_path, "evaluate")
    assert evaluated["images"] == 60
    in_keras = command(tmp_path, "evaluate", "--keras")
    # Conversion proved that their logits differ by far less than the gap between two classes.
    assert evaluated["top1_percent"] == in_keras["top1_percent"] == trained["top1_percent"]


@pytest.mark.slow
def test_two_workers_share_a_folder_of_images_and_go_on_inside_an_epoch(tmp_path: Path) -> None:
    images = write_tree(tmp_path / "images", classes=10, train=20, val=10, distinct=True)
    (tmp_path / "tree.yaml").write_text(RECIPE)
    overrides = [word for setting in FOR_WORKERS for word in ("--set", setting)]
    run, stopped = stop_in_last_epoch(start_two(tmp_path, "tree.yaml", *overrides), tmp_path / "runs")
    assert stopped.images == BATCH * stopped.step

    with FileOpens((images / "train").iterdir()) as opens:
        trained = []
        for worker in start_two(tmp_path, "--resume", run.name):
            stdout, stderr = worker.communicate()
            assert worker.returncode == 0, stderr
            trained.append(json.loads(stdout))
        opened = opens.counts()
    assert trained[0] == trained[1]
    # The chief reads all images once, for health and validation; the rest of the epoch is read once by one of the two.
    rest = TRAINED - LEFT_OUT - stopped.images
    assert Counter(opened.values()) == {1: 200 - rest, 2: rest}

    lines = run.epochs()
    assert [line["epoch"] for line in lines] == [1, 2]
    for line in lines:
        assert line["left_out_images"] == LEFT_OUT
        correct = line["top1_train_percent"] / 100 * (TRAINED - LEFT_OUT)
        assert correct == pytest.approx(round(correct), abs=1e-9)

    converted = command(tmp_path, "convert", "--target", "x86_64", "--images", "100")
    assert (converted["images"], converted["packed_layers"]) == (100, 18)
    evaluated, in_keras = command(tmp_path, "evaluate"), command(tmp_path, "evaluate", "--keras")
    assert evaluated["images"] == in_keras["images"] == 100
    assert in_keras["top1_percent"] == trained[0]["top1_percent"] == lines[-1]["top1_percent"]
    # Of the same 100 images, the two accuracies differ by those at most whose largest logit is another one.
    disagreeing_percent = 100 - converted["top1_agreement_percent"]
    assert abs(evaluated["top1_percent"] - in_keras["top1_percent"]) <= disagreeing_percent + 1e-9
    # Chance gives 10 ± 3 %.
    assert evaluated["top1_percent"] > 25
