"""What stands beside a flatbuffer: all of it, or a refusal."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from report_samples import HYBRID, sidecar_of

from edgehybrid.errors import FlatbufferError
from edgehybrid.runs.sidecar import (
    flatbuffer_name,
    flatbuffers_in,
    is_for,
    read_sidecar,
    sidecar_path,
    write_with_sidecar,
)

CONTENT = b"a flatbuffer"


@pytest.fixture
def flatbuffer(tmp_path: Path) -> Path:
    return write_with_sidecar(tmp_path, CONTENT, sidecar_of(CONTENT, warnings=("one", "two")))


def edit(flatbuffer: Path, **changes: Any) -> None:
    path = sidecar_path(flatbuffer)
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_what_is_written_is_read(flatbuffer: Path) -> None:
    assert flatbuffer.read_bytes() == CONTENT
    assert read_sidecar(flatbuffer) == sidecar_of(CONTENT, warnings=("one", "two"))
    assert read_sidecar(flatbuffer).recipe == HYBRID


def test_a_flatbuffers_name_says_format_and_target(flatbuffer: Path) -> None:
    assert flatbuffer.name == flatbuffer_name("packed", "aarch64") == "model.packed.aarch64.tflite"
    assert sidecar_path(flatbuffer).name == "model.packed.aarch64.json"
    assert is_for(flatbuffer, "aarch64")
    assert not is_for(flatbuffer, "x86_64")


def test_refuses_a_missing_sidecar(flatbuffer: Path) -> None:
    sidecar_path(flatbuffer).unlink()
    with pytest.raises(FlatbufferError, match="has no sidecar"):
        read_sidecar(flatbuffer)


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b"[]", b"null", b"{}"])
def test_refuses_a_damaged_sidecar(flatbuffer: Path, content: bytes) -> None:
    sidecar_path(flatbuffer).write_bytes(content)
    with pytest.raises(FlatbufferError, match="sidecar is damaged"):
        read_sidecar(flatbuffer)


# Fields with a default, which sidecars of earlier versions lack.
LATER = {"twin", "source", "source_sha256", "top1_drop_points", "verified_with"}


@pytest.mark.parametrize("key", sorted({*json.loads(sidecar_of(CONTENT).model_dump_json())} - LATER))
def test_refuses_a_sidecar_without_one_of_its_keys(flatbuffer: Path, key: str) -> None:
    path = sidecar_path(flatbuffer)
    path.write_text(json.dumps({name: value for name, value in json.loads(path.read_text()).items() if name != key}))
    with pytest.raises(FlatbufferError, match=f"sidecar is damaged: .*{key}: "):
        read_sidecar(flatbuffer)


@pytest.mark.parametrize(
    "change",
    [
        {"of_another_version": 1},
        {"size_bytes": "12"},
        {"format": "float16"},
        {"target": "riscv64"},
        {"epochs": 1.5},
        {"model_sha256": None},
        {"model_sha256": 1},
        {"recipe": {"name": "digits"}},
    ],
)
def test_refuses_unknown_keys_and_wrong_values_by_name(flatbuffer: Path, change: dict[str, Any]) -> None:
    edit(flatbuffer, **change)
    with pytest.raises(FlatbufferError, match=rf"sidecar is damaged: .*{next(iter(change))}[.\w]*: ") as caught:
        read_sidecar(flatbuffer)
    assert "--overwrite" in (caught.value.next_step or "")


def test_lists_a_runs_flatbuffers_the_newest_first(tmp_path: Path) -> None:
    for seconds, name in ((20, "model.b.tflite"), (30, "model.a.tflite"), (10, "model.c.tflite")):
        (tmp_path / name).write_bytes(b"")
        os.utime(tmp_path / name, (seconds, seconds))
    assert [p.name for p in flatbuffers_in(tmp_path)] == ["model.a.tflite", "model.b.tflite", "model.c.tflite"]
