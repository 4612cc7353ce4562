"""A flatbuffer and its sidecar: read together, refused apart."""

import hashlib
import os
import platform
from collections.abc import Callable
from pathlib import Path

import pytest
from report_samples import HYBRID, sidecar_of

from edgehybrid.errors import FlatbufferError, RunError
from edgehybrid.recipe import load_recipe
from edgehybrid.runs.artefact import artefact_or_none, find_artefact, open_artefact
from edgehybrid.runs.run_folder import RunFolder, create_run
from edgehybrid.runs.sidecar import sidecar_path, write_with_sidecar

CONTENT = b"a flatbuffer"
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def flatbuffer(tmp_path: Path) -> Path:
    return write_with_sidecar(tmp_path, CONTENT, sidecar_of(CONTENT))


def test_reads_hash_recipe_and_sidecar(flatbuffer: Path) -> None:
    artefact = open_artefact(flatbuffer)
    assert (artefact.path, artefact.sha256, artefact.recipe) == (flatbuffer, SHA256, HYBRID)
    assert artefact.sidecar == sidecar_of(CONTENT)


def test_refuses_a_missing_flatbuffer(flatbuffer: Path) -> None:
    flatbuffer.unlink()
    with pytest.raises(FlatbufferError, match="cannot be read"):
        open_artefact(flatbuffer)


def test_refuses_a_flatbuffer_without_its_sidecar(flatbuffer: Path) -> None:
    sidecar_path(flatbuffer).unlink()
    with pytest.raises(FlatbufferError, match="has no sidecar"):
        open_artefact(flatbuffer)


@pytest.mark.parametrize("read", [open_artefact, artefact_or_none])
def test_refuses_a_damaged_sidecar(flatbuffer: Path, read: Callable[[Path], object]) -> None:
    sidecar_path(flatbuffer).write_bytes(b"{}")
    with pytest.raises(FlatbufferError, match="sidecar is damaged"):
        read(flatbuffer)


def test_refuses_the_sidecar_of_another_flatbuffer(flatbuffer: Path) -> None:
    sidecar_path(flatbuffer).write_text(sidecar_of(b"another").model_dump_json())
    with pytest.raises(FlatbufferError, match="about another flatbuffer") as caught:
        open_artefact(flatbuffer)
    assert SHA256[:12] in (caught.value.received or "")


def test_a_flatbuffer_from_elsewhere_has_no_sidecar(flatbuffer: Path) -> None:
    assert artefact_or_none(flatbuffer) == open_artefact(flatbuffer)
    sidecar_path(flatbuffer).unlink()
    assert artefact_or_none(flatbuffer) is None


def write_flatbuffer(run: RunFolder, target: str, seconds: int) -> Path:
    path = run.path / f"model.packed.{target}.tflite"
    path.write_bytes(CONTENT)
    sidecar_path(path).write_text(sidecar_of(CONTENT).model_dump_json())
    os.utime(path, (seconds, seconds))
    return path


def test_finds_the_flatbuffer_of_that_path(flatbuffer: Path, tmp_path: Path) -> None:
    assert find_artefact(tmp_path / "runs", str(flatbuffer)).path == flatbuffer


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
