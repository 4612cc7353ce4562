"""``edgehybrid zoo``, and ``zoo:NAME`` wherever a model is asked for, without TensorFlow and without a run."""

import json
from pathlib import Path

import pytest
from processes import call, modules_after_command, refuse

TENSORFLOW = {"tensorflow", "tf_keras", "larq", "larq_compute_engine"}


def test_a_board_gets_a_row_in_one_command(tmp_path: Path) -> None:
    arguments = ["benchmark", "zoo:digits", "--sessions", "1", "--timed-runs", "1"]
    done = call([*arguments, "--json"], tmp_path)
    assert done.returncode == 0, done.stderr
    row = json.loads(done.stdout)
    assert (row["recipe"], row["format"]) == ("digits", "packed")
    assert row["top1_percent"] > 95
    assert "no int8 twin to compare with: the zoo is not written to" in done.stderr
    # The row is proven by the zoo, where its run is not below the folder of runs.
    report = call(["report"], tmp_path)
    assert report.returncode == 0, report.stderr
    assert "| digits | packed |" in report.stdout
    assert not TENSORFLOW & modules_after_command(arguments, tmp_path)


@pytest.mark.parametrize("arguments", [["zoo"], ["evaluate", "zoo:digits"], ["explain", "zoo:digits"]], ids=" ".join)
def test_loads_no_tensorflow(arguments: list[str], tmp_path: Path) -> None:
    assert not TENSORFLOW & modules_after_command(arguments, tmp_path)


def test_every_network_of_the_zoo_is_measured_and_reported(tmp_path: Path) -> None:
    rows = json.loads(call(["zoo", "--json"], tmp_path).stdout)["results"]
    models = [row["model"] for row in rows]
    done = call(["benchmark", *models, "--no-twins", "--sessions", "1", "--timed-runs", "1"], tmp_path)
    assert done.returncode == 0, done.stderr
    # All of them are files of one name.
    for name in ("digits (packed)", "float_res (float32)", "float_res (int8)"):
        assert f"{name}: median" in done.stdout
    report = call(["report"], tmp_path)
    assert report.returncode == 0, report.stderr
    for file_format in {row["format"] for row in rows}:
        assert report.stdout.count(f"| {file_format} | local |") == sum(row["format"] == file_format for row in rows)


def test_lists_what_the_other_commands_say(tmp_path: Path) -> None:
    listed = {row["model"]: row for row in json.loads(call(["zoo", "--json"], tmp_path).stdout)["results"]}
    row = listed["zoo:digits"]
    evaluated = json.loads(call(["evaluate", "zoo:digits", "--json"], tmp_path).stdout)
    assert evaluated["top1_percent"] == row["top1_percent"]
    counted = json.loads(call(["cost", "zoo:digits", "--rules", "paper", "--json"], tmp_path).stdout)
    assert counted["energy_uj"] == pytest.approx(row["energy_model_uj"], abs=1e-3)
    explained = json.loads(call(["explain", "zoo:digits", "--json"], tmp_path).stdout)
    assert explained["why_not_packed"] == []


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["evaluate", "zoo:digit"], ["The zoo has no such network", "Did you mean 'digits'?"]),
        (["benchmark", "zoo:digits:int8"], ["no flatbuffer of this format", "packed"]),
        (["cost", "zoo:absent"], ["The zoo has no such network"]),
        (["train", "--resume", "zoo:digits"], ["The run is finished"]),
        (["convert", "zoo:digits", "--target", "x86_64", "--overwrite"], ["no weights beside its flatbuffer"]),
        (["evaluate", "--keras", "zoo:digits"], ["no weights beside its flatbuffer", "edgehybrid train"]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_refuses_what_the_zoo_has_not(arguments: list[str], parts: list[str], tmp_path: Path) -> None:
    refuse(arguments, tmp_path, 1, *parts)
