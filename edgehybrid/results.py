"""The row: what one benchmark found, its fields and units; and the store of rows.

The store is one SQLite table that only grows: ``append`` adds a row, ``read`` returns rows, and triggers
refuse to change or remove one. In WAL mode readers and a writer do not block each other; a
second writer waits.
"""

import csv
import io
import json
import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from edgehybrid.errors import RunError

SCHEMA_VERSION = 1
TIME_FORMAT = "%Y-%m-%dT%H:%M:%SZ"
# How long a writer waits for another one; an append takes milliseconds.
BUSY_TIMEOUT_SECONDS = 30.0
# The largest integer of SQLite; no field comes near.
MAX_NUMBER = 2**63 - 1


class Field(NamedTuple):
    """A column. ``type`` is the Python type of its values; a field that is not required may be null."""

    name: str
    type: type
    required: bool
    meaning: str


FIELDS = (
    Field("recipe", str, False, "name of the recipe; null for a model from elsewhere"),
    Field("recipe_sha256", str, False, "hash of the resolved recipe"),
    Field("run", str, False, "name of the run folder"),
    Field("model", str, True, "file name of the flatbuffer"),
    Field("model_sha256", str, True, "hash of the flatbuffer"),
    Field("format", str, True, "packed, float32, int8 …"),
    Field("target", str, False, "aarch64 or x86_64: what the flatbuffer was converted for"),
    Field("device", str, True, "local, the name of a board, or ssh://…"),
    Field("board", dict, True, "state of the board: processor, clock, governor, temperature …"),
    Field("runtime", str, True, "the interpreter that ran the model"),
    Field("isa", str, False, "instruction set of the kernels"),
    Field("threads", int, True, "threads of the interpreter"),
    Field("latency_ms_median", float, False, "ms for one image, over all runs of all sessions"),
    Field("latency_ms_p95", float, False, "ms, 95th percentile"),
    Field("latency_ms_min", float, False, "ms, the fastest run"),
    Field("latency_ms_std", float, False, "ms, standard deviation"),
    Field("sessions", int, True, "processes that were started one after the other"),
    Field("runs", int, True, "timed inferences, all sessions together"),
    Field("energy_model_uj", float, False, "µJ for one image, modelled, by rules and table"),
    Field("memory_model_bits", int, False, "bits of the weights, modelled, by rules"),
    Field("rules", str, False, "name of the cost rules"),
    Field("table", str, False, "name of the energy table"),
    Field("size_bytes", int, True, "bytes of the flatbuffer"),
    Field("top1_percent", float, False, "top-1 accuracy of this flatbuffer on test images, percent"),
    Field("images", int, False, "images that top1_percent was measured on"),
    Field("epochs", int, False, "epochs that the weights were trained for"),
    Field("peak_memory_bytes", int, False, "bytes, largest resident set of the benchmark process"),
    Field("verdict", str, True, "whether the measurement can be trusted; one of VERDICTS"),
    Field("verdict_reasons", list, True, "why, in words"),
    Field("emulated", bool, True, "the board was emulated: its time is no latency"),
    Field("emulated_ms_not_latency", float, False, "ms for one image on an emulated board"),
    Field("measured_at_utc", str, False, "such as 2026-01-31T12:00:00Z; now, if not given"),
    Field("tool_version", str, True, "version of edgehybrid"),
)
VERDICTS = ("unchecked", "valid", "suspect", "invalid")
LATENCIES = ("latency_ms_median", "latency_ms_p95", "latency_ms_min", "latency_ms_std")

_SQL_TYPES = {str: "TEXT", float: "REAL", int: "INTEGER", bool: "INTEGER", dict: "TEXT", list: "TEXT"}
_NAMES = [field.name for field in FIELDS]
# Quoted: "table" is a word of SQL.
_COLUMNS = ", ".join(f'"{name}"' for name in _NAMES)
_DEFINITIONS = ", ".join(
    f'"{field.name}" {_SQL_TYPES[field.type]}{" NOT NULL" if field.required else ""}' for field in FIELDS
)
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


def append(path: str | Path, row: Mapping[str, Any]) -> int:
    """Adds one row to the store, which is made when it is missing. A refused row writes nothing.

    Returns:
        The row's number, 1 for the first.

    Raises:
        RunError: an unknown or missing key, a wrong type, not a finite number, emulated time beside latency;
            or the file cannot be written, is no results store, or is a newer edgehybrid's.
    """
    if row.get("measured_at_utc") is None:
        row = {**row, "measured_at_utc": datetime.now(UTC).strftime(TIME_FORMAT)}
    _check(row)
    values = [_to_sql(field, row.get(field.name)) for field in FIELDS]
    with _open(Path(path), "rwc") as connection:
        if not _is_made(connection, path):
            _switch_to_wal(connection)
        # IMMEDIATE waits for another writer here; a read lock that becomes a write lock later would not wait.
        connection.execute("BEGIN IMMEDIATE")
        if not _is_made(connection, path):
            for statement in _CREATE:
                connection.execute(statement)
        marks = ", ".join("?" * len(FIELDS))
        cursor = connection.execute(f"INSERT INTO results ({_COLUMNS}) VALUES ({marks})", values)
        connection.execute("COMMIT")
        return int(cursor.lastrowid or 0)


def read(
    path: str | Path, *, recipe: str | None = None, device: str | None = None, run: str | None = None
) -> list[dict[str, Any]]:
    """The rows in the order of their appending, each with all FIELDS. A filter keeps those that are equal.

    Raises:
        RunError: there is no store, it is damaged, or it was written by a newer edgehybrid.
    """
    given = {"recipe": recipe, "device": device, "run": run}
    filters = {key: value for key, value in given.items() if value is not None}
    condition = " AND ".join(f"{key} = ?" for key in filters) or "TRUE"
    query = f"SELECT {_COLUMNS} FROM results WHERE {condition} ORDER BY id"
    with _open(Path(path), "ro") as connection:
        if not _is_made(connection, path):
            return []
        rows = connection.execute(query, [*filters.values()]).fetchall()
    try:
        return [dict(zip(_NAMES, map(_from_sql, FIELDS, row), strict=True)) for row in rows]
    except ValueError as error:
        raise RunError(f"The results file is damaged: {error}.", received=path) from error


def to_csv(rows: Iterable[Mapping[str, Any]]) -> str:
    """Rows of ``read`` as CSV under a header. null is empty; truth values, lists and maps are JSON."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_NAMES)
    for row in rows:
        cells = (row[name] for name in _NAMES)
        writer.writerow(json.dumps(cell) if isinstance(cell, bool | dict | list) else cell for cell in cells)
    return text.getvalue()


def _check(row: Mapping[str, Any]) -> None:
    if unknown := [key for key in row if key not in _NAMES]:
        raise RunError("A results row has unknown keys.", received=unknown, allowed=", ".join(_NAMES))
    if missing := [field.name for field in FIELDS if field.required and row.get(field.name) is None]:
        raise RunError("A results row lacks keys.", received=[*row], next_step=f"Add {', '.join(missing)}.")
    for field in FIELDS:
        if (value := row.get(field.name)) is not None:
            _check_value(field, value)
    if row["verdict"] not in VERDICTS:
        raise _bad_value("verdict", row["verdict"], ", ".join(VERDICTS))
    if not _is_time(row["measured_at_utc"]):
        raise _bad_value("measured_at_utc", row["measured_at_utc"], "2026-01-31T12:00:00Z, for example")
    must_be_null = LATENCIES if row["emulated"] else ("emulated_ms_not_latency",)
    if wrong := [name for name in must_be_null if row.get(name) is not None]:
        raise RunError(
            "Emulated time is not latency.",
            received=f"emulated: {row['emulated']} with {', '.join(wrong)}",
            allowed="emulated: True with emulated_ms_not_latency, or emulated: False with latency_ms_…",
        )


def _check_value(field: Field, value: Any) -> None:
    types: tuple[type, ...] = (int, float) if field.type is float else (field.type,)
    # bool is a subclass of int.
    is_of_type = isinstance(value, types) and (field.type is bool or not isinstance(value, bool))
    if not is_of_type:
        raise _bad_value(field.name, value, f"{field.type.__name__}: {field.meaning}")
    # Names and hashes: a line break or half of a surrogate pair would break CSV or UTF-8.
    if field.type is str and not value.isprintable():
        raise _bad_value(field.name, value, "text of printable characters")
    # NaN is not comparable, and so refused. No field can be negative.
    is_number = field.type in (int, float)
    if is_number and not 0 <= value <= MAX_NUMBER:
        raise _bad_value(field.name, value, f"a number from 0 to {MAX_NUMBER}")


def _is_time(text: str) -> bool:
    try:
        return datetime.strptime(text, TIME_FORMAT).strftime(TIME_FORMAT) == text
    except ValueError:
        return False


def _bad_value(name: str, value: object, allowed: str) -> RunError:
    return RunError(f"'{name}' of a results row is not acceptable.", received=repr(value), allowed=allowed)


def _to_sql(field: Field, value: Any) -> Any:
    if field.type not in (dict, list):
        return value
    try:
        text = json.dumps(value, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise _bad_value(field.name, value, f"what JSON can hold: {error}") from error
    # A tuple would come back as a list, the key 1 as "1".
    if json.loads(text) != value:
        raise _bad_value(field.name, value, "what JSON can hold: lists, and maps with texts as keys")
    return text


def _from_sql(field: Field, value: Any) -> Any:
    if value is None:
        return None
    if field.type in (dict, list):
        return json.loads(value)
    return field.type(value)


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


def _is_made(connection: sqlite3.Connection, path: str | Path) -> bool:
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
