"""Rows in files of other programs: what is written is read, and what is no row is refused by its number."""

import builtins
import tempfile
from pathlib import Path
from typing import Any

import pytest
from disks import files_of_at_most
from hypothesis import given, settings
from hypothesis import strategies as st
from row_samples import REQUIRED, ROWS, type_of

from edgehybrid.errors import EdgehybridError, MissingExtraError, RunError, UsageError
from edgehybrid.results import Row, row_from
from edgehybrid.results.exchange import read_rows, write_rows

ENDINGS = ("csv", "json", "parquet")


@pytest.mark.parametrize("ending", ENDINGS)
@settings(max_examples=30, deadline=None)
@given(rows=st.lists(ROWS, max_size=3))
def test_rows_come_back_as_they_were(ending: str, rows: list[dict[str, Any]]) -> None:
    if ending == "csv":
        # There an empty text is null, which texts that must be given are not.
        rows = [
            {name: "–" if value == "" and type_of(name) == "string" else value for name, value in row.items()}
            for row in rows
        ]
    expected = [row_from(row) for row in rows]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"rows.{ending}")
        write_rows(path, expected)
        assert read_rows(path) == expected


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_field_keeps_its_type(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"rows.{ending.upper()}"
    row = row_from(REQUIRED | {"latency_ms_median": 2.0, "images": 10, "top1_percent": 0.1 + 0.2})
    write_rows(path, [row])
    (found,) = read_rows(path)
    assert found.as_dict() == row.as_dict()
    assert [type(value) for value in found.as_dict().values()] == [type(value) for value in row.as_dict().values()]


def test_parquet_has_typed_columns(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    write_rows(tmp_path / "rows.parquet", [row_from(REQUIRED)])
    types = {field.name: str(field.type) for field in parquet.read_schema(tmp_path / "rows.parquet")}
    assert list(types) == list(Row.model_fields)
    assert (types["latency_ms_median"], types["threads"], types["emulated"]) == ("double", "int64", "bool")


def test_another_ending_is_refused(tmp_path: Path) -> None:
    for use in (lambda path: write_rows(path, []), read_rows):
        with pytest.raises(UsageError, match=r"\.csv, \.json, \.parquet"):
            use(tmp_path / "rows.xlsx")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("rows.csv", b""),
        ("rows.csv", b"model,device\n1\n"),
        ("rows.csv", b"\xff\xfe\x00"),
        ("rows.csv", b'model\n"half'),
        ("rows.csv", b"threads\nmany\n"),
        ("rows.json", b""),
        ("rows.json", b"[]"),
        ("rows.json", b'{"rows": []}'),
        ("rows.json", b'{"results": [1]}'),
        ("rows.json", b"[" * 100_000),
        ("rows.parquet", b""),
        ("rows.parquet", b"PAR1" + bytes(100) + b"PAR1"),
    ],
)
def test_a_file_that_holds_no_rows_is_one_error(name: str, content: bytes, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(RunError, match="holds no rows of results"):
        read_rows(tmp_path / name)


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_missing_file_is_one_error(ending: str, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="cannot be read"):
        read_rows(tmp_path / f"rows.{ending}")


@pytest.mark.parametrize(
    ("header", "cells", "message"),
    [
        ("model,speed", "a,1", "unknown keys"),
        ("model,threads", "a,1", "lacks keys"),
        ("model,size_bytes", "a,-1", "lacks keys|'size_bytes'"),
    ],
)
def test_what_is_no_row_is_refused_by_its_number(header: str, cells: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text(f"{header}\n{cells}\n")
    with pytest.raises(RunError, match=f"Row 1 of the file: .*({message})"):
        read_rows(tmp_path / "rows.csv")


def test_a_full_disk_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("old")
    with files_of_at_most(100), pytest.raises(EdgehybridError, match="cannot be written"):
        write_rows(path, [row_from(REQUIRED)] * 50)
    assert path.read_text() == "old"
    assert [*tmp_path.iterdir()] == [path]


def test_parquet_without_pyarrow_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any, **more: Any) -> Any:
        if name.startswith("pyarrow"):
            raise ModuleNotFoundError(name=name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingExtraError, match="pyarrow"):
        write_rows(tmp_path / "rows.parquet", [])
