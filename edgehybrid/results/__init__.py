"""What was measured: the row, its fields (row.py), the append-only store (store.py), other files (exchange.py)."""

from edgehybrid.results.row import Row, row_from
from edgehybrid.results.store import append, append_all, numbered, read, salvage

__all__ = ["Row", "append", "append_all", "numbered", "read", "row_from", "salvage"]
