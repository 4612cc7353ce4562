"""The installed command ``explain``: what it prints and writes, and what users get wrong."""

import json
import shutil
from pathlib import Path

import pytest
from explained import dense_of_bits, sound_models
from processes import call, modules_after_command, python, refuse
from report_samples import make_row
from tiny_flatbuffers import float_flatbuffer, loop_flatbuffer

from edgehybrid import results
from edgehybrid.flatbuffer import parse_flatbuffer
from edgehybrid.runs.run_folder import RunFolder

DENSE = dense_of_bits()


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "model.tflite"
    path.write_bytes(DENSE)
    return path


def test_prints_the_summary_and_a_line_an_operator(model: Path) -> None:
    done = call(["explain", "model.tflite"], model.parent)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0] == "model.tflite"
    assert lines[1].startswith("1 of 2 operators with weights is packed")
    assert sum("FULLY_CONNECTED  float32" in line for line in lines) == 1


def test_prints_one_json_document(model: Path) -> None:
    done = call(["explain", "model.tflite", "--json"], model.parent)
    document = json.loads(done.stdout)
    assert (document["model"], document["size_bytes"]) == ("model.tflite", len(DENSE))
    assert sum(document["size_parts"].values()) == len(DENSE)
    assert [one["op"] for one in document["why_not_packed"]] == ["FULLY_CONNECTED"]


def test_several_models_give_several_results(model: Path) -> None:
    (model.parent / "other.tflite").write_bytes(float_flatbuffer())
    done = call(["explain", "model.tflite", "other.tflite", "--json"], model.parent)
    assert [one["model"] for one in json.loads(done.stdout)["results"]] == ["model.tflite", "other.tflite"]


def test_a_file_needs_no_suffix_and_no_sidecar(tmp_path: Path) -> None:
    (tmp_path / "net.bin").write_bytes(float_flatbuffer())
    assert call(["explain", "net.bin"], tmp_path).returncode == 0


@pytest.mark.parametrize("name", [[], ["RUN"], ["runs/RUN"]], ids=["newest", "name", "folder"])
def test_a_run_stands_for_its_flatbuffer(name: list[str], converted_run: RunFolder, tmp_path: Path) -> None:
    shutil.copytree(converted_run.path, tmp_path / "runs" / converted_run.name)
    arguments = [part.replace("RUN", converted_run.name) for part in name]
    document = json.loads(call(["explain", *arguments, "--json"], tmp_path).stdout)
    assert Path(document["model"]).parent.name == converted_run.name


def test_writes_a_page(model: Path) -> None:
    done = call(["explain", "model.tflite", "--html", "new/page.html"], model.parent)
    assert done.returncode == 0, done.stderr
    assert "FULLY_CONNECTED" in (model.parent / "new" / "page.html").read_text()
    refuse(["explain", "model.tflite", "--html", "new/page.html"], model.parent, 1, "exists already", "--overwrite")
    again = call(["explain", "model.tflite", "--html", "new/page.html", "--overwrite"], model.parent)
    assert again.returncode == 0


def test_writes_overlays_with_times(model: Path) -> None:
    sha256 = parse_flatbuffer(DENSE, model).sha256
    row = {"model_sha256": sha256, "latency_ms_median": 0.5, "profile": [{"nodes": [0, 1], "time_us_median": 7.5}]}
    (model.parent / "row.json").write_text(json.dumps(row))
    options = ["--overlay", "view", "--results", "row.json"]
    done = call(["explain", "model.tflite", *options, "--json"], model.parent)
    assert json.loads(done.stdout)["latency_ms_median"] == 0.5
    names = ["model.bytes.json", "model.macs.json", "model.precision.json", "model.time.json"]
    assert sorted(path.name for path in (model.parent / "view").iterdir()) == names
    time = json.loads((model.parent / "view" / "model.time.json").read_text())
    assert time["results"] == {"1": {"value": 7.5}}
    refuse(["explain", "model.tflite", *options], model.parent, 1, "The overlay exists already", "--overwrite")


def test_a_row_without_times_of_operators_is_said(model: Path) -> None:
    results.append(model.parent / "r.sqlite", make_row(model_sha256=parse_flatbuffer(DENSE, model).sha256))
    done = call(["explain", "model.tflite", "--overlay", "view", "--results", "r.sqlite"], model.parent)
    assert "tells the time of no operator" in done.stderr
    assert not (model.parent / "view" / "model.time.json").exists()


def test_several_subgraphs_are_explained_and_said(tmp_path: Path) -> None:
    (tmp_path / "loop.tflite").write_bytes(loop_flatbuffer())
    done = call(["explain", "loop.tflite", "--json"], tmp_path)
    assert {row["subgraph"] for row in json.loads(done.stdout)["ops"]} == {0, 1, 2}
    assert "All 3 subgraphs are explained" in done.stderr


def test_loads_no_tensorflow_and_no_extra_but_for_a_page(model: Path) -> None:
    loaded = modules_after_command(["explain", "model.tflite"], model.parent)
    assert not {"tensorflow", "tf_keras", "larq", "larq_compute_engine", "jinja2", "matplotlib"} & loaded


def test_a_page_without_its_extra_says_what_to_install(model: Path) -> None:
    done = python(
        "import sys\nsys.modules['jinja2'] = None\nfrom edgehybrid.cli import main\n"
        "main(['explain', 'model.tflite', '--html', 'page.html', '--overlay', 'view'])",
        model.parent,
    )
    assert done.returncode == 1
    assert "jinja2" in done.stderr
    assert "pip install 'edgehybrid[report]'" in done.stderr
    assert [path.name for path in model.parent.iterdir()] == ["model.tflite"]


def test_refuses_a_file_that_is_not_there(tmp_path: Path) -> None:
    parts = ("There is no such model file", "received: model.tflite", "allowed: ", "next: ")
    refuse(["explain", "model.tflite"], tmp_path, 1, *parts)


def test_refuses_a_file_of_another_kind(tmp_path: Path) -> None:
    (tmp_path / "model.tflite").write_bytes(b"no model")
    refuse(["explain", "model.tflite"], tmp_path, 1, "not a TFLite flatbuffer", "received: ", "allowed: ", "next: ")


@pytest.mark.parametrize("name", [name for name in sound_models() if name != "no operator"])
def test_refuses_a_file_that_is_cut_off(name: str, tmp_path: Path) -> None:
    data = sound_models()[name]
    (tmp_path / "model.tflite").write_bytes(data[: len(data) // 2])
    refuse(["explain", "model.tflite"], tmp_path, 1, "damaged", "received: model.tflite", "allowed: ", "next: ")


def test_refuses_a_run_that_is_not_there(tmp_path: Path) -> None:
    refuse(["explain"], tmp_path, 1, "There is no run to default to", "next: ")


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["model.tflite", "--overwrite"], "--overwrite replaces"),
        (["model.tflite", "model.tflite", "--overlay", "view"], "Overlays are of one model"),
        (["model.tflite", "--runs", "runs"], "A path is looked for where it leads"),
    ],
)
def test_refuses_options_that_cannot_be_meant(arguments: list[str], part: str, model: Path) -> None:
    refuse(["explain", *arguments], model.parent, 2, part)


def test_refuses_results_without_a_row_of_the_model(model: Path) -> None:
    (model.parent / "row.json").write_text(json.dumps({"model_sha256": "0" * 64}))
    parts = ("no row of this model", "received: ", "allowed: ", "next: ")
    refuse(["explain", "model.tflite", "--results", "row.json"], model.parent, 1, *parts)


def test_refuses_a_place_that_cannot_be_written(model: Path) -> None:
    (model.parent / "file").write_text("")
    refuse(["explain", "model.tflite", "--html", "file/page.html"], model.parent, 1, "cannot be written")
