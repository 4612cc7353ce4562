"""The store: what is appended is read; nothing else gets in, and nothing gets out."""

import contextlib
import multiprocessing
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import pytest
import row_samples
from disks import files_of_at_most
from hypothesis import given, settings
from hypothesis import strategies as st
from row_samples import REQUIRED, ROWS, ROWS_EACH, append_many

from edgehybrid.errors import EdgehybridError, RunError
from edgehybrid.results import Row, append, append_all, numbered, read, row_from, salvage, supersede
from edgehybrid.results.schema import SCHEMA_VERSION

ROW = row_from(REQUIRED)


def row_with(**changes: Any) -> Row:
    return row_from(REQUIRED | changes)


# -- what is kept


@settings(max_examples=50, deadline=None)  # a new file each, on a disk of unknown speed
@given(rows=st.lists(ROWS.map(row_from), min_size=1, max_size=3))
def test_read_gives_the_appended_rows_in_order(rows: list[Row]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "results.sqlite")
        assert [append(path, row) for row in rows] == list(range(1, len(rows) + 1))
        assert read(path) == rows


def test_filters_keep_equal_rows_in_order(tmp_path: Path) -> None:
    places = [("a", "local", "x"), ("b", "local", "x"), ("a", "rpi4", "y"), ("a", "local", "y")]
    for recipe, device, run in places:
        append(tmp_path / "r", row_with(recipe=recipe, device=device, run=run))

    def found(**filters: str) -> list[tuple[str | None, str, str | None]]:
        return [(row.recipe, row.device, row.run) for row in read(tmp_path / "r", **filters)]

    assert found(recipe="a") == [places[0], places[2], places[3]]
    assert found(recipe="a", device="local") == [places[0], places[3]]
    assert found(run="y") == places[2:]
    assert found(recipe="a' OR 1 --") == []


def test_store_is_in_wal_mode(tmp_path: Path) -> None:
    append(tmp_path / "r", ROW)
    with sqlite3.connect(tmp_path / "r") as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    connection.close()


def test_folder_of_the_store_is_made(tmp_path: Path) -> None:
    assert append(tmp_path / "a folder/with #, ? and %/results.sqlite", ROW) == 1


# -- what is refused


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE results SET verdict = 'valid'",
        "DELETE FROM results",
        "INSERT OR REPLACE INTO results SELECT * FROM results",
    ],
)
def test_store_refuses_to_change_a_row(statement: str, tmp_path: Path) -> None:
    append(tmp_path / "r", row_with(verdict="invalid"))
    before = read(tmp_path / "r")
    connection = sqlite3.connect(tmp_path / "r")
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        connection.execute(statement)
    connection.close()
    assert read(tmp_path / "r") == before


# -- rows that stand for others


def test_a_row_that_stands_for_another_is_read_in_its_place(tmp_path: Path) -> None:
    append_all(tmp_path / "r", [row_with(images=1), row_with(images=2)])
    assert supersede(tmp_path / "r", {1: row_with(images=10)}) == [3]
    assert numbered(tmp_path / "r") == ({2: row_with(images=2), 3: row_with(images=10)}, [])
    assert supersede(tmp_path / "r", {3: row_with(images=100)}) == [4]
    assert [row.images for row in read(tmp_path / "r", device="local")] == [2, 100]
    connection = sqlite3.connect(tmp_path / "r")
    # Nothing is lost.
    assert connection.execute("SELECT images, supersedes FROM results ORDER BY id").fetchall() == [
        (1, None),
        (2, None),
        (10, 1),
        (100, 3),
    ]
    connection.close()


def test_a_damaged_row_stands_for_none(tmp_path: Path) -> None:
    append(tmp_path / "r", row_with(images=1))
    supersede(tmp_path / "r", {1: row_with(images=10)})
    connection = sqlite3.connect(tmp_path / "r", isolation_level=None)
    connection.execute("DROP TRIGGER results_refuse_update")
    connection.execute("UPDATE results SET board = 'no JSON' WHERE id = 2")
    connection.close()
    rows, notes = salvage(tmp_path / "r")
    assert [row.images for row in rows] == [1]
    assert len(notes) == 1


@pytest.mark.parametrize(("number", "message"), [(1, "not the newest"), (9, "no row of this number")])
def test_a_row_has_one_successor_and_none_has_no_predecessor(number: int, message: str, tmp_path: Path) -> None:
    append_all(tmp_path / "r", [row_with(images=1), row_with(images=2)])
    supersede(tmp_path / "r", {1: row_with(images=10)})
    before = numbered(tmp_path / "r")
    with pytest.raises(RunError, match=message):
        supersede(tmp_path / "r", {2: row_with(images=20), number: row_with(images=0)})
    assert numbered(tmp_path / "r") == before


# -- files that are no store of ours


def bytes_refused(path: Path, message: str) -> None:
    """Both ways of use refuse the file, and leave it as it is."""
    before = path.read_bytes()
    for use in (lambda: append(path, ROW), lambda: read(path)):
        with pytest.raises(RunError, match=message):
            use()
    assert path.read_bytes() == before


def test_refuses_a_newer_schema(tmp_path: Path) -> None:
    append(tmp_path / "r", ROW)
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
    append(path, ROW)
    sound = path.read_bytes()
    path.write_bytes(sound[:4096] + b"\xa5" * (len(sound) - 4096))
    bytes_refused(path, "malformed")


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A store of 60 rows on some twenty pages."""
    path = tmp_path_factory.mktemp("store") / "r"
    for number in range(60):
        append(path, row_with(images=number, run="x" * 900))
    return path.read_bytes()


def test_a_store_cut_off_anywhere_is_read_as_far_as_it_is_whole(many: bytes, tmp_path: Path) -> None:
    path = tmp_path / "r"
    most = 0
    for size in range(512, len(many), 1536):
        path.write_bytes(many[:size])
        if not most and size < 4 * 4096:
            # The page that says which tables there are, or the first of the rows.
            with contextlib.suppress(RunError):
                most = len(salvage(path)[0])
            continue
        rows, notes = salvage(path)
        numbers = [row.images for row in rows]
        assert numbers == sorted(set(numbers) & set(range(60)))
        (note,) = notes
        # One row may go on in the part that is gone, where all others are whole.
        (lost,) = set(range(60)) - set(numbers) if len(rows) == 59 else (None,)
        assert f"; {len(rows)} rows could be read." in note or (
            lost is not None and note.startswith(f"Row {lost + 1} is damaged")
        )
        assert len(rows) >= most
        most = len(rows)
        with pytest.raises(RunError, match="results file is damaged"):
            read(path)
    assert most > 30


def test_the_first_bytes_of_a_store_are_no_empty_one(many: bytes, tmp_path: Path) -> None:
    path = tmp_path / "r"
    for size in range(1, 512):
        path.write_bytes(many[:size])
        bytes_refused(path, "results file")


def test_rows_before_and_behind_a_damaged_page_are_read(many: bytes, tmp_path: Path) -> None:
    page, path = 4096, tmp_path / "r"
    middle = len(many) // page // 2 * page
    path.write_bytes(many[:middle] + b"\xa5" * page + many[middle + page :])
    rows, notes = salvage(path)
    numbers = [row.images for row in rows]
    assert (numbers[0], numbers[-1]) == (0, 59)
    assert 40 < len(numbers) < 60
    assert len(notes) == 1


def test_a_row_that_is_none_is_left_out_by_its_number(tmp_path: Path) -> None:
    for number in range(3):
        append(tmp_path / "r", row_with(images=number))
    connection = sqlite3.connect(tmp_path / "r", isolation_level=None)
    connection.execute("DROP TRIGGER results_refuse_update")
    connection.execute("UPDATE results SET board = 'no JSON' WHERE images = 1")
    connection.close()
    rows, (note,) = salvage(tmp_path / "r")
    assert [row.images for row in rows] == [0, 2]
    assert note.startswith("Row 2 is damaged: ")


def test_a_store_on_a_read_only_disk_is_read(tmp_path: Path) -> None:
    append(tmp_path / "r", row_with(images=5))
    code = "from pathlib import Path; from edgehybrid.results import salvage; print(salvage(Path('r'))[0][0].images)"
    shell = f'mount --bind . . && mount -o remount,ro,bind . && cd "$PWD" && exec {sys.executable} -c "{code}"'
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", shell], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    if "unshare" in done.stderr or "mount" in done.stderr:
        pytest.skip(f"needs the right to mount: {done.stderr.strip()}")
    assert (done.stdout, done.stderr) == ("5\n", "")


def test_a_log_that_a_read_only_disk_hides_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    append(tmp_path / "r", ROW)
    (tmp_path / "r-wal").write_bytes(b"rows")

    def without_wal(address: str, *arguments: Any, **more: Any) -> sqlite3.Connection:
        if "memory" in address:
            return connect(address, *arguments, **more)
        error = sqlite3.OperationalError("unable to open database file")
        error.sqlite_errorcode = sqlite3.SQLITE_CANTOPEN
        raise error

    connect = sqlite3.connect
    monkeypatch.setattr("edgehybrid.results.store.sqlite3.connect", without_wal)
    rows, (note,) = salvage(tmp_path / "r")
    assert len(rows) == 1
    assert note == "The newest rows may be missing: they are in r-wal, and its folder cannot be written."


def test_empty_file_is_a_store_without_rows(tmp_path: Path) -> None:
    (tmp_path / "r").touch()
    assert read(tmp_path / "r") == []
    assert append(tmp_path / "r", ROW) == 1


def test_reading_before_the_first_row_names_the_command_that_makes_one(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="edgehybrid benchmark"):
        read(tmp_path / "r")
    assert list(tmp_path.iterdir()) == []


def test_refuses_a_folder_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RunError, match="cannot be written"):
        append(tmp_path / "file" / "results.sqlite", ROW)


def test_refuses_a_path_that_is_a_folder(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="cannot be written"):
        append(tmp_path, ROW)


@pytest.mark.skipif(os.geteuid() == 0, reason="needs a user other than root, who may write everywhere")
def test_refuses_a_folder_without_write_permission(tmp_path: Path) -> None:
    tmp_path.chmod(0o555)
    with pytest.raises(RunError, match="cannot be written"):
        append(tmp_path / "results.sqlite", ROW)
    tmp_path.chmod(0o755)


# -- several processes at once


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
        assert [row.images for row in read(tmp_path / "r", run=run)] == list(range(ROWS_EACH))
    assert len(read(tmp_path / "r")) == len(runs) * ROWS_EACH


def test_a_killed_writer_leaves_every_row_that_it_reported(tmp_path: Path) -> None:
    write = (
        "from pathlib import Path; from row_samples import REQUIRED; from edgehybrid.results import append, row_from\n"
        "row = row_from(REQUIRED)\n"
        "while True: print(append(Path('r'), row), flush=True)\n"
    )
    support = str(Path(row_samples.__file__).parent)
    reported = 0
    for seconds in (0.0, 0.005, 0.02, 0.05):
        with subprocess.Popen(
            [sys.executable, "-c", write], cwd=tmp_path, stdout=subprocess.PIPE, text=True, env={"PYTHONPATH": support}
        ) as writer:
            stream = writer.stdout
            if stream is None:
                pytest.fail("the pipe was asked for")
            first = int(stream.readline())
            time.sleep(seconds)
            writer.kill()
            numbers = [first, *(int(line) for line in stream.read().splitlines(keepends=True) if line.endswith("\n"))]
        assert first > reported
        reported = numbers[-1]
        # The last one may have been written, and not yet reported.
        assert len(read(tmp_path / "r")) in (reported, reported + 1)


def test_a_full_disk_is_one_error_and_costs_no_row(tmp_path: Path) -> None:
    path = tmp_path / "r"
    kept = [row_with(images=number) for number in range(3)]
    append_all(path, kept)
    largest = max(file.stat().st_size for file in tmp_path.iterdir())
    with files_of_at_most(largest + 1), pytest.raises(RunError, match="cannot be written"):
        append_all(path, [row_with(run="x" * 4000)] * 100)
    assert read(path) == kept
    assert append(path, ROW) == 4


def test_rows_are_added_all_or_none(tmp_path: Path) -> None:
    assert append_all(tmp_path / "r", [ROW, ROW]) == [1, 2]
    assert append_all(tmp_path / "r", []) == []
    rows, notes = numbered(tmp_path / "r")
    assert (rows, notes) == ({1: ROW, 2: ROW}, [])


def test_reads_while_a_writer_is_at_work(tmp_path: Path) -> None:
    append(tmp_path / "r", ROW)
    writer = sqlite3.connect(tmp_path / "r", isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")
    assert len(read(tmp_path / "r")) == 1
    writer.close()


def test_errors_are_for_users() -> None:
    assert issubclass(RunError, EdgehybridError)
