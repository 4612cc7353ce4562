"""The table of rows in SQL, and what makes an older store one of this version."""

from collections.abc import Mapping
from typing import Any

from edgehybrid.results.row import METERED, Row

SCHEMA_VERSION = 4
# Columns that a version brought; rows of older stores have null there.
_BROUGHT = {
    2: ("delegated_nodes", "graph_nodes"),
    3: (
        *("latency_ms_p5", "latency_ms_avg", "latency_ms_max", "init_ms", "first_warmup_ms"),
        *("session_spread_percent", "run_spread_percent"),
    ),
    4: (*METERED, "timed_blocks", "supersedes"),
}

_REQUIRED = [name for name, field in Row.model_fields.items() if field.is_required()]
_SQL_TYPES = {"integer": "INTEGER", "number": "REAL", "boolean": "INTEGER"}


def _definition(name: str, schema: Mapping[str, Any]) -> str:
    types = {part.get("type") for part in schema.get("anyOf", [schema])} - {"null"}
    sql_type = _SQL_TYPES.get(types.pop(), "TEXT")
    return f'"{name}" {sql_type}{" NOT NULL" if name in _REQUIRED else ""}'


_DEFINITIONS = {name: _definition(name, part) for name, part in Row.model_json_schema()["properties"].items()}
# The number of the row that a row stands for; of the table alone, for it means nothing elsewhere.
_DEFINITIONS["supersedes"] = '"supersedes" INTEGER'
CREATE = (
    f"CREATE TABLE results (id INTEGER PRIMARY KEY, {', '.join(_DEFINITIONS.values())})",
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


def missing(version: int) -> list[str]:
    """The columns that a store of this version lacks."""
    return [name for later, names in _BROUGHT.items() if later > version for name in names]


def upgrade(version: int) -> list[str]:
    """What makes a store of this version one of ours; nothing for one of ours."""
    added = [f"ALTER TABLE results ADD COLUMN {_DEFINITIONS[name]}" for name in missing(version)]
    return [*added, f"PRAGMA user_version = {SCHEMA_VERSION}"] if added else []
