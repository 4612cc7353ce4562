"""The store of rows: one SQLite table that only grows.

``append`` adds a row, ``read`` returns rows, and triggers refuse to change or remove one. In WAL mode readers and a
writer do not block each other; a second writer waits.
"""

import json
import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from edgehybrid.errors import RunError
from edgehybrid.results.row import Row, row_from

SCHEMA_VERSION = 1
# How long a writer waits for another one; an append takes milliseconds.
BUSY_TIMEOUT_SECONDS = 30.0

_NAMES = list(Row.model_fields)
_REQUIRED = [name for name, field in Row.model_fields.items() if field.is_required()]
# Kept as JSON, which has both.
_JSON = ("board", "verdict_reasons")
# Quoted: "table" is a word of SQL.
_COLUMNS = ", ".join(f'"{name}"' for name in _NAMES)
_SQL_TYPES = {"integer": "INTEGER", "number": "REAL", "boolean": "INTEGER"}


def _definition(name: str, schema: Mapping[str, Any]) -> str:
    types = {part.get("type") for part in schema.get("anyOf", [schema])} - {"null"}
    sql_type = _SQL_TYPES.get(types.pop(), "TEXT")
    return f'"{name}" {sql_type}{" NOT NULL" if name in _REQUIRED else ""}'


_DEFINITIONS = ", ".join(_definition(*item) for item in Row.model_json_schema()["properties"].items())
_CREATE = (
    f"CREATE TABLE results (id INTEGER PRIMARY KEY, {_DEFINITIONS})",
    *(
        f"CREATE TRIGGER results_refuse_{event.lower()} BEFORE {event} ON results {condition}"
        "BEGIN SELECT RAISE(ABORT, 'results are append-only'); END"
        for event, condition in (
            ("UPDATE", ""),
            ("DELETE", ""),
            # INSERT OR REPLACE removes the old row without asking the DELETE trigger.
            ("INSERT", "WHEN EXISTS (SELECT 1 FROM results WHERE id = NEW.id) "),
        )
    ),
    f"PRAGMA user_version = {SCHEMA_VERSION}",
)


def append(path: Path, row: Row) -> int:
    """Adds one row to the store, which is made when it is missing.

    Returns:
        The row's number, 1 for the first.

    Raises:
        RunError: the file cannot be written, is no results store, or is a newer edgehybrid's.
    """
    values = [json.dumps(value) if name in _JSON else value for name, value in row.as_dict().items()]
    with _open(path, "rwc") as connection:
        if not _is_made(connection, path):
            _switch_to_wal(connection)
        # IMMEDIATE waits for another writer here; a read lock that becomes a write lock later would not wait.
        connection.execute("BEGIN IMMEDIATE")
        if not _is_made(connection, path):
            for statement in _CREATE:
                connection.execute(statement)
        marks = ", ".join("?" * len(_NAMES))
        cursor = connection.execute(f"INSERT INTO results ({_COLUMNS}) VALUES ({marks})", values)
        connection.execute("COMMIT")
        return int(cursor.lastrowid or 0)


def read(path: Path, *, recipe: str | None = None, device: str | None = None, run: str | None = None) -> list[Row]:
    """The rows in the order of their appending. A filter keeps those that are equal.

    Raises:
        RunError: there is no store, it is damaged, or it was written by a newer edgehybrid.
    """
    given = {"recipe": recipe, "device": device, "run": run}
    filters = {key: value for key, value in given.items() if value is not None}
    condition = " AND ".join(f"{key} = ?" for key in filters) or "TRUE"
    query = f"SELECT {_COLUMNS} FROM results WHERE {condition} ORDER BY id"
    with _open(path, "ro") as connection:
        if not _is_made(connection, path):
            return []
        found = connection.execute(query, [*filters.values()]).fetchall()
    try:
        return [_row(dict(zip(_NAMES, values, strict=True))) for values in found]
    except (RunError, ValueError) as error:
        raise RunError(f"The results file is damaged: {error}.", received=path) from error


def _row(values: dict[str, Any]) -> Row:
    """SQLite has no truth values, and JSON as text."""
    decoded = {name: json.loads(values[name]) for name in _JSON}
    return row_from(values | decoded | {"emulated": bool(values["emulated"])})


@contextmanager
def _open(path: Path, mode: str) -> Iterator[sqlite3.Connection]:
    """A connection without implicit transactions; an open one is rolled back when the block fails."""
    try:
        if mode == "rwc":
            path.parent.mkdir(parents=True, exist_ok=True)
        elif not path.exists():
            raise RunError("There are no results yet.", received=path, next_step="Run: edgehybrid benchmark")
        address = f"{path.resolve().as_uri()}?mode={mode}"
        connection = sqlite3.connect(address, BUSY_TIMEOUT_SECONDS, isolation_level=None, uri=True)
        with closing(connection):
            yield connection
    except (sqlite3.Error, OSError) as error:
        raise RunError(
            f"The results file cannot be {'read' if mode == 'ro' else 'written'}: {error}.",
            received=path,
            # Also to be read: WAL mode keeps files beside the store.
            allowed="a file that edgehybrid made, or a new one, in a folder that can be written",
            next_step="Name another file with --results.",
        ) from error


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


def _is_made(connection: sqlite3.Connection, path: Path) -> bool:
    """Whether the file holds our table; False for a new, empty file. Anything else is refused."""
    # In this order: another process may make the table, and set the version with it, in between.
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
    (version,) = connection.execute("PRAGMA user_version").fetchone()
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
    return bool(tables)
