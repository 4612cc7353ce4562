"""What was measured: the row, its fields (row.py), the append-only store (store.py), other files (exchange.py), and
what a power meter says (meter.py, energy.py)."""

from edgehybrid.results.row import Row, row_from
from edgehybrid.results.store import append, append_all, numbered, read, salvage, supersede

__all__ = ["Row", "append", "append_all", "numbered", "read", "row_from", "salvage", "supersede"]
