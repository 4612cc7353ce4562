"""The rivals of a packed flatbuffer, made once and taken from then on."""

import json
import shutil
from pathlib import Path

import pytest

from converters.pipeline import convert
from edgehybrid.device import twins
from edgehybrid.device.twins import twins_of
from edgehybrid.runs.artefact import Artefact, open_artefact
from edgehybrid.runs.run_folder import RunFolder, open_run


@pytest.fixture
def packed(converted_run: RunFolder, tmp_path: Path) -> Artefact:
    copy = tmp_path / converted_run.name
    shutil.copytree(converted_run.path, copy)
    return open_artefact(copy / "model.packed.x86_64.tflite")


def test_twins_beside_a_flatbuffer_are_taken_int8_first(packed: Artefact, monkeypatch: pytest.MonkeyPatch) -> None:
    run = open_run(packed.path.parent)
    for file_format in ("float32", "int8"):
        convert(run, "x86_64", file_format, images=5, twin=True)  # type: ignore[arg-type]
    monkeypatch.setattr(twins, "_convert", lambda *_: pytest.fail("nothing is missing"))
    assert [twin.sidecar.format for twin in twins_of(packed, print)] == ["int8", "float32"]


def test_others_have_no_twins(artefact: Artefact) -> None:
    assert artefact.sidecar.format == "float32"
    assert twins_of(artefact, print) == []


def test_without_tensorflow_it_says_what_is_missing(packed: Artefact, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(twins, "find_spec", lambda _: None)
    said: list[str] = []
    assert twins_of(packed, said.append) == []
    assert len(said) == 2
    assert all("edgehybrid[train]" in line for line in said)


def test_a_damaged_twin_is_left_out_with_a_note(packed: Artefact, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(twins, "find_spec", lambda _: None)
    (packed.path.parent / "model.twin_int8.x86_64.tflite").write_bytes(b"half")
    (packed.path.parent / "model.twin_int8.x86_64.json").write_text(json.dumps({}))
    said: list[str] = []
    assert twins_of(packed, said.append) == []
    assert any("int8" in line and "damaged" in line for line in said)


@pytest.mark.slow
def test_missing_twins_are_converted_once(packed: Artefact) -> None:
    said: list[str] = []
    assert len(twins_of(packed, said.append)) == 2
    assert sum("once" in line for line in said) == 2
    assert len(twins_of(packed, said.append)) == 2
    assert sum("once" in line for line in said) == 2
