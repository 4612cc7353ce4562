"""Loading a flatbuffer into the first runtime that can run it."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from tiny_models import TinyOp, TinyTensor, float_model, tflite_bytes
from tiny_runs import random_model, tiny_recipe

from edgehybrid.errors import ModelFileError
from edgehybrid.runs.run_folder import RunFolder
from edgehybrid.runtime import interpreter
from edgehybrid.runtime.interpreter import Interpreter, load_interpreter
from edgehybrid.runtime.loaded import Loaded

IMAGES = np.random.default_rng(3).standard_normal((6, 8, 8, 1)).astype(np.float32)


@pytest.mark.parametrize("file_format", ["packed", "float32"])
def test_computes_what_keras_computes(converted_run: RunFolder, file_format: str) -> None:
    loaded = load_interpreter(converted_run.path / f"model.{file_format}.x86_64.tflite")
    logits = np.asarray(random_model(tiny_recipe())(IMAGES, training=False))
    # The same float32 numbers, added in another order.
    np.testing.assert_allclose(loaded.predict(IMAGES), logits, atol=1e-4)


def test_the_first_runtime_that_can_run_a_model_does(monkeypatch: pytest.MonkeyPatch) -> None:
    def loaded(name: str) -> Loaded:
        return Loaded(lambda image: image, name, None)

    def runtime(name: str, can: bool) -> SimpleNamespace:
        return SimpleNamespace(can_run=lambda _: can, load=lambda *_: loaded(name))

    monkeypatch.setattr(interpreter, "RUNTIMES", [runtime("a", False), runtime("b", True), runtime("c", True)])
    assert Interpreter(float_model()).runtime == "b"


def test_refuses_a_model_that_no_runtime_can_run() -> None:
    content = tflite_bytes(
        [TinyTensor("x", (1, 4)), TinyTensor("y", (1, 4))], [TinyOp("LceNovelty", [0], [1])], [0], [1]
    )
    with pytest.raises(ModelFileError, match="no runtime knows all operators") as caught:
        Interpreter(content)
    assert caught.value.received == "LceNovelty"


def test_one_image_gives_the_row_that_many_images_give(converted_run: RunFolder) -> None:
    loaded = load_interpreter(converted_run.path / "model.float32.x86_64.tflite")
    np.testing.assert_array_equal(loaded(IMAGES[2:3])[0], loaded.predict(IMAGES)[2])


def test_refuses_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="cannot be read"):
        load_interpreter(tmp_path / "none.tflite")


@pytest.mark.parametrize("content", [b"", b"not a flatbuffer at all", float_model()[:200]])
def test_refuses_what_is_no_model(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(content)
    with pytest.raises(ModelFileError, match=r"model\.tflite"):
        load_interpreter(path)
