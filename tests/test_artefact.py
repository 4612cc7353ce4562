"""A flatbuffer and its sidecar: read together, refused apart."""

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pytest

from edgehybrid.errors import ModelFileError
from edgehybrid.recipe import load_recipe
from edgehybrid.training.artefact import evaluation_file, flatbuffers_of, open_artefact, read_top1
from edgehybrid.training.run_folder import create_run

CONTENT = b"a flatbuffer"
SHA256 = hashlib.sha256(CONTENT).hexdigest()


def sidecar() -> dict[str, Any]:
    return {
        "model_sha256": SHA256, "recipe": load_recipe("digits").model_dump(mode="json"), "target": "aarch64",
    }  # fmt: skip


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "model.float32.aarch64.tflite"
    path.write_bytes(CONTENT)
    path.with_suffix(".json").write_text(json.dumps(sidecar()))
    return path


def test_reads_hash_recipe_and_sidecar(model: Path) -> None:
    artefact = open_artefact(model)
    assert artefact.path == model
    assert artefact.sha256 == SHA256
    assert artefact.recipe == load_recipe("digits")
    assert artefact.sidecar == sidecar()


def test_refuses_a_missing_flatbuffer(model: Path) -> None:
    model.unlink()
    with pytest.raises(ModelFileError, match="cannot be read"):
        open_artefact(model)


def test_refuses_a_missing_sidecar(model: Path) -> None:
    model.with_suffix(".json").unlink()
    with pytest.raises(ModelFileError, match="has no sidecar"):
        open_artefact(model)


@pytest.mark.parametrize(
    "content",
    [
        b"", b"{", b"\xff", b"[]", b"null", b"{}",
        json.dumps({"model_sha256": SHA256, "recipe": {"name": "digits"}}).encode(),
        json.dumps({"recipe": sidecar()["recipe"]}).encode(),
    ],
)  # fmt: skip
def test_refuses_a_damaged_sidecar(model: Path, content: bytes) -> None:
    model.with_suffix(".json").write_bytes(content)
    with pytest.raises(ModelFileError, match="sidecar is damaged"):
        open_artefact(model)


@pytest.mark.parametrize("other", [hashlib.sha256(b"another").hexdigest(), None, 1])
def test_refuses_the_sidecar_of_another_flatbuffer(model: Path, other: object) -> None:
    model.with_suffix(".json").write_text(json.dumps(sidecar() | {"model_sha256": other}))
    with pytest.raises(ModelFileError, match="about another flatbuffer") as caught:
        open_artefact(model)
    assert SHA256[:12] in (caught.value.received or "")


def test_lists_a_runs_flatbuffers_the_newest_first(tmp_path: Path) -> None:
    run = create_run(tmp_path, load_recipe("digits"))
    for seconds, name in ((20, "model.b.tflite"), (30, "model.a.tflite"), (10, "model.c.tflite")):
        (run.path / name).write_bytes(b"")
        os.utime(run.path / name, (seconds, seconds))
    assert [p.name for p in flatbuffers_of(run)] == ["model.a.tflite", "model.b.tflite", "model.c.tflite"]


def test_reads_the_accuracy_of_exactly_this_file(model: Path) -> None:
    evaluation_file(model).write_text(json.dumps({"top1_percent": 87.5, "images": 360, "model_sha256": SHA256}))
    assert read_top1(model, SHA256) == (87.5, 360)
    assert read_top1(model, "0" * 64) == (None, None)


def test_a_file_that_was_not_evaluated_has_no_accuracy(model: Path) -> None:
    assert read_top1(model, SHA256) == (None, None)


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b"[]", b"{}"])
def test_refuses_a_damaged_evaluation(model: Path, content: bytes) -> None:
    evaluation_file(model).write_bytes(content)
    with pytest.raises(ModelFileError, match="evaluation is damaged"):
        read_top1(model, SHA256)
