"""What was measured: the row, its fields and units (row.py), and the append-only store of rows (store.py)."""

from edgehybrid.results.row import Row, row_from
from edgehybrid.results.store import append, read, salvage

__all__ = ["Row", "append", "read", "row_from", "salvage"]
