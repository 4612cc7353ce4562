"""Stores of older versions: read as they are, and brought to this version by the first row that is added."""

import sqlite3
from pathlib import Path
from typing import Any

import pytest
from row_samples import REQUIRED

from edgehybrid.results import Row, append, read, row_from, supersede
from edgehybrid.results.row import METERED
from edgehybrid.results.schema import SCHEMA_VERSION


def row_with(**changes: Any) -> Row:
    return row_from(REQUIRED | changes)


# Columns that a version brought.
BROUGHT = {
    2: ["delegated_nodes", "graph_nodes"],
    3: [
        *("latency_ms_p5", "latency_ms_avg", "latency_ms_max", "init_ms", "first_warmup_ms"),
        *("session_spread_percent", "run_spread_percent"),
    ],
    4: [*METERED, "timed_blocks", "supersedes"],
}


def older_store(path: Path, rows: list[Row], version: int) -> None:
    """A store of a schema version that knew less."""
    for row in rows:
        append(path, row)
    connection = sqlite3.connect(path, isolation_level=None)
    for later, names in BROUGHT.items():
        for name in names if later > version else []:
            connection.execute(f"ALTER TABLE results DROP COLUMN {name}")
    connection.execute(f"PRAGMA user_version = {version}")
    connection.close()


def schema_version(path: Path) -> int:
    connection = sqlite3.connect(path)
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    connection.close()
    return int(version)


@pytest.mark.parametrize("version", range(1, SCHEMA_VERSION))
def test_a_store_of_an_older_version_is_read_as_it_is(version: int, tmp_path: Path) -> None:
    rows = [row_with(images=1), row_with(images=2)]
    older_store(tmp_path / "r", rows, version)
    assert read(tmp_path / "r") == rows
    assert schema_version(tmp_path / "r") == version


@pytest.mark.parametrize("version", range(1, SCHEMA_VERSION))
def test_a_row_for_a_store_of_an_older_version_gives_it_the_new_columns(version: int, tmp_path: Path) -> None:
    old = row_with(images=1)
    older_store(tmp_path / "r", [old], version)
    new = row_with(images=2, delegated_nodes=103, graph_nodes=104, init_ms=1.5)
    assert append(tmp_path / "r", new) == 2
    assert read(tmp_path / "r") == [old, new]
    assert schema_version(tmp_path / "r") == SCHEMA_VERSION
    connection = sqlite3.connect(tmp_path / "r")
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        connection.execute("UPDATE results SET graph_nodes = 1")
    connection.close()


@pytest.mark.parametrize("version", range(1, SCHEMA_VERSION))
def test_a_row_of_an_older_version_can_have_a_successor(version: int, tmp_path: Path) -> None:
    older_store(tmp_path / "r", [row_with(images=1)], version)
    supersede(tmp_path / "r", {1: row_with(images=2)})
    assert [row.images for row in read(tmp_path / "r")] == [2]
