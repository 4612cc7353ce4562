"""From a folder of images to the accuracy of a flatbuffer, through the installed command."""

import json
import signal
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from file_opens import FileOpens
from image_kinds import SOUND, turned
from image_trees import write_tree
from processes import COMMAND, call, finish, start_workers, wait_until

from edgehybrid.runs.checkpoint import Record, read_record
from edgehybrid.runs.run_folder import RunFolder, open_run

RECIPE = """\
name: tree
description: Hybrid-Res A on ten classes of image files
data: {dataset: imagenet2012, path: images, classes: 10, validation_images: 9, image_side: 32}
network:
  architecture: resnet20
  width: 0.25
  placement: {full_precision: [first, last, shortcuts]}
training:
  epochs: 2
  batch_size: 10
  optimizer: {kind: adam, learning_rate: 1e-2}
  schedule: {kind: constant}
  weight_decay: 0
  augmentation: {kind: random_resized, least_area: 0.5}
"""
EPOCHS, BATCH = 2, 10
# Of 10 × 20 - 9 images two workers leave one out, and share 19 batches of 10.
TRAINED, LEFT_OUT = 191, 1


COUNTS = "images: 191 training, 9 validation, 100 test\n"


def command(folder: Path, *arguments: str, told: str = "") -> dict[str, Any]:
    """The one JSON document that a command prints; ``told`` stands on stderr."""
    done = call([*arguments, "--runs", "runs", "--json"], folder)
    assert done.returncode == 0, done.stderr
    assert told in done.stderr
    # What oneDNN says of the processor while images are decoded.
    assert "oneDNN" not in done.stderr
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def start_two(folder: Path, *arguments: str) -> list[subprocess.Popen[str]]:
    train = [str(COMMAND), "train", *arguments, "--strategy", "workers", "--runs", "runs", "--json"]
    return start_workers(train, train, folders=(folder, folder))


def stop_in_last_epoch(workers: list[subprocess.Popen[str]], runs: Path) -> tuple[RunFolder, Record]:
    """Sends a signal to the second worker. Returns the run, and its checkpoint when both workers have ended."""

    def found() -> list[RunFolder]:
        return [open_run(path.parent) for path in runs.glob("*/metrics.jsonl")]

    wait_until(lambda: any(len(run.epochs()) >= EPOCHS - 1 for run in found()), *workers)
    workers[1].send_signal(signal.SIGTERM)
    for worker in workers:
        stderr = finish(worker)[1]
        assert worker.returncode == 1, stderr
        assert f"Training was interrupted; its checkpoint is that of epoch {EPOCHS}, step" in stderr
    (run,) = found()
    return run, read_record(run)


def convert_and_evaluate(folder: Path, trained: dict[str, Any]) -> None:
    """The newest run to a flatbuffer; both have the accuracy on the 100 test images that training had measured."""
    converted = command(folder, "convert", "--target", "x86_64", "--images", "100")
    assert (converted["images"], converted["verified_on"], converted["packed_layers"]) == (100, "test", 18)
    in_keras, evaluated = command(folder, "evaluate", "--keras"), command(folder, "evaluate")
    assert in_keras["images"] == evaluated["images"] == 100
    assert in_keras["top1_percent"] == trained["top1_percent"]
    # The accuracies differ by those images at most that the flatbuffer puts into another class than Keras does:
    # rounding turns the sign of a number near 0. Conversion refuses when they are more than 1 %.
    disagreeing_percent = 100 - converted["top1_agreement_percent"]
    assert evaluated["top1_percent"] == pytest.approx(in_keras["top1_percent"], abs=disagreeing_percent + 1e-9)
    # Chance gives 10 ± 3 %.
    assert evaluated["top1_percent"] > 25


@pytest.fixture
def images(tmp_path: Path) -> Path:
    (tmp_path / "tree.yaml").write_text(RECIPE)
    return write_tree(tmp_path / "images", classes=10, train=20, val=10, distinct=True)


@pytest.mark.slow
@pytest.mark.usefixtures("images")
def test_trains_converts_and_evaluates_a_folder_of_images(tmp_path: Path) -> None:
    trained = command(tmp_path, "train", "tree.yaml", told=COUNTS)
    assert (trained["epochs"], trained["validation_images"]) == (2, 9)
    convert_and_evaluate(tmp_path, trained)


@pytest.mark.slow
def test_what_people_have_in_a_folder_is_trained_on_or_refused_at_once(images: Path, tmp_path: Path) -> None:
    for name in (".DS_Store", "._0.JPEG", "Thumbs.db"):
        (images / "train" / "n0003" / name).write_bytes(b"\0\x05\x16\x07")
    (images / "train" / "n0003" / "0.JPEG").write_bytes(SOUND["jpeg CMYK"]().content)
    (images / "train" / "n0004" / "0.JPEG").rename(images / "train" / "n0004" / "zwei\nZeilen\udcff.JPG")
    (images / "train" / "n0005" / "0.JPEG").write_bytes(turned("PNG", 6).content)
    command(tmp_path, "train", "tree.yaml", "--set", "training.epochs=1", told=COUNTS)
    runs = list((tmp_path / "runs").iterdir())
    (images / "train" / "n0006" / "0.JPEG").write_bytes(b"<html>404</html>")
    refused = call(["train", "tree.yaml", "--runs", "runs"], tmp_path)
    assert refused.returncode == 1
    assert "images/train/n0006/0.JPEG: this is a page of HTML or XML." in refused.stderr
    assert list((tmp_path / "runs").iterdir()) == runs


@pytest.mark.slow
def test_two_workers_share_a_folder_of_images_and_go_on_inside_an_epoch(images: Path, tmp_path: Path) -> None:
    run, stopped = stop_in_last_epoch(start_two(tmp_path, "tree.yaml"), tmp_path / "runs")
    assert stopped.images == BATCH * stopped.step

    with FileOpens((images / "train").iterdir()) as opens:
        trained, told = [], []
        for worker in start_two(tmp_path, "--resume", run.name):
            stdout, stderr = finish(worker)
            assert worker.returncode == 0, stderr
            trained.append(json.loads(stdout))
            told.append(COUNTS in stderr)
        opened = opens.counts()
    assert trained[0] == trained[1]
    assert told == [True, False]
    # Each of the two checks all images, once. Then the chief reads all of them, for health and validation; and the rest
    # of the epoch is read by one of the two. No more than that: the kernel reports opens that follow each other at once
    # as one.
    rest = TRAINED - LEFT_OUT - stopped.images
    assert len(opened) == 200
    assert max(opened.values()) <= 4
    assert Counter(opened.values())[4] <= rest

    lines = run.epochs()
    assert [line.epoch for line in lines] == [1, 2]
    for line in lines:
        assert line.left_out_images == LEFT_OUT
        correct = line.top1_train_percent / 100 * (TRAINED - LEFT_OUT)
        assert correct == pytest.approx(round(correct), abs=1e-9)

    convert_and_evaluate(tmp_path, trained[0])
