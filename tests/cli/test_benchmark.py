"""The installed command ``benchmark``: the row of a flatbuffer, what stands beside it, and what users get wrong."""

import json
import shutil
from pathlib import Path

import pytest
from processes import call, refuse

from edgehybrid.runs.run_folder import RunFolder


@pytest.mark.parametrize(
    ("device", "parts"),
    [
        ("x", ["no such device", "received: x", "allowed: local"]),
        ("ssh://a b", ["no address of a board"]),
    ],
)
def test_refuses_an_unknown_device_before_it_looks_for_a_flatbuffer(
    device: str, parts: list[str], tmp_path: Path
) -> None:
    refuse(["benchmark", "--device", device], tmp_path, 2, *parts)


def test_evaluate_and_benchmark_the_newest_flatbuffer(run: Path, tmp_path: Path) -> None:
    model = str(run / "model.float32.x86_64.tflite")
    evaluated = json.loads(call(["evaluate", model, "--json"], tmp_path).stdout)
    measured = json.loads(call(["benchmark", model, "--sessions", "1", "--timed-runs", "3", "--json"], tmp_path).stdout)
    assert measured["top1_percent"] == evaluated["top1_percent"]
    assert (measured.pop("twins"), measured.pop("comparisons")) == ([], [])
    assert json.loads(call(["results", "--json"], tmp_path).stdout)["results"] == [measured]


def test_shows_what_each_part_of_a_packed_flatbuffer_takes(run: Path, tmp_path: Path) -> None:
    options = ["--sessions", "1", "--timed-runs", "3", "--profile", "--no-twins"]
    measured = call(["benchmark", str(run / "model.packed.x86_64.tflite"), *options, "--json"], tmp_path)
    row = json.loads(measured.stdout)
    assert (row.pop("twins"), row.pop("comparisons")) == ([], [])
    nodes = [node for part in row.pop("profile") for node in part["nodes"]]
    assert sorted(nodes) == list(range(row["graph_nodes"]))
    assert json.loads(call(["results", "--json"], tmp_path).stdout)["results"] == [row]
    (tmp_path / "profile.json").write_text(measured.stdout)
    report = call(["report", "--profile", "profile.json", "--json"], tmp_path)
    assert report.returncode == 0, report.stderr
    assert "Time of each part" in (tmp_path / "runs" / "report.html").read_text()
    assert json.loads(report.stdout)["csv"] == "runs/report.csv"
    text = call(["benchmark", str(run / "model.packed.x86_64.tflite"), *options], tmp_path).stdout
    assert text.startswith("part ")
    assert "LceBconv2d" in text
    float_model = str(run / "model.float32.x86_64.tflite")
    refuse(["benchmark", float_model, "--profile"], tmp_path, 2, "LiteRT does not", "a packed flatbuffer")


@pytest.mark.parametrize("file_format", ["packed", "float32"])
def test_says_what_ran(file_format: str, run: Path, tmp_path: Path) -> None:
    model = str(run / f"model.{file_format}.x86_64.tflite")
    evaluated = json.loads(call(["evaluate", model, "--threads", "2", "--json"], tmp_path).stdout)
    options = ["--threads", "2", "--sessions", "1", "--timed-runs", "3", "--no-twins"]
    measured = json.loads(call(["benchmark", model, *options, "--json"], tmp_path, EDGEHYBRID_ISA="portable").stdout)
    assert evaluated["runtime"] == measured["runtime"]
    assert (evaluated["threads"], measured["threads"]) == (2, 2)
    if file_format == "packed":
        assert measured["runtime"].startswith("edgehybrid ")
        assert measured["isa"] == "portable"
        assert evaluated["delegated_nodes"] == measured["delegated_nodes"] == measured["graph_nodes"] > 0
    else:
        assert measured["runtime"].startswith("ai-edge-litert ")
        assert measured["delegated_nodes"] is None
    report = call(["report"], tmp_path)
    assert report.returncode == 0, report.stderr
    page = (tmp_path / "runs" / "report.html").read_text()
    assert all(str(measured[key]) in page for key in ("runtime", "isa", "graph_nodes"))


def test_a_valid_row_comes_with_no_reason_and_at_most_a_note(run: Path, tmp_path: Path) -> None:
    done = call(["benchmark", str(run / "model.float32.x86_64.tflite"), "--timed-runs", "5", "--json"], tmp_path)
    row = json.loads(done.stdout)
    assert (row["verdict"] == "valid") == (not row["verdict_reasons"])
    lines = done.stderr.splitlines()
    said = f"{row['verdict'].capitalize()}: {row['recipe']} ({row['format']})"
    assert lines[:-1] == [f"{said}: {reason}" for reason in row["verdict_reasons"]]
    assert lines[-1].startswith("Note: no accuracy")


def test_several_models_on_a_device_are_measured_one_after_the_other(converted_run: RunFolder, tmp_path: Path) -> None:
    if shutil.which("ssh") is None:
        pytest.skip("needs OpenSSH's client: apt install openssh-client")
    models = [str(converted_run.path / f"model.{each}.x86_64.tflite") for each in ("packed", "float32")]
    command = ["benchmark", *models, "--device", "ssh://nobody@127.0.0.1:9", "--json"]
    done = call(command, tmp_path, EDGEHYBRID_SSH="ssh -F none")
    assert done.returncode == 1
    found = json.loads(done.stdout)
    assert (found["results"], len(found["errors"])) == ([], 1)
    assert "no SSH server" in found["errors"][0]["what"]
