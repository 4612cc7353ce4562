"""The installed commands that run a flatbuffer, evaluate and benchmark, in a process of their own."""

import hashlib
import json
import os
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from disks import files_of_at_most
from processes import call, refuse
from tiny_flatbuffers import pack

pytestmark = pytest.mark.usefixtures("own_cache")


@pytest.mark.parametrize("command", ["evaluate", "benchmark"])
def test_refuses_a_model_file_that_is_not_there(command: str, tmp_path: Path) -> None:
    refuse([command, "model.tflite"], tmp_path, 1, "There is no such model file")


@pytest.mark.parametrize("command", ["evaluate", "benchmark"])
def test_refuses_a_model_file_of_unknown_origin(command: str, tmp_path: Path) -> None:
    (tmp_path / "model.tflite").write_bytes(b"no model")
    refuse([command, "model.tflite"], tmp_path, 1, "has no sidecar")


def test_refuses_a_model_file_that_was_changed(run: Path, tmp_path: Path) -> None:
    model = run / "model.float32.x86_64.tflite"
    model.write_bytes(model.read_bytes()[:-1])
    refuse(["evaluate", str(model)], tmp_path, 1, "The sidecar is about another flatbuffer")


@pytest.mark.parametrize("command", ["evaluate", "benchmark"])
def test_refuses_a_file_that_is_no_flatbuffer(command: str, run: Path, tmp_path: Path) -> None:
    model = run / "model.float32.x86_64.tflite"
    model.write_bytes(b"no flatbuffer")
    sidecar = json.loads(model.with_suffix(".json").read_text())
    sidecar["model_sha256"] = hashlib.sha256(b"no flatbuffer").hexdigest()
    model.with_suffix(".json").write_text(json.dumps(sidecar))
    refuse([command, str(model)], tmp_path, 1, "model.float32.x86_64.tflite")


def give_last_layer_a_bias_of(value: float, model: Path) -> None:
    """Changes a flatbuffer, and its sidecar with it."""
    found = schema.ModelT.InitFromPackedBuf(model.read_bytes())
    (graph,) = found.subgraphs
    bias = graph.tensors[graph.operators[-1].inputs[2]]
    found.buffers[bias.buffer].data = np.full(bias.shape, value, np.float32).view(np.uint8)
    model.write_bytes(pack(found))
    sidecar = json.loads(model.with_suffix(".json").read_text())
    sidecar["model_sha256"] = hashlib.sha256(model.read_bytes()).hexdigest()
    sidecar["size_bytes"] = model.stat().st_size
    model.with_suffix(".json").write_text(json.dumps(sidecar))


@pytest.mark.parametrize("value", ["nan", "inf", "-inf"])
@pytest.mark.parametrize(
    ("command", "received"),
    [
        ("evaluate", "received: {value} among the logits of test image 0,"),
        ("benchmark", "received: {model}: {value} among its outputs"),
    ],
)
def test_refuses_a_flatbuffer_whose_results_are_not_finite(
    command: str, received: str, value: str, run: Path, tmp_path: Path
) -> None:
    model = run / "model.float32.x86_64.tflite"
    give_last_layer_a_bias_of(float(value), model)
    refuse([command, str(model)], tmp_path, 1, "is not finite", received.format(model=model, value=value), "--keras")


def test_refuses_an_unknown_device_before_it_looks_for_a_flatbuffer(tmp_path: Path) -> None:
    refuse(["benchmark", "--device", "x"], tmp_path, 2, "received: x", "allowed: local")


def test_evaluate_and_benchmark_the_newest_flatbuffer(run: Path, tmp_path: Path) -> None:
    model = str(run / "model.float32.x86_64.tflite")
    evaluated = json.loads(call(["evaluate", model, "--json"], tmp_path).stdout)
    measured = json.loads(call(["benchmark", model, "--sessions", "1", "--timed-runs", "3", "--json"], tmp_path).stdout)
    assert measured["top1_percent"] == evaluated["top1_percent"]
    assert (measured.pop("twins"), measured.pop("comparisons")) == ([], [])
    assert json.loads(call(["results", "--json"], tmp_path).stdout)["results"] == [measured]


def test_benchmark_shows_what_each_part_of_a_packed_flatbuffer_takes(run: Path, tmp_path: Path) -> None:
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


def test_evaluates_in_as_many_threads_as_there_are_cores(run: Path, tmp_path: Path) -> None:
    done = call(["evaluate", str(run / "model.packed.x86_64.tflite"), "--json"], tmp_path)
    assert json.loads(done.stdout)["threads"] == len(os.sched_getaffinity(0))


@pytest.mark.parametrize("command", ["evaluate", "benchmark"])
def test_refuses_an_instruction_set_that_is_not_there(command: str, run: Path, tmp_path: Path) -> None:
    model = str(run / "model.packed.x86_64.tflite")
    done = call([command, model], tmp_path, EDGEHYBRID_ISA="avx1024")
    assert "EDGEHYBRID_ISA names no instruction set that can run here.\n  received: avx1024\n" in done.stderr
    assert (done.stdout, done.stderr.count("Error: ")) == ("", 1)


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


def test_a_valid_row_comes_with_no_reason_and_at_most_a_note(run: Path, tmp_path: Path) -> None:
    done = call(["benchmark", str(run / "model.float32.x86_64.tflite"), "--timed-runs", "5", "--json"], tmp_path)
    row = json.loads(done.stdout)
    assert (row["verdict"] == "valid") == (not row["verdict_reasons"])
    lines = done.stderr.splitlines()
    said = f"{row['verdict'].capitalize()}: {row['model']}"
    assert lines[:-1] == [f"{said}: {reason}" for reason in row["verdict_reasons"]]
    assert lines[-1].startswith("Note: no accuracy")
