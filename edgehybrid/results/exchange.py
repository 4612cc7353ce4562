"""Rows in files of other programs: CSV, JSON and Parquet, by the file's ending.

Each holds every field of ``Row`` under its name. The board's facts, for which CSV and Parquet have no type,
are JSON there. CSV has no null but the empty cell, so an empty text comes back as null.
"""

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from edgehybrid.csv_text import to_csv
from edgehybrid.errors import MissingExtraError, RunError, UsageError
from edgehybrid.files import write_atomically
from edgehybrid.results.row import Row, row_from

# By the type that JSON Schema gives a field.
_FROM_CELL: dict[str, Callable[[str], Any]] = {"string": str, "number": float, "integer": int}


def _type_of(schema: Mapping[str, Any]) -> str:
    (found,) = {part["type"] for part in schema.get("anyOf", [schema])} - {"null"}
    return str(found)


_TYPES = {name: _type_of(schema) for name, schema in Row.model_json_schema()["properties"].items()}


class _Kind(NamedTuple):
    """How rows are written and read."""

    encode: Callable[[Sequence[Mapping[str, Any]]], bytes]
    decode: Callable[[bytes], list[Mapping[str, Any]]]


def write_rows(path: Path, rows: Sequence[Row]) -> None:
    """Writes rows to a file, whole or not at all.

    Args:
        path: ends in .csv, .json or .parquet.

    Raises:
        UsageError: another ending.
        MissingExtraError: Parquet without pyarrow.
        RunError: the file cannot be written.
    """
    content = _kind(path).encode([row.as_dict() for row in rows])
    try:
        write_atomically(path, content)
    except OSError as error:
        raise RunError(f"The file cannot be written: {error.strerror}.", received=path) from error


def read_rows(path: Path) -> list[Row]:
    """The rows of a file that ``write_rows`` or ``edgehybrid results --csv`` or ``--json`` wrote.

    Raises:
        UsageError: an ending other than .csv, .json or .parquet.
        MissingExtraError: Parquet without pyarrow.
        RunError: the file cannot be read, or one of its rows is none; the message has its number.
    """
    kind = _kind(path)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise RunError(f"The file cannot be read: {error.strerror}.", received=path) from error
    try:
        found = kind.decode(content)
    # OSError: of pyarrow, which has no file to read here.
    except (ValueError, KeyError, TypeError, RecursionError, OSError, csv.Error) as error:
        raise RunError(
            f"The file holds no rows of results: {str(error).splitlines()[0] if str(error) else 'it is empty'}.",
            received=path,
            allowed="what edgehybrid results export wrote",
        ) from error
    rows = []
    for number, values in enumerate(found, 1):
        try:
            rows.append(row_from(values))
        except RunError as error:
            raise RunError(
                f"Row {number} of the file: {error.what}",
                received=f"{path}: {error.received}",
                allowed=error.allowed,
                next_step=error.next_step,
            ) from error
    return rows


def _kind(path: Path) -> _Kind:
    if (kind := _KINDS.get(path.suffix.lower())) is None:
        raise UsageError("Rows have no such form.", received=path, allowed=f"a file that ends in {', '.join(_KINDS)}")
    return kind


def _to_csv(rows: Sequence[Mapping[str, Any]]) -> bytes:
    return f"{to_csv(rows, list(_TYPES))}\n".encode()


def _from_csv(content: bytes) -> list[Mapping[str, Any]]:
    header, *table = csv.reader(io.StringIO(content.decode(), newline=""), strict=True) or [[]]
    return [
        {name: _from_cell(name, cell) for name, cell in zip(header, cells, strict=True)} for cells in table if cells
    ]


def _from_cell(name: str, cell: str) -> Any:
    # Unknown columns are refused as keys, whatever they hold.
    return _FROM_CELL.get(_TYPES.get(name, "string"), json.loads)(cell) if cell else None


def _to_json(rows: Sequence[Mapping[str, Any]]) -> bytes:
    return f"{json.dumps({'results': rows}, indent=1, ensure_ascii=False)}\n".encode()


def _from_json(content: bytes) -> list[Mapping[str, Any]]:
    found = json.loads(content)["results"]
    if not isinstance(found, list) or not all(isinstance(row, dict) for row in found):
        raise ValueError("'results' is no list of rows")
    return found


def _to_parquet(rows: Sequence[Mapping[str, Any]]) -> bytes:
    arrow, parquet = _pyarrow()
    text = arrow.string()
    types = {"string": text, "number": arrow.float64(), "integer": arrow.int64(), "boolean": arrow.bool_()}
    types |= {"object": text, "array": arrow.list_(text)}
    schema = arrow.schema([(name, types[kind]) for name, kind in _TYPES.items()])
    flat = [{**row, **{name: json.dumps(row[name]) for name in _as_json()}} for row in rows]
    stream = io.BytesIO()
    parquet.write_table(arrow.Table.from_pylist(flat, schema), stream)
    return stream.getvalue()


def _from_parquet(content: bytes) -> list[Mapping[str, Any]]:
    _, parquet = _pyarrow()
    rows = parquet.read_table(io.BytesIO(content)).to_pylist()
    return [row | {name: json.loads(row[name]) for name in _as_json() if row.get(name)} for row in rows]


def _as_json() -> list[str]:
    return [name for name, kind in _TYPES.items() if kind == "object"]


def _pyarrow() -> tuple[Any, Any]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise MissingExtraError("pyarrow", "parquet") from error
    return pyarrow, pyarrow.parquet


_KINDS = {
    ".csv": _Kind(_to_csv, _from_csv),
    ".json": _Kind(_to_json, _from_json),
    ".parquet": _Kind(_to_parquet, _from_parquet),
}
