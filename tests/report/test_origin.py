import json
from pathlib import Path
from typing import Any

import pytest
from report_samples import HYBRID, TWIN, make_row, make_run

from edgehybrid.errors import EdgehybridError, FlatbufferError, RunError
from edgehybrid.report.origin import recipe_of, sort_by_origin
from edgehybrid.results import Row


def edit(path: Path, **changes: Any) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def sidecar_of(row: Row, runs: Path) -> Path:
    return (runs / str(row.run) / row.model).with_suffix(".json")


def checkpoint_of(row: Row, runs: Path) -> Path:
    return runs / str(row.run) / "checkpoint" / "latest.json"


def test_a_proven_row_gives_the_recipe_of_its_run(tmp_path: Path) -> None:
    assert recipe_of(make_run(tmp_path), tmp_path) == HYBRID


@pytest.mark.parametrize("key", ["recipe", "recipe_sha256", "model_sha256"])
def test_refuses_a_row_that_differs_from_its_run(tmp_path: Path, key: str) -> None:
    row = make_run(tmp_path).model_copy(update={key: "f" * 64})
    with pytest.raises(RunError, match=key.removesuffix("_sha256")):
        recipe_of(row, tmp_path)


@pytest.mark.parametrize("key", ["run", "recipe_sha256", "model_sha256", "checkpoint_sha256"])
def test_refuses_a_model_whose_sidecar_differs(tmp_path: Path, key: str) -> None:
    row = make_run(tmp_path)
    edit(sidecar_of(row, tmp_path), **{key: "f" * 64})
    with pytest.raises(RunError, match="but the run says"):
        recipe_of(row, tmp_path)


@pytest.mark.parametrize("key", ["run", "recipe_sha256", "model_sha256", "checkpoint_sha256"])
def test_refuses_a_model_whose_sidecar_is_silent(tmp_path: Path, key: str) -> None:
    row = make_run(tmp_path)
    edit(sidecar_of(row, tmp_path), **{key: None})
    with pytest.raises(FlatbufferError, match=f"sidecar is damaged: .*{key}: "):
        recipe_of(row, tmp_path)


def test_a_hash_that_the_row_lacks_proves_nothing(tmp_path: Path) -> None:
    row = make_run(tmp_path).model_copy(update={"recipe_sha256": None})
    with pytest.raises(RunError, match="recipe hash is not recorded"):
        recipe_of(row, tmp_path)


def test_refuses_a_model_converted_before_the_last_epoch(tmp_path: Path) -> None:
    row = make_run(tmp_path)
    edit(checkpoint_of(row, tmp_path), sha256="e" * 64, epoch=13)
    with pytest.raises(RunError, match=r"(?s)checkpoint hash of the model.*Convert and benchmark"):
        recipe_of(row, tmp_path)


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("recipe.yaml", RunError),
        ("checkpoint/latest.json", RunError),
        ("model.packed.aarch64.json", FlatbufferError),
    ],
)
def test_refuses_a_run_with_a_missing_file(tmp_path: Path, name: str, error: type[EdgehybridError]) -> None:
    row = make_run(tmp_path)
    (tmp_path / str(row.run) / name).unlink()
    with pytest.raises(error):
        recipe_of(row, tmp_path)


@pytest.mark.parametrize("content", [b"{", b"[]", b"\xff\xfe"])
def test_refuses_a_damaged_sidecar(tmp_path: Path, content: bytes) -> None:
    row = make_run(tmp_path)
    sidecar_of(row, tmp_path).write_bytes(content)
    with pytest.raises(FlatbufferError, match=r"model\.packed\.aarch64\.json"):
        recipe_of(row, tmp_path)


@pytest.mark.parametrize("key", ["run", "model"])
@pytest.mark.parametrize("value", [None, "", "..", "../elsewhere", "/tmp/elsewhere", "a/b", "a\0b"])
def test_refuses_a_name_that_is_no_name_inside_the_runs(tmp_path: Path, key: str, value: str | None) -> None:
    row = make_run(tmp_path).model_copy(update={key: value})
    with pytest.raises(RunError):
        recipe_of(row, tmp_path)


def test_every_row_is_either_an_entry_or_a_refusal(tmp_path: Path) -> None:
    rows = [make_run(tmp_path), make_row(run="absent"), make_run(tmp_path, TWIN, "float32")]
    entries, refused = sort_by_origin(rows, tmp_path)
    assert [entry.row for entry in entries] == [rows[0], rows[2]]
    assert [refusal.row for refusal in refused] == [rows[1]]


def test_the_reason_names_the_folder_that_is_no_run(tmp_path: Path) -> None:
    _, refused = sort_by_origin([make_row(run="absent")], tmp_path)
    assert str(tmp_path / "absent") in refused[0].reason


def test_entries_are_numbered_from_one_in_reading_order(tmp_path: Path) -> None:
    rows = [make_run(tmp_path, TWIN, "float32"), make_run(tmp_path, device="board"), make_run(tmp_path)]
    entries, _ = sort_by_origin(rows, tmp_path)
    found = [(entry.number, entry.row.device, entry.row.recipe) for entry in entries]
    assert found == [(1, "board", "digits"), (2, "pi4", "digits"), (3, "pi4", "digits_float")]
