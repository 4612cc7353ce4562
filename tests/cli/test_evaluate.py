"""The installed command ``evaluate``: the accuracy of a flatbuffer or of its run, and what users get wrong."""

import json
import os
from pathlib import Path

import pytest
from disks import files_of_at_most
from processes import call, refuse
from tiny_runs import unfinish


def test_the_accuracy_of_all_test_images_is_printed_and_kept(run: Path, tmp_path: Path) -> None:
    found = json.loads(call(["evaluate", run.name, "--json"], tmp_path).stdout)
    assert found["images"] == 360
    assert 0 <= found["top1_percent"] <= found["top5_percent"] <= 100
    kept = Path(found["model"]).with_suffix(".evaluation.json")
    assert json.loads((tmp_path / kept).read_text())["top1_percent"] == found["top1_percent"]
    text = call(["evaluate", found["model"]], tmp_path).stdout
    line = f"top-1 {found['top1_percent']:.2f} %, top-5 {found['top5_percent']:.2f} % of 360 images"
    assert text.startswith(line)


@pytest.mark.parametrize("arguments", [[".", "--keras"], ["model.packed.x86_64.tflite"]], ids=["keras", "packed"])
def test_start_up_notes_are_held_back(arguments: list[str], run: Path) -> None:
    done = call(["evaluate", *arguments], run)
    assert (done.returncode, done.stderr) == (0, "")
    if "--keras" in arguments:
        assert call(["evaluate", *arguments], run, TF_CPP_MIN_LOG_LEVEL="0").stderr


def test_warns_of_a_training_that_is_not_finished(run: Path, tmp_path: Path) -> None:
    unfinish(run, epoch=1, step=2)
    done = call(["evaluate", str(run), "--keras", "--json"], tmp_path)
    (warning,) = json.loads(done.stdout)["warnings"]
    assert "The training is not finished: 1 of" in warning
    assert (done.returncode, done.stderr) == (0, f"Warning: {warning}\n")


def test_refuses_a_model_file_that_was_changed(run: Path, tmp_path: Path) -> None:
    model = run / "model.float32.x86_64.tflite"
    model.write_bytes(model.read_bytes()[:-1])
    refuse(["evaluate", str(model)], tmp_path, 1, "The sidecar is about another flatbuffer")


def test_evaluates_in_as_many_threads_as_there_are_cores(run: Path, tmp_path: Path) -> None:
    done = call(["evaluate", str(run / "model.packed.x86_64.tflite"), "--json"], tmp_path)
    assert json.loads(done.stdout)["threads"] == len(os.sched_getaffinity(0))


def test_a_folder_that_cannot_keep_the_accuracy_still_gets_it(run: Path, tmp_path: Path) -> None:
    model = run / "model.float32.x86_64.tflite"
    kept = run / "model.float32.x86_64.evaluation.json"
    first = call(["evaluate", str(model), "--json"], tmp_path)
    before = kept.read_bytes()
    with files_of_at_most(100):
        done = call(["evaluate", str(model)], tmp_path)
    assert done.returncode == 0, done.stderr
    assert f"top-1 {json.loads(first.stdout)['top1_percent']:.2f} %" in done.stdout
    assert "Warning: The evaluation cannot be kept for later benchmarks: File too large." in done.stderr
    assert kept.read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "status", "parts"),
    [
        (["absent"], 1, ["not a run folder", "absent"]),
        (["RUN", "--threads", "0"], 2, ["0 is not in the range"]),
        (["RUN", "--data", "digit"], 2, ["There is no such recipe", "Did you mean 'digits'?"]),
        (["RUN", "--keras", "--data", "digits"], 2, ["for a flatbuffer", "--keras --data"]),
    ],
    ids=lambda words: " ".join(words) if isinstance(words, list) else "",
)
def test_what_users_get_wrong(arguments: list[str], status: int, parts: list[str], run: Path, tmp_path: Path) -> None:
    refuse(["evaluate", *(run.name if word == "RUN" else word for word in arguments)], tmp_path, status, *parts)
