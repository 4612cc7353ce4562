"""The installed command ``convert``, of runs and of foreign models: its flatbuffers, and what users get wrong."""

import importlib.util
import json
import os
import pickle
import re
from pathlib import Path
from typing import Any

import pytest
from foreign_models import SHAPE, binary, float_layers, model_of
from native_runs import library
from processes import call, refuse

from edgehybrid.model.compat import keras


def answer(arguments: list[str], folder: Path) -> dict[str, Any]:
    done = call([*arguments, "--json"], folder)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


# Runs.


def test_a_run_becomes_a_flatbuffer_that_agrees_with_it(run: Path, tmp_path: Path) -> None:
    command = ["convert", run.name, "--target", "aarch64", "--format", "float32", "--images", "5"]
    done = call(command, tmp_path)
    assert done.returncode == 0, done.stderr
    path, size, agreement, ran = done.stdout.splitlines()
    model = tmp_path / path
    assert model == run / "model.float32.aarch64.tflite"
    assert size == f"{model.stat().st_size:,} bytes, 22 float32 layers"
    assert agreement.startswith("agrees with Keras on 100.00 % of 5 test images, largest difference ")
    assert re.fullmatch(r"compared in ai-edge-litert \S+( \(XNNPACK\))?(, \w+)?, 1 thread", ran), ran
    refuse(command, tmp_path, 1, "The flatbuffer exists already", "--overwrite")


@pytest.mark.parametrize(
    ("arguments", "status", "parts"),
    [
        (["RUN"], 2, ["Missing option '--target'"]),
        (["absent", "--target", "aarch64"], 1, ["not a run folder", "absent"]),
        (["RUN", "--target", "aarch64", "--format", "packed", "--twin"], 1, ["nothing to pack"]),
        (["RUN", "--target", "aarch64", "--format", "int8", "--max-drop", "1"], 2, ["no accuracy to lose"]),
        (["RUN", "--target", "aarch64", "--images", "0"], 2, ["0 is not in the range"]),
    ],
    ids=lambda words: " ".join(words) if isinstance(words, list) else "",
)
def test_what_users_get_wrong(arguments: list[str], status: int, parts: list[str], run: Path, tmp_path: Path) -> None:
    refuse(["convert", *(run.name if word == "RUN" else word for word in arguments)], tmp_path, status, *parts)


def test_refuses_a_checkpoint_that_was_damaged(run: Path, tmp_path: Path) -> None:
    (checkpoint,) = (run / "checkpoint").glob("*.npz")
    checkpoint.write_bytes(checkpoint.read_bytes()[:-1])
    refuse(["convert", run.name, "--target", "aarch64"], tmp_path, 1, "The checkpoint is damaged", "SHA-256")


# Foreign models.


CONVERT = ("convert", "net.h5", "--target", "x86_64")
DIGITS = "mine.yaml"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """With a binary network for digits of 8×8 pixels, and a recipe of those."""
    library()

    def layers(x: Any) -> Any:
        x = keras.layers.BatchNormalization()(binary()(keras.layers.Conv2D(32, 3)(x)))
        return keras.layers.Dense(10)(keras.layers.Flatten()(x))

    model_of(layers, (8, 8, 1)).save(tmp_path / "net.h5")
    from edgehybrid.recipe import load_recipe

    (tmp_path / DIGITS).write_text(load_recipe("digits", ["data.image_side=8"]).to_yaml())
    return tmp_path


def test_every_command_takes_the_result(folder: Path) -> None:
    converted = answer([*CONVERT, "--images", "20", "--data", DIGITS], folder)
    assert (converted["source"], converted["packed_layers"], converted["verified_on"]) == ("net.h5", 1, "test")
    model = "net.packed.x86_64.tflite"
    assert Path(converted["model"]) == folder / model
    evaluated = answer(["evaluate", model, "--data", DIGITS], folder)
    assert evaluated["images"] == 360
    row = answer(["benchmark", model, "--sessions", "1", "--timed-runs", "3"], folder)
    assert (row["recipe"], row["run"], row["format"], row["rules"]) == ("net", None, "packed", "full")
    assert row["top1_percent"] == evaluated["top1_percent"]
    assert row["energy_model_uj"] == pytest.approx(answer(["cost", model], folder)["energy_uj"])
    assert answer(["explain", model], folder)["why_not_packed"] == []
    refuse(["evaluate", model], folder, 1, "was not trained here", "--data RECIPE")


def test_refuses_what_is_of_runs_alone(folder: Path) -> None:
    refuse([*CONVERT, "--twin"], folder, 2, "A twin is that of a run")
    refuse(["convert", "net.h5", "--target", "riscv"], folder, 2, "riscv", "aarch64")
    refuse(["convert", "other.h5", "--target", "x86_64"], folder, 1, "no such model file", "other.h5")


def test_refuses_what_is_of_foreign_models_alone(tmp_path: Path) -> None:
    refuse(["convert", "--target", "x86_64", "--data", "digits"], tmp_path, 2, "A run has its own images")
    refuse(["convert", "--target", "x86_64", "--allow-unpacked"], tmp_path, 2, "--allow-unpacked")


class Hostile:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, ("touch trace",)


def test_refuses_a_pickle(tmp_path: Path) -> None:
    (tmp_path / "net.h5").write_bytes(pickle.dumps(Hostile()))
    refuse(list(CONVERT), tmp_path, 1, "damaged, or of another format", "net.h5")


def test_refuses_a_lambda(tmp_path: Path) -> None:
    trace = str(tmp_path / "trace")

    def called(x: Any) -> Any:
        Path(trace).touch()
        return x

    image = keras.Input(SHAPE)
    keras.Model(image, float_layers(keras.layers.Lambda(called, name="mine")(image))).save(tmp_path / "net.h5")
    Path(trace).unlink()
    refuse(list(CONVERT), tmp_path, 1, "never run", "'mine'", "Lambda", "SavedModel")


def test_refuses_a_layer_that_cannot_be_packed(tmp_path: Path) -> None:
    library()
    layers = binary(groups=2)
    model_of(lambda x: keras.layers.Flatten()(layers(keras.layers.Conv2D(32, 3)(x)))).save(tmp_path / "net.h5")
    refuse(list(CONVERT), tmp_path, 1, "groups of 16 input channels", "a multiple of 32", "--allow-unpacked")


ZOO = ("QuickNet", "BinaryAlexNet", "BinaryResNetE18")


@pytest.mark.slow
@pytest.mark.skipif(
    importlib.util.find_spec("larq_zoo") is None,
    reason="needs larq-zoo: pip install --no-deps larq-zoo zookeeper==1.4.0 'typeguard<5'",
)
@pytest.mark.parametrize("name", ZOO)
def test_models_of_larq_zoo_convert(name: str, tmp_path: Path) -> None:
    import larq_zoo
    from rivals import with_random_batch_norm

    keras.utils.set_random_seed(1)
    make = getattr(larq_zoo.sota, name, None) or getattr(larq_zoo.literature, name)
    with_random_batch_norm(make(weights=None)).save(tmp_path / f"{name}.h5")
    converted = answer(["convert", f"{name}.h5", "--target", "x86_64", "--images", "10"], tmp_path)
    assert converted["packed_layers"] == {"QuickNet": 16, "BinaryAlexNet": 7, "BinaryResNetE18": 16}[name]
    explained = answer(["explain", converted["model"]], tmp_path)
    assert [each for each in explained["why_not_packed"] if not each["is_half_quantised"]] == []
