"""The store of rows: one SQLite table that only grows.

``append_all`` adds rows, ``read`` returns rows, and triggers refuse to change or remove one. What is learned later
about a row is a row of its own, which supersedes it: the older one stays in the file, and is read no more. In WAL mode
readers and a writer do not block each other; a second writer waits.
"""

import json
import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from edgehybrid.errors import RunError
from edgehybrid.results.row import Row, row_from
from edgehybrid.results.schema import CREATE, SCHEMA_VERSION, missing, upgrade

# How long a writer waits for another one; an append takes milliseconds.
BUSY_TIMEOUT_SECONDS = 30.0
# What SQLite says where it cannot make the files that WAL mode needs, and of a file that was cut off.
_COPIED = (
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_READONLY_DIRECTORY,
)
# A damaged header may ask for any size; a million rows are smaller.
_MOST_BYTES = 2**31
# Of any SQLite file: https://sqlite.org/fileformat.html
_LEAST_PAGE_BYTES = 512

_NAMES = list(Row.model_fields)
# Kept as JSON, which has both.
_JSON = ("board", "verdict_reasons", "timed_blocks")
# Quoted: "table" is a word of SQL.
_COLUMNS = ", ".join(f'"{name}"' for name in _NAMES)


def append(path: Path, row: Row) -> int:
    """``append_all`` of one row. Returns its number, 1 for the first."""
    (number,) = append_all(path, [row])
    return number


def append_all(path: Path, rows: Sequence[Row]) -> list[int]:
    """Adds rows to the store, all or none; it is made when it is missing.

    Returns:
        The rows' numbers, 1 for the first of a store.

    Raises:
        RunError: the file cannot be written, is no results store, or is a newer edgehybrid's.
    """
    return _append(path, [(row, None) for row in rows])


def supersede(path: Path, rows: Mapping[int, Row]) -> list[int]:
    """Adds rows that stand for the ones of these numbers, all or none. Returns their own numbers.

    Raises:
        RunError: see ``append_all``; or there is no row of a number, or another one stands for it.
    """
    return _append(path, [(row, number) for number, row in rows.items()])


def _append(path: Path, rows: Sequence[tuple[Row, int | None]]) -> list[int]:
    numbers = []
    with _open(path, "mode=rwc") as connection:
        if not _version(connection, path):
            _switch_to_wal(connection)
        # IMMEDIATE waits for another writer here; a read lock that becomes a write lock later would not wait.
        connection.execute("BEGIN IMMEDIATE")
        version = _version(connection, path)
        for statement in upgrade(version) if version else CREATE:
            connection.execute(statement)
        marks = ", ".join("?" * (len(_NAMES) + 1))
        for row, superseded in rows:
            if superseded is not None:
                _refuse_superseded(connection, path, superseded)
            values = [json.dumps(value) if name in _JSON else value for name, value in row.as_dict().items()]
            statement = f"INSERT INTO results ({_COLUMNS}, supersedes) VALUES ({marks})"
            cursor = connection.execute(statement, [*values, superseded])
            numbers.append(int(cursor.lastrowid or 0))
        connection.execute("COMMIT")
    return numbers


def _refuse_superseded(connection: sqlite3.Connection, path: Path, number: int) -> None:
    (is_there,) = connection.execute("SELECT count(*) FROM results WHERE id = ?", [number]).fetchone()
    later = connection.execute("SELECT id FROM results WHERE supersedes = ?", [number]).fetchone()
    if not is_there or later is not None:
        raise RunError(
            "The row is not the newest of its measurement." if is_there else "There is no row of this number.",
            received=f"{path}: row {number}" + (f", for which row {later[0]} stands" if later else ""),
            next_step="edgehybrid results list",
        )


def read(path: Path, *, recipe: str | None = None, device: str | None = None, run: str | None = None) -> list[Row]:
    """The rows in the order of their appending. A filter keeps those that are equal.

    Raises:
        RunError: there is no store, it is damaged, or it was written by a newer edgehybrid.
    """
    rows, notes = salvage(path, recipe=recipe, device=device, run=run)
    if notes:
        raise RunError(f"The results file is damaged: {' '.join(notes)}", received=path)
    return rows


def salvage(
    path: Path, *, recipe: str | None = None, device: str | None = None, run: str | None = None
) -> tuple[list[Row], list[str]]:
    """``read`` as far as the store is whole, and sentences about what is not. Raises what ``numbered`` raises."""
    rows, notes = numbered(path, recipe=recipe, device=device, run=run)
    return [*rows.values()], notes


def numbered(
    path: Path, *, recipe: str | None = None, device: str | None = None, run: str | None = None
) -> tuple[dict[int, Row], list[str]]:
    """``salvage`` with the number of each row. Left out are those that another row stands for.

    Raises:
        RunError: there is no store, nothing of it can be read, or it was written by a newer edgehybrid.
    """
    given = {"recipe": recipe, "device": device, "run": run}
    filters = {key: value for key, value in given.items() if value is not None}
    condition = " AND ".join(f"{key} = ?" for key in filters) or "TRUE"
    notes: list[str] = []
    with _open_to_read(path, notes) as connection:
        version = _version(connection, path)
        if not version:
            return {}, notes
        names = ("supersedes", *_NAMES)
        columns = ", ".join("NULL" if name in missing(version) else f'"{name}"' for name in names)
        query = f"SELECT id, {columns} FROM results WHERE {condition} ORDER BY id"
        found, problem = _readable(connection, query, [*filters.values()])
        if problem is not None:
            # From the end, for what stands behind a damaged page.
            found |= _readable(connection, f"{query} DESC", [*filters.values()])[0]
            if not found:
                raise problem
    rows, damaged = {}, []
    # By whole rows alone: a damaged one may say anything, and would hide a good one.
    superseded: set[int] = set()
    for number, (earlier, *values) in sorted(found.items()):
        try:
            rows[number] = _row(dict(zip(_NAMES, values, strict=True)))
        except (RunError, TypeError, ValueError) as error:
            damaged.append(f"Row {number} is damaged: {str(error).splitlines()[0]}")
        else:
            superseded.add(earlier)
    rows = {number: row for number, row in rows.items() if number not in superseded}
    # Numbers begin with 1: another one is read from a page of zeros, which a file that was cut off is filled up with.
    if problem is not None or min(found, default=1) < 1:
        return rows, [*notes, f"It is damaged ({problem or 'it was cut off'}); {len(rows)} rows could be read."]
    return rows, [*notes, *damaged]


def _readable(
    connection: sqlite3.Connection, query: str, values: list[str]
) -> tuple[dict[int, tuple[Any, ...]], sqlite3.DatabaseError | None]:
    """The rows of a query by their numbers, up to what cannot be read; and why that is so."""
    found: dict[int, tuple[Any, ...]] = {}
    try:
        for number, *row in connection.execute(query, values):
            found[number] = tuple(row)
    except sqlite3.DatabaseError as error:
        return found, error
    return found, None


def _row(values: dict[str, Any]) -> Row:
    """SQLite has no truth values, and JSON as text."""
    decoded = {name: json.loads(values[name] or "null") for name in _JSON}
    return row_from(values | decoded | {"emulated": bool(values["emulated"])})


@contextmanager
def _open(path: Path, parameters: str) -> Iterator[sqlite3.Connection]:
    """A connection without implicit transactions; an open one is rolled back when the block fails."""
    reads = parameters != "mode=rwc"
    try:
        if not reads:
            path.parent.mkdir(parents=True, exist_ok=True)
        elif not path.exists():
            raise RunError("There are no results yet.", received=path, next_step="Run: edgehybrid benchmark")
        address = f"{path.resolve().as_uri()}?{parameters}"
        connection = sqlite3.connect(address, BUSY_TIMEOUT_SECONDS, isolation_level=None, uri=True)
        with closing(connection):
            yield connection
    except (sqlite3.Error, OSError) as error:
        raise RunError(
            f"The results file cannot be {'read' if reads else 'written'}: {error}.",
            received=path,
            allowed="a file that edgehybrid made, or a new one, in a folder that can be written",
            next_step="Name another file with --results.",
        ) from error


@contextmanager
def _open_to_read(path: Path, notes: list[str]) -> Iterator[sqlite3.Connection]:
    """``_open``; or a copy in memory where SQLite does not open the store as it is.

    In WAL mode it needs files beside the store, which a read-only folder cannot have; and it refuses a file that is
    shorter than its header says.
    """
    try:
        with _open(path, "mode=ro") as connection:
            connection.execute("SELECT name FROM sqlite_master").fetchone()
    except RunError as error:
        if not isinstance(cause := error.__cause__, sqlite3.DatabaseError) or cause.sqlite_errorcode not in _COPIED:
            raise
        content = path.read_bytes()
        log = path.with_name(f"{path.name}-wal")
        if cause.sqlite_errorcode != sqlite3.SQLITE_CORRUPT and log.exists() and log.stat().st_size:
            notes.append(f"The newest rows may be missing: they are in {log.name}, and its folder cannot be written.")
        with _open(path, "mode=memory") as connection:
            connection.deserialize(_whole(content))
            yield connection
        return
    with _open(path, "mode=ro") as connection:
        yield connection


def _whole(content: bytes) -> bytes:
    """A store as long as its header says, and out of WAL mode. Fields of the header: https://sqlite.org/fileformat.html."""
    page_bytes, pages = int.from_bytes(content[16:18]), int.from_bytes(content[28:32])
    missing = min(page_bytes * pages, _MOST_BYTES) - len(content)
    return content[:18] + b"\x01\x01" + content[20:] + bytes(max(0, missing))


def _switch_to_wal(connection: sqlite3.Connection) -> None:
    """SQLite's busy timeout does not hold for this switch, which needs the file alone: wait for it here."""
    deadline = time.monotonic() + BUSY_TIMEOUT_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.01)


def _version(connection: sqlite3.Connection, path: Path) -> int:
    """The schema version of our table; 0 for a new, empty file. Anything else is refused."""
    # In this order: another process may make the table, and set the version with it, in between.
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    # SQLite takes some of these for an empty file, and would write over it.
    if not tables and 0 < path.stat().st_size < _LEAST_PAGE_BYTES:
        raise RunError("The results file is damaged: nothing is left of its rows.", received=path)
    if tables and ("results" not in tables or version < 1):
        raise RunError(
            "The SQLite file is no results file.",
            received=path,
            next_step="Name another file with --results.",
        )
    if version > SCHEMA_VERSION:
        raise RunError(
            "The results file was written by a newer edgehybrid.",
            received=f"{path}, schema version {version}",
            allowed=f"schema version {SCHEMA_VERSION}",
            next_step="pip install --upgrade edgehybrid",
        )
    return int(version) if tables else 0
