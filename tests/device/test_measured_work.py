"""``edgehybrid calibrate`` and ``predict`` as they are installed; samples of flatbuffers and of rows."""

import json
import shutil
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from calibration_samples import PACKED_NS, samples, works
from made_up_sessions import sessions_of
from processes import call, modules_after_command, refuse
from report_samples import emulated_row, make_row
from tiny_flatbuffers import TinyOp, TinyTensor, float_flatbuffer, tflite_bytes

from edgehybrid.device import measured_work
from edgehybrid.device.calibrate import Sample, calibrate
from edgehybrid.device.calibration import read_calibration, write_calibration
from edgehybrid.device.measured_work import calibrate_device, sample_of_row
from edgehybrid.device.work import Work, work_of_flatbuffer
from edgehybrid.errors import UsageError
from edgehybrid.flatbuffer import parse_flatbuffer, read_flatbuffer
from edgehybrid.runs.run_folder import RunFolder

TF = {"tensorflow", "tf_keras", "larq", "larq_compute_engine", "sklearn"}
QUICK = ("--sessions", "1", "--timed-runs", "3")


def dense_chain(inputs: int, outputs: int, layers: int) -> bytes:
    """FULLY_CONNECTED once from ``inputs`` to ``outputs``, then among these."""
    rng = np.random.default_rng(0)
    sizes = [inputs, *[outputs] * layers]
    tensors, ops = [TinyTensor("image", (1, inputs))], []
    for number, (read, written) in enumerate(pairwise(sizes)):
        matrix = (rng.standard_normal((written, read)) / read).astype(np.float32)
        tensors += [TinyTensor(f"w{number}", matrix.shape, data=matrix), TinyTensor(f"map{number}", (1, written))]
        ops.append(TinyOp("FULLY_CONNECTED", [2 * number, 2 * number + 1, -1], [2 * number + 2], DENSE))
    return tflite_bytes(tensors, ops, [0], [2 * layers])


DENSE = schema.FullyConnectedOptionsT()
CHAINS = {"a": (300, 100, 1), "b": (300, 900, 2), "c": (2000, 600, 3), "d": (64, 64, 9), "e": (1000, 300, 6)}


@pytest.fixture
def models(tmp_path: Path) -> list[str]:
    for name, sizes in CHAINS.items():
        (tmp_path / f"{name}.tflite").write_bytes(dense_chain(*sizes))
    return [f"{name}.tflite" for name in CHAINS]


@pytest.fixture
def pi4(tmp_path: Path) -> Path:
    write_calibration(tmp_path / "pi4.json", calibrate(samples(works(12, 0), PACKED_NS), "pi4", {}))
    return tmp_path / "pi4.json"


def test_calibrates_and_predicts_a_flatbuffer(models: list[str], tmp_path: Path) -> None:
    done = call(["calibrate", *models, "--out", "here.json", *QUICK, "--json"], tmp_path)
    assert done.returncode == 0, done.stderr
    printed = json.loads(done.stdout)
    assert printed.pop("calibration") == "here.json"
    assert printed == read_calibration(tmp_path / "here.json").as_dict()
    (fit,) = printed["kinds"]
    assert (fit["kind"], fit["networks"], fit["parts"]) == ("float32", 5, 0)
    assert fit["ns_per_binary_mac"] is None
    # One session is a doubt, and said of each.
    assert len([line for line in done.stderr.splitlines() if "one session only" in line]) == 5
    again = call(["predict", "a.tflite", "--calibration", "here.json", "--json"], tmp_path)
    assert again.returncode == 0, again.stderr
    found = json.loads(again.stdout)
    assert found["latency_ms_low"] <= found["latency_ms_predicted"] <= found["latency_ms_high"]
    assert (found["recipe"], found["model"], found["kind"], found["float_macs"]) == (
        None,
        "a.tflite",
        "float32",
        30_000,
    )


def test_prints_tables_for_a_person(models: list[str], tmp_path: Path) -> None:
    done = call(["calibrate", *models, "--out", "here.json", *QUICK], tmp_path)
    assert done.returncode == 0, done.stderr
    assert "ps a float MAC" in done.stdout
    assert "left out, median" in done.stdout
    assert "a.tflite: " in done.stderr
    again = call(["predict", "a.tflite", "b.tflite", "--calibration", "here.json"], tmp_path)
    assert "modelled for local, 1 thread; not measured" in again.stdout


def test_predicts_recipes(pi4: Path) -> None:
    arguments = ["predict", "xnor_res_x2", "hybrid_res_c", "--calibration", "pi4.json", "--json"]
    done = call(arguments, pi4.parent)
    assert done.returncode == 0, done.stderr
    one, two = json.loads(done.stdout)["results"]
    assert (one["recipe"], one["model"], one["format"], one["device"]) == ("xnor_res_x2", None, "packed", "pi4")
    assert (two["recipe"], two["calibration"]) == ("hybrid_res_c", "pi4.json")
    assert one["coverage_percent"] == pytest.approx(100 * 12 / 13)


def test_a_changed_recipe_is_another_prediction(pi4: Path) -> None:
    base = ["predict", "hybrid_res_a", "--calibration", "pi4.json", "--json"]
    plain, wider = (
        json.loads(call([*base, *more], pi4.parent).stdout) for more in ([], ["--set", "network.width=1.5"])
    )
    assert wider["binary_macs"] > 2 * plain["binary_macs"]
    assert wider["latency_ms_predicted"] > plain["latency_ms_predicted"]


@pytest.mark.parametrize(
    ("arguments", "status", "parts"),
    [
        ([], 2, ["Missing argument 'RECIPE|MODEL.tflite...'"]),
        (["hybrid_res_a"], 2, ["Missing option '--calibration'"]),
        (["hybrid_res_a", "--calibration", "absent.json"], 1, ["cannot be read", "edgehybrid calibrate"]),
        (["hybrid_res_d", "--calibration", "pi4.json"], 2, ["There is no such recipe"]),
        (["absent.tflite", "--calibration", "pi4.json"], 1, ["There is no such model file"]),
        (["hybrid_res_a", "--calibration", "pi4.json", "--format", "int8"], 1, ["No int8 network was measured"]),
        (
            ["imagenet/xnor_vgg", "--calibration", "pi4.json"],
            1,
            ["outside of what was measured", "imagenet/xnor_vgg: "],
        ),
        (["a.tflite", "--calibration", "pi4.json", "--set", "network.width=2"], 2, ["--set changes recipes"]),
        (["a.tflite", "--calibration", "pi4.json", "--format", "int8"], 2, ["--format is for recipes"]),
    ],
)
def test_predict_refuses(arguments: list[str], status: int, parts: list[str], pi4: Path) -> None:
    if "Missing" in parts[0]:
        done = call(["predict", *arguments], pi4.parent)
        assert done.returncode == status
        assert parts[0] in done.stderr
    else:
        refuse(["predict", *arguments], pi4.parent, status, *parts)


def test_calibrate_refuses_what_cannot_be_meant(models: list[str], tmp_path: Path) -> None:
    out = ["--out", "here.json"]
    refuse(["calibrate", *models, *out, "--device", "pi4"], tmp_path, 2, "no such device", "allowed: local")
    refuse(["calibrate", *models, models[0], *out], tmp_path, 2, "named twice", "a.tflite")
    refuse(["calibrate", "absent.tflite", *out], tmp_path, 1, "There is no such model file")
    (tmp_path / "here.json").write_text("mine")
    refuse(["calibrate", *models, *out], tmp_path, 1, "The calibration exists already", "--overwrite")
    assert (tmp_path / "here.json").read_text() == "mine"


def test_too_few_networks_write_no_file(models: list[str], tmp_path: Path) -> None:
    done = call(["calibrate", *models[:3], "--out", "here.json", *QUICK, "--json"], tmp_path)
    assert done.returncode == 1
    assert "too few float32 networks" in json.loads(done.stdout)["error"]["what"]
    # Nothing was measured for it.
    assert " ms" not in done.stderr
    assert not (tmp_path / "here.json").exists()


def test_a_damaged_flatbuffer_is_refused_before_anything_is_measured(models: list[str], tmp_path: Path) -> None:
    (tmp_path / "z.tflite").write_bytes(b"no flatbuffer")
    refuse(["calibrate", *models, "z.tflite", "--out", "here.json"], tmp_path, 1, "not a TFLite flatbuffer")


def test_neither_loads_tensorflow(models: list[str], pi4: Path, tmp_path: Path) -> None:
    arguments = ["calibrate", *models, "--out", "here.json", *QUICK]
    assert not TF & modules_after_command(arguments, tmp_path)
    assert not TF & modules_after_command(["predict", "xnor_res_x2", "--calibration", "pi4.json"], tmp_path)


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[Sample]:
    """What ``calibrate_device`` measured, for which nothing is fitted."""
    found: list[Sample] = []
    monkeypatch.setattr(measured_work, "calibrate", lambda of, *_: found.extend(of))
    monkeypatch.setattr(measured_work, "refuse_what_cannot_be_enough", lambda _: None)
    return found


def test_the_parts_of_a_packed_flatbuffer_have_all_of_its_work(
    converted_run: RunFolder, measured: list[Sample], tmp_path: Path
) -> None:
    model = tmp_path / "model.tflite"
    shutil.copy(converted_run.path / "model.packed.x86_64.tflite", model)
    calibrate_device([model], "local", 1, 1, 5)
    (sample,) = measured
    assert sample.work == work_of_flatbuffer(read_flatbuffer(model))
    together = Work()
    for part in sample.parts:
        together = together.and_also(part.work)
        assert part.time_ms > 0
    assert together == sample.work
    assert sample.runtime.startswith("edgehybrid")


def test_a_sample_has_the_median_of_all_sessions(
    measured: list[Sample], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "model.tflite").write_bytes(float_flatbuffer())
    sessions_of(monkeypatch, (1.0, 2.0, 3.0), (3.0, 4.0, 11.0))
    told: list[Sample] = []
    calibrate_device([tmp_path / "model.tflite"], "local", 2, 2, 3, told.append)
    assert told == measured
    assert (measured[0].latency_ms, measured[0].threads, measured[0].parts) == (3.0, 2, ())


def test_a_row_is_a_sample_with_its_flatbuffer() -> None:
    flatbuffer = parse_flatbuffer(float_flatbuffer(), "model")
    row = make_row(model_sha256=flatbuffer.sha256, format="float32", latency_ms_median=2.5)
    sample = sample_of_row(row, flatbuffer)
    assert (sample.network, sample.latency_ms, sample.threads) == ("digits (float32)", 2.5, 1)
    assert sample.work == work_of_flatbuffer(flatbuffer)
    with pytest.raises(UsageError, match="about another flatbuffer"):
        sample_of_row(make_row(), flatbuffer)
    with pytest.raises(UsageError, match="emulated board is no latency"):
        sample_of_row(emulated_row(model_sha256=flatbuffer.sha256), flatbuffer)
