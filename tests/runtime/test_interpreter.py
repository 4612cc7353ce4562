"""Loading a flatbuffer into the first runtime that can run it, and running images in it."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from processes import modules_after
from tiny_flatbuffers import TinyOp, TinyTensor, float_flatbuffer, tflite_bytes
from tiny_runs import random_model, tiny_recipe

from edgehybrid.errors import FlatbufferError, UsageError
from edgehybrid.runs.run_folder import RunFolder
from edgehybrid.runtime import Interpreter, interpreter
from edgehybrid.runtime.host import Host
from edgehybrid.runtime.loaded import Loaded

IMAGES = np.random.default_rng(3).standard_normal((6, 8, 8, 1)).astype(np.float32)
FORMATS = ("packed", "float32")


def path_of(run: RunFolder, file_format: str) -> Path:
    return run.path / f"model.{file_format}.x86_64.tflite"


@pytest.mark.parametrize("file_format", FORMATS)
def test_computes_what_keras_computes(converted_run: RunFolder, file_format: str) -> None:
    loaded = Interpreter(path_of(converted_run, file_format))
    logits = np.asarray(random_model(tiny_recipe())(IMAGES, training=False))
    # The same float32 numbers, added in another order.
    np.testing.assert_allclose(loaded.predict(IMAGES), logits, atol=1e-4)


def test_the_first_runtime_that_can_run_a_model_does(monkeypatch: pytest.MonkeyPatch) -> None:
    def runtime(name: str, can: bool) -> SimpleNamespace:
        loaded = Loaded(Host(lambda image: image, (1,), (1,)), name, None, threads=1)
        return SimpleNamespace(can_run=lambda _: can, load=lambda *_: loaded)

    monkeypatch.setattr(interpreter, "RUNTIMES", [runtime("a", False), runtime("b", True), runtime("c", True)])
    assert Interpreter(float_flatbuffer()).runtime == "b"


def test_refuses_a_model_that_no_runtime_can_run() -> None:
    content = tflite_bytes(
        [TinyTensor("x", (1, 4)), TinyTensor("y", (1, 4))], [TinyOp("LceNovelty", [0], [1])], [0], [1]
    )
    with pytest.raises(FlatbufferError, match="no runtime knows all operators") as caught:
        Interpreter(content)
    assert caught.value.received == "LceNovelty"


@pytest.mark.parametrize("file_format", FORMATS)
def test_an_image_gives_the_same_logits_alone_and_among_others_in_any_number_of_threads(
    converted_run: RunFolder, file_format: str
) -> None:
    # 6 images: equal parts for 1, 2 and 3 threads, unequal ones for 4, and threads without an image for 7.
    alone = Interpreter(path_of(converted_run, file_format))
    expected = np.concatenate([alone(IMAGES[index : index + 1]) for index in range(6)])
    for threads in (1, 2, 3, 4, 7):
        loaded = Interpreter(path_of(converted_run, file_format), threads)
        np.testing.assert_array_equal(loaded.predict(IMAGES), expected)
        np.testing.assert_array_equal(loaded(IMAGES[2:3])[0], expected[2])


def test_no_images_give_no_logits() -> None:
    assert Interpreter(float_flatbuffer()).predict(np.zeros((0, 5, 5, 2))).shape == (0, 7)


@pytest.mark.parametrize(
    ("images", "received"),
    [
        (np.zeros((3, 5, 5, 1), np.float32), "float32 (3, 5, 5, 1)"),
        (np.zeros((5, 5, 2), np.float32), "float32 (5, 5, 2)"),
        (np.zeros((3, 5, 5, 2), np.uint8), "uint8 (3, 5, 5, 2)"),
    ],
    ids=["channels", "no batch", "pixels"],
)
def test_refuses_other_images(images: np.ndarray[Any, Any], received: str) -> None:
    with pytest.raises(UsageError, match="not what the flatbuffer takes") as caught:
        Interpreter(float_flatbuffer()).predict(images)
    assert caught.value.received == received
    assert "5, 5, 2), normalised" in str(caught.value.allowed)


def test_what_a_thread_raises_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = Interpreter(float_flatbuffer(), threads=2)

    def broken(image: np.ndarray[Any, Any]) -> None:
        raise RuntimeError("the delegate failed")

    monkeypatch.setattr(loaded, "_runs", [broken, broken])
    with pytest.raises(RuntimeError, match="the delegate failed"):
        loaded.predict(np.zeros((4, 5, 5, 2)))


def test_refuses_less_than_one_thread() -> None:
    with pytest.raises(UsageError, match="has threads"):
        Interpreter(float_flatbuffer(), threads=0)


def test_refuses_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FlatbufferError, match="cannot be read"):
        Interpreter(tmp_path / "none.tflite")


@pytest.mark.parametrize("content", [b"", b"not a flatbuffer at all", float_flatbuffer()[:200]])
def test_refuses_what_is_no_model(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(content)
    with pytest.raises(FlatbufferError, match=r"model\.tflite"):
        Interpreter(path)


def test_importing_the_runtime_loads_no_host() -> None:
    loaded = modules_after("from edgehybrid.runtime import delegate, library")
    assert not {"ai_edge_litert", "numpy", "tensorflow", "larq", "larq_compute_engine"} & loaded


@pytest.mark.parametrize("file_format", FORMATS)
def test_running_a_flatbuffer_loads_no_tensorflow(converted_run: RunFolder, file_format: str) -> None:
    path = str(path_of(converted_run, file_format))
    code = f"import numpy as np; from edgehybrid.runtime import Interpreter; r = Interpreter({path!r}, threads=2)"
    loaded = modules_after(f"{code}\nr.predict(np.zeros((3, 8, 8, 1)))")
    assert not {"tensorflow", "tf_keras", "larq", "larq_compute_engine"} & loaded
