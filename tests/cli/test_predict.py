"""The installed command ``predict``: recipes and flatbuffers by a calibration, and what users get wrong."""

import json
from pathlib import Path

import pytest
from calibration_samples import PACKED_NS, samples, works
from processes import call, modules_after_command, refuse

from edgehybrid.device.calibrate import calibrate
from edgehybrid.device.calibration import write_calibration


@pytest.fixture
def pi4(tmp_path: Path) -> Path:
    write_calibration(tmp_path / "pi4.json", calibrate(samples(works(12, 0), PACKED_NS), "pi4", {}))
    return tmp_path / "pi4.json"


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
def test_what_users_get_wrong(arguments: list[str], status: int, parts: list[str], pi4: Path) -> None:
    if "Missing" in parts[0]:
        done = call(["predict", *arguments], pi4.parent)
        assert done.returncode == status
        assert parts[0] in done.stderr
    else:
        refuse(["predict", *arguments], pi4.parent, status, *parts)


def test_loads_no_tensorflow(pi4: Path) -> None:
    loaded = modules_after_command(["predict", "xnor_res_x2", "--calibration", pi4.name], pi4.parent)
    assert not {"tensorflow", "tf_keras", "larq", "larq_compute_engine", "sklearn"} & loaded
