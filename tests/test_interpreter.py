from pathlib import Path

import numpy as np
import pytest
from tiny_models import float_model
from tiny_runs import random_model, tiny_recipe

from edgehybrid.errors import ModelFileError
from edgehybrid.runtime.interpreter import Interpreter, load_interpreter
from edgehybrid.training.run_folder import RunFolder

IMAGES = np.random.default_rng(3).standard_normal((6, 8, 8, 1)).astype(np.float32)


@pytest.mark.parametrize("file_format", ["packed", "float32"])
def test_computes_what_keras_computes(converted_run: RunFolder, file_format: str) -> None:
    interpreter = load_interpreter(converted_run.path / f"model.{file_format}.x86_64.tflite")
    logits = np.asarray(random_model(tiny_recipe())(IMAGES, training=False))
    # The same float32 numbers, added in another order.
    np.testing.assert_allclose(interpreter.predict(IMAGES), logits, atol=1e-4)


def test_packed_models_run_in_larq_compute_engine(converted_run: RunFolder) -> None:
    interpreter = load_interpreter(converted_run.path / "model.packed.x86_64.tflite", threads=2)
    assert interpreter.runtime.startswith("larq-compute-engine 0.16")
    assert interpreter.threads == 2


def test_float_models_run_in_litert() -> None:
    assert Interpreter(float_model()).runtime.startswith("ai-edge-litert")


def test_one_image_gives_the_row_that_many_images_give(converted_run: RunFolder) -> None:
    interpreter = load_interpreter(converted_run.path / "model.float32.x86_64.tflite")
    np.testing.assert_array_equal(interpreter(IMAGES[2:3])[0], interpreter.predict(IMAGES)[2])


def test_refuses_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="cannot be read"):
        load_interpreter(tmp_path / "none.tflite")


@pytest.mark.parametrize("content", [b"", b"not a flatbuffer at all", float_model()[:200]])
def test_refuses_what_is_no_model(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(content)
    with pytest.raises(ModelFileError, match=r"model\.tflite"):
        load_interpreter(path)
