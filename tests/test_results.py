"""results.py: what is appended is read; nothing else gets in, and nothing gets out."""

import csv
import io
import json
import math
import multiprocessing
import os
import sqlite3
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgehybrid.errors import EdgehybridError, RunError
from edgehybrid.results import (
    FIELDS,
    LATENCIES,
    MAX_NUMBER,
    SCHEMA_VERSION,
    TIME_FORMAT,
    VERDICTS,
    append,
    read,
    to_csv,
)

NAMES = [field.name for field in FIELDS]
REQUIRED: dict[str, Any] = {
    "model": "model.packed.aarch64.tflite", "model_sha256": "ab" * 32, "format": "packed",
    "device": "local", "board": {"cpu": "Cortex-A72", "clock_mhz": 1500}, "runtime": "lce", "threads": 1,
    "sessions": 3, "runs": 50, "size_bytes": 12345, "verdict": "valid", "verdict_reasons": [],
    "emulated": False, "tool_version": "0.1.0",
}  # fmt: skip


# -- strategies for rows that keep the rules


TEXTS = st.text(max_size=20)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS
VALUES: dict[type, st.SearchStrategy[Any]] = {
    str: st.text(st.characters(exclude_categories=["C", "Z"], include_characters=" "), max_size=20),
    float: st.floats(0, 1e12),
    int: st.integers(0, MAX_NUMBER),
    bool: st.booleans(),
    dict: st.dictionaries(TEXTS, SCALARS | st.lists(SCALARS, max_size=3), max_size=4),
    list: st.lists(TEXTS, max_size=3),
}
TIMES = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1)).map(lambda time: time.strftime(TIME_FORMAT))
COLUMNS = {field.name: VALUES[field.type] if field.required else st.none() | VALUES[field.type] for field in FIELDS} | {
    "verdict": st.sampled_from(VERDICTS),
    "measured_at_utc": TIMES,
}
ROWS = st.fixed_dictionaries(COLUMNS).map(
    lambda row: row | dict.fromkeys(LATENCIES if row["emulated"] else ["emulated_ms_not_latency"])
)


# -- what is kept


def types(row: dict[str, Any]) -> dict[str, type]:
    return {name: type(value) for name, value in row.items()}


@settings(max_examples=50, deadline=None)  # a new file each, on a disk of unknown speed
@given(rows=st.lists(ROWS, min_size=1, max_size=3))
def test_read_gives_the_appended_rows_in_order(rows: list[dict[str, Any]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "results.sqlite")
        assert [append(path, row) for row in rows] == list(range(1, len(rows) + 1))
        found = read(path)
    assert found == rows
    # 1 == 1.0 == True
    assert [types(row) for row in found] == [types(row) for row in rows]


def test_field_that_is_not_given_is_null(tmp_path: Path) -> None:
    append(tmp_path / "r", REQUIRED)
    (row,) = read(tmp_path / "r")
    assert list(row) == NAMES
    assert {name for name in NAMES if row[name] is None} == set(NAMES) - set(REQUIRED) - {"measured_at_utc"}


@pytest.mark.parametrize("given", [{}, {"measured_at_utc": None}])
def test_time_of_measurement_defaults_to_now(given: dict[str, Any], tmp_path: Path) -> None:
    append(tmp_path / "r", REQUIRED | given)
    (row,) = read(tmp_path / "r")
    measured_at = datetime.strptime(row["measured_at_utc"], TIME_FORMAT).replace(tzinfo=UTC)
    assert abs(datetime.now(UTC) - measured_at) < timedelta(minutes=1)


def test_filters_keep_equal_rows_in_order(tmp_path: Path) -> None:
    places = [("a", "local", "x"), ("b", "local", "x"), ("a", "rpi4", "y"), ("a", "local", "y")]
    for recipe, device, run in places:
        append(tmp_path / "r", REQUIRED | {"recipe": recipe, "device": device, "run": run})

    def found(**filters: str) -> list[tuple[str, str, str]]:
        return [(row["recipe"], row["device"], row["run"]) for row in read(tmp_path / "r", **filters)]

    assert found(recipe="a") == [places[0], places[2], places[3]]
    assert found(recipe="a", device="local") == [places[0], places[3]]
    assert found(run="y") == places[2:]
    assert found(recipe="a' OR 1 --") == []


def test_store_is_in_wal_mode(tmp_path: Path) -> None:
    append(tmp_path / "r", REQUIRED)
    with sqlite3.connect(tmp_path / "r") as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    connection.close()


def test_folder_of_the_store_is_made(tmp_path: Path) -> None:
    assert append(tmp_path / "a folder/with #, ? and %/results.sqlite", REQUIRED) == 1


def test_rows_are_json(tmp_path: Path) -> None:
    append(tmp_path / "r", REQUIRED | {"top1_percent": 63.25})
    rows = read(tmp_path / "r")
    assert json.loads(json.dumps(rows, allow_nan=False)) == rows


@settings(max_examples=40)
@given(rows=st.lists(ROWS, max_size=2))
def test_csv_says_the_same_as_the_rows(rows: list[dict[str, Any]]) -> None:
    """Read back by the csv module and the fields' types. An empty cell is null, or an empty text."""
    header, *table = csv.reader(io.StringIO(to_csv(rows), newline=""))
    assert header == NAMES
    for cells, row in zip(table, rows, strict=True):
        for field, cell in zip(FIELDS, cells, strict=True):
            parse = field.type if field.type in (str, int, float) else json.loads
            assert (parse(cell) if cell else None) == (None if row[field.name] == "" else row[field.name])


# -- what is refused


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"latency_ms": 3.0}, "unknown keys"),
        ({"model": None}, "Add model"),
        ({"emulated": None}, "Add emulated"),
        ({"threads": 1.0}, "'threads'"),
        ({"threads": True}, "'threads'"),
        ({"threads": -1}, "'threads'"),
        ({"size_bytes": MAX_NUMBER + 1}, "'size_bytes'"),
        ({"latency_ms_p95": math.nan}, "'latency_ms_p95'"),
        ({"top1_percent": math.inf}, "'top1_percent'"),
        ({"energy_model_uj": "3"}, "'energy_model_uj'"),
        ({"emulated": 0}, "'emulated'"),
        ({"board": [1]}, "'board'"),
        ({"board": {"clock_mhz": math.nan}}, "'board'"),
        ({"board": {"cpu": object()}}, "'board'"),
        ({"board": {1: "a key that JSON makes a text"}}, "'board'"),
        ({"verdict_reasons": ({"a"},)}, "'verdict_reasons'"),
        ({"verdict": "fine"}, "'verdict'"),
        ({"device": "half a surrogate pair: \ud800"}, "'device'"),
        ({"device": "two\nlines"}, "'device'"),
        ({"measured_at_utc": "2026-01-31 12:00"}, "'measured_at_utc'"),
        ({"measured_at_utc": "2026-1-31T12:00:00Z"}, "'measured_at_utc'"),
    ],
)
def test_refuses_a_bad_row_and_writes_nothing(change: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(RunError, match=message):
        append(tmp_path / "r", REQUIRED | change)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", [field.name for field in FIELDS if field.required])
def test_refuses_a_row_without_a_required_key(name: str, tmp_path: Path) -> None:
    with pytest.raises(RunError, match=f"Add {name}"):
        append(tmp_path / "r", {key: value for key, value in REQUIRED.items() if key != name})


@pytest.mark.parametrize("latency", LATENCIES)
def test_emulated_row_has_no_latency(latency: str, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="Emulated time is not latency"):
        append(tmp_path / "r", REQUIRED | {"emulated": True, latency: 1.0})


def test_measured_row_has_no_emulated_time(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="Emulated time is not latency"):
        append(tmp_path / "r", REQUIRED | {"emulated": False, "emulated_ms_not_latency": 1.0})


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE results SET verdict = 'valid'",
        "DELETE FROM results",
        "INSERT OR REPLACE INTO results SELECT * FROM results",
    ],
)
def test_store_refuses_to_change_a_row(statement: str, tmp_path: Path) -> None:
    append(tmp_path / "r", REQUIRED | {"verdict": "invalid"})
    before = read(tmp_path / "r")
    connection = sqlite3.connect(tmp_path / "r")
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        connection.execute(statement)
    connection.close()
    assert read(tmp_path / "r") == before


# -- files that are no store of ours


def bytes_refused(path: Path, message: str) -> None:
    """Both ways of use refuse the file, and leave it as it is."""
    before = path.read_bytes()
    for use in (lambda: append(path, REQUIRED), lambda: read(path)):
        with pytest.raises(RunError, match=message):
            use()
    assert path.read_bytes() == before


def test_refuses_a_newer_schema(tmp_path: Path) -> None:
    append(tmp_path / "r", REQUIRED)
    connection = sqlite3.connect(tmp_path / "r")
    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    connection.close()
    bytes_refused(tmp_path / "r", "newer edgehybrid")


@pytest.mark.parametrize("user_version", [0, 1, 7])
def test_refuses_the_database_of_another_program(user_version: int, tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "r")
    connection.execute("CREATE TABLE moz_places (url)")
    connection.execute(f"PRAGMA user_version = {user_version}")
    connection.commit()
    connection.close()
    bytes_refused(tmp_path / "r", "no results file")


def test_refuses_a_file_that_is_not_sqlite(tmp_path: Path) -> None:
    (tmp_path / "r").write_text("recipe,device\n" * 1000)
    bytes_refused(tmp_path / "r", "not a database")


def test_refuses_a_damaged_store(tmp_path: Path) -> None:
    path = tmp_path / "r"
    append(path, REQUIRED)
    sound = path.read_bytes()
    path.write_bytes(sound[:4096] + b"\xa5" * (len(sound) - 4096))
    bytes_refused(path, "malformed")


def test_empty_file_is_a_store_without_rows(tmp_path: Path) -> None:
    (tmp_path / "r").touch()
    assert read(tmp_path / "r") == []
    assert append(tmp_path / "r", REQUIRED) == 1


def test_reading_before_the_first_row_names_the_command_that_makes_one(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="edgehybrid benchmark"):
        read(tmp_path / "r")
    assert list(tmp_path.iterdir()) == []


def test_refuses_a_folder_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RunError, match="cannot be written"):
        append(tmp_path / "file" / "results.sqlite", REQUIRED)


def test_refuses_a_path_that_is_a_folder(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="cannot be written"):
        append(tmp_path, REQUIRED)


@pytest.mark.skipif(os.geteuid() == 0, reason="needs a user other than root, who may write everywhere")
def test_refuses_a_folder_without_write_permission(tmp_path: Path) -> None:
    tmp_path.chmod(0o555)
    with pytest.raises(RunError, match="cannot be written"):
        append(tmp_path / "results.sqlite", REQUIRED)
    tmp_path.chmod(0o755)


# -- several processes at once


ROWS_EACH = 20


def append_many(path: Path, run: str, barrier: Any) -> None:
    barrier.wait()
    for index in range(ROWS_EACH):
        append(path, REQUIRED | {"run": run, "images": index})


def test_processes_that_make_and_fill_one_store_lose_no_row(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    runs, barrier = ["a", "b", "c", "d"], context.Barrier(4)
    processes = [context.Process(target=append_many, args=(tmp_path / "r", run, barrier)) for run in runs]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * len(runs)
    for run in runs:
        assert [row["images"] for row in read(tmp_path / "r", run=run)] == list(range(ROWS_EACH))
    assert len(read(tmp_path / "r")) == len(runs) * ROWS_EACH


def test_reads_while_a_writer_is_at_work(tmp_path: Path) -> None:
    append(tmp_path / "r", REQUIRED)
    writer = sqlite3.connect(tmp_path / "r", isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")
    assert len(read(tmp_path / "r")) == 1
    writer.close()


def test_errors_are_for_users() -> None:
    assert issubclass(RunError, EdgehybridError)
