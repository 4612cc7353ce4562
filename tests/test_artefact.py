"""A flatbuffer and its sidecar: read together, refused apart."""

import hashlib
import json
import os
import platform
from pathlib import Path
from typing import Any

import pytest

from edgehybrid.errors import ModelFileError, RunError
from edgehybrid.recipe import load_recipe
from edgehybrid.training.artefact import (
    evaluation_file,
    find_artefact,
    flatbuffers_of,
    open_artefact,
    read_top1,
    recipe_and_format,
)
from edgehybrid.training.run_folder import RunFolder, create_run

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


def write_flatbuffer(run: RunFolder, target: str, seconds: int) -> Path:
    path = run.path / f"model.float32.{target}.tflite"
    path.write_bytes(CONTENT)
    path.with_suffix(".json").write_text(json.dumps(sidecar()))
    os.utime(path, (seconds, seconds))
    return path


def test_finds_the_flatbuffer_of_that_path(model: Path, tmp_path: Path) -> None:
    assert find_artefact(tmp_path / "runs", str(model)).path == model


@pytest.mark.parametrize("by_name", [True, False])
def test_finds_a_runs_newest_flatbuffer_for_this_machine(by_name: bool, tmp_path: Path) -> None:
    run = create_run(tmp_path, load_recipe("digits"))
    here = write_flatbuffer(run, platform.machine(), seconds=10)
    write_flatbuffer(run, "another_machine", seconds=20)
    assert find_artefact(tmp_path, run.name if by_name else None).path == here


def test_finds_a_runs_newest_flatbuffer_where_none_is_for_this_machine(tmp_path: Path) -> None:
    run = create_run(tmp_path, load_recipe("digits"))
    write_flatbuffer(run, "one_machine", seconds=10)
    newest = write_flatbuffer(run, "another_machine", seconds=20)
    assert find_artefact(tmp_path, run.name).path == newest


def test_refuses_a_run_without_a_flatbuffer(tmp_path: Path) -> None:
    run = create_run(tmp_path, load_recipe("digits"))
    with pytest.raises(RunError, match="has no flatbuffer") as caught:
        find_artefact(tmp_path, run.name)
    assert f"edgehybrid convert {run.path} --target" in (caught.value.next_step or "")


def test_the_sidecar_says_recipe_and_format(model: Path) -> None:
    assert recipe_and_format(model.with_name("without_sidecar.tflite")) is None
    model.with_suffix(".json").write_text(json.dumps(sidecar() | {"format": "float32"}))
    assert recipe_and_format(model) == (load_recipe("digits"), "float32")


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
