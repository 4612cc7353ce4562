"""The installed command ``calibrate``: from flatbuffers to a calibration that predicts, and what users get wrong."""

import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from processes import call, modules_after_command, refuse
from tiny_flatbuffers import TinyOp, TinyTensor, tflite_bytes

from edgehybrid.device.calibration import read_calibration

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


def test_refuses_what_cannot_be_meant(models: list[str], tmp_path: Path) -> None:
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


def test_loads_no_tensorflow(models: list[str], tmp_path: Path) -> None:
    loaded = modules_after_command(["calibrate", *models, "--out", "here.json", *QUICK], tmp_path)
    assert not {"tensorflow", "tf_keras", "larq", "larq_compute_engine", "sklearn"} & loaded
