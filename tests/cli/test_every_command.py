"""What several of the installed commands have in common: help, JSON, what they load, and what users get wrong."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from processes import call, modules_after_command, refuse
from report_samples import make_row
from tiny_flatbuffers import pack

from edgehybrid import results

COMMANDS = (
    *("train", "convert", "evaluate", "benchmark", "zoo", "devices", "cost", "explain"),
    *("reproduce", "search", "significance", "prune", "calibrate", "predict", "proxy", "results", "report", "demo"),
)


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_of_every_command_exits_0(command: str, tmp_path: Path) -> None:
    done = call([*command.split(), "--help"], tmp_path)
    assert done.returncode == 0
    assert "Usage:" in done.stdout


def test_help_cuts_no_sentence_off_and_has_the_order_of_the_flow(tmp_path: Path) -> None:
    commands = call(["--help"], tmp_path).stdout.partition("Commands:")[2]
    assert "..." not in commands
    assert "…" not in commands
    listed = [line.split()[0] for line in commands.splitlines() if line.strip()]
    assert listed == list(COMMANDS)


@pytest.mark.parametrize(
    ("setting", "part"),
    [
        ("training.epochs=many", "must be a whole number"),
        ("network.width=-1", "out of range"),
        ("network.placement.float_fraction=1.5", "out of range"),
        ("network.width=0.01", "without a filter"),
        ("network.placement.full_precision=[stage9]", "names nothing in this network"),
        ("training.epoch=3", "Did you mean"),
        ("network.architecture=vgg18", "Did you mean 'vgg19'?"),
    ],
)
@pytest.mark.parametrize("command", ["train", "cost"])
def test_refuses_a_bad_setting(command: str, setting: str, part: str, tmp_path: Path) -> None:
    refuse([command, "digits", "--set", setting], tmp_path, 2, part)


@pytest.mark.parametrize(
    "arguments",
    [["convert", "--target", "aarch64"], ["evaluate"], ["evaluate", "--keras"], ["benchmark"]],
    ids=" ".join,
)
def test_refuses_to_default_to_a_run_that_is_not_there(arguments: list[str], tmp_path: Path) -> None:
    refuse(arguments, tmp_path, 1, "There is no run to default to", "edgehybrid train RECIPE")


@pytest.mark.parametrize("command", ["results", "report", "proxy"])
def test_refuses_to_report_without_results(command: str, tmp_path: Path) -> None:
    refuse([command], tmp_path, 1, "There are no results yet", "edgehybrid benchmark")


@pytest.mark.parametrize("arguments", [["train", "digits"], ["demo"]], ids=" ".join)
def test_a_missing_extra_is_named(arguments: list[str], tmp_path: Path) -> None:
    (tmp_path / "without").mkdir()
    (tmp_path / "without" / "tensorflow.py").write_text(
        "raise ModuleNotFoundError(\"No module named 'tensorflow'\", name='tensorflow')"
    )
    refuse(
        arguments,
        tmp_path,
        1,
        "'tensorflow', which is not installed",
        "pip install 'edgehybrid[train]'",
        PYTHONPATH=str(tmp_path / "without"),
        PYTHONDONTWRITEBYTECODE="1",
    )


def test_with_json_a_result_is_one_document_on_stdout(tmp_path: Path) -> None:
    done = call(["cost", "xnor_res", "--json"], tmp_path)
    assert done.returncode == 0
    assert json.loads(done.stdout)["recipe"] == "xnor_res"
    assert done.stderr == ""


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["cost", "hybrid_res_a"],
        ["explain", "PACKED", "--overlay", "overlays"],
        ["results"],
        ["proxy"],
        ["report"],
        ["evaluate", "PACKED"],
        ["benchmark", "PACKED", "--sessions", "1", "--timed-runs", "1", "--no-twins"],
        ["devices", "list"],
    ],
    ids=lambda a: a[0],
)
def test_loads_no_tensorflow(arguments: list[str], run: Path, tmp_path: Path) -> None:
    for device in ("pi4", "a53"):
        results.append(tmp_path / "runs" / "results.sqlite", make_row(device=device))
    arguments = [str(run / "model.packed.x86_64.tflite") if word == "PACKED" else word for word in arguments]
    # The images of digits are scikit-learn's.
    own = {"sklearn"} if arguments[0] == "evaluate" else set()
    loaded = modules_after_command(arguments, tmp_path)
    assert not {"tensorflow", "tf_keras", "larq", "larq_compute_engine", "sklearn"} - own & loaded


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["results", "--csv", "--json"], ["either CSV or JSON", "--csv --json"]),
        (["results", "--results", "a.sqlite", "--runs", "b"], ["--results --runs"]),
        (["evaluate", "--keras", "--threads", "2"], ["--keras --threads"]),
        (["evaluate", ".", "--runs", "b"], ["A path is looked for where it leads", ". --runs b"]),
        (["convert", ".", "--target", "aarch64", "--runs", "b"], [". --runs b"]),
        (["convert", "--target", "aarch64", "--float-parts", "int8", "--format", "int8"], ["--format int8"]),
        (["convert", "--target", "aarch64", "--float-parts", "int8", "--twin"], ["--float-parts int8 --twin"]),
        (["convert", "--target", "aarch64", "--max-drop", "1"], ["--max-drop", "for int8 alone"]),
        (["convert", "--target", "aarch64", "--max-drop", "1", "--format", "int8", "--twin"], ["for int8 alone"]),
        (["proxy", "--results", "a.sqlite", "--runs", "b"], ["--results --runs"]),
        (["benchmark", ".", "--runs", "b", "--results", "a.sqlite"], [". --runs b"]),
        (["train", "--resume", ".", "--runs", "b"], [". --runs b"]),
        (["train", "digits", "--resume", "a"], ["either a recipe to train, or a run to resume"]),
        (["train", "--resume", "a", "--set", "training.epochs=2"], ["either a recipe to train, or a run to resume"]),
    ],
    ids=" ".join,
)
def test_refuses_options_that_cannot_both_be_meant(arguments: list[str], parts: list[str], tmp_path: Path) -> None:
    done = call(arguments, tmp_path)
    assert done.returncode == 2, done.stderr
    assert done.stderr.count("Error: ") == 1
    for part in parts:
        assert part in done.stderr


@pytest.mark.parametrize("variable", ["EDGEHYBRID_RUNS", "EDGEHYBRID_DATA"])
def test_an_empty_variable_is_as_none(variable: str, tmp_path: Path) -> None:
    results.append(tmp_path / "runs" / "results.sqlite", make_row())
    done = call(["results"], tmp_path, **{variable: ""})
    assert (done.returncode, done.stdout.count("digits")) == (0, 1), done.stderr


@pytest.mark.parametrize("command", ["evaluate", "benchmark"])
def test_refuses_a_model_file_that_is_not_there(command: str, tmp_path: Path) -> None:
    refuse([command, "model.tflite"], tmp_path, 1, "There is no such model file")


@pytest.mark.parametrize("command", ["evaluate", "benchmark"])
def test_refuses_a_model_file_of_unknown_origin(command: str, tmp_path: Path) -> None:
    (tmp_path / "model.tflite").write_bytes(b"no model")
    refuse([command, "model.tflite"], tmp_path, 1, "has no sidecar")


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


@pytest.mark.parametrize("command", ["evaluate", "benchmark"])
def test_refuses_an_instruction_set_that_is_not_there(command: str, run: Path, tmp_path: Path) -> None:
    model = str(run / "model.packed.x86_64.tflite")
    done = call([command, model], tmp_path, EDGEHYBRID_ISA="avx1024")
    assert "EDGEHYBRID_ISA names no instruction set that can run here.\n  received: avx1024\n" in done.stderr
    assert (done.stdout, done.stderr.count("Error: ")) == ("", 1)
