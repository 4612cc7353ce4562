"""What ``edgehybrid zoo`` prints for a person."""

from collections.abc import Sequence

from edgehybrid.console.progress import percent
from edgehybrid.console.tables import text_table
from edgehybrid.cost.zoo import ZooRow


def zoo_text(rows: Sequence[ZooRow]) -> str:
    """A line a flatbuffer."""
    header = ("model", "format", "data", "epochs", "top-1", "published", "bytes", "modelled µJ")
    cells = [
        (
            *(row.model, row.format, row.dataset, row.epochs, percent(row.top1_percent)),
            percent(row.published_top1_percent) if row.published_top1_percent else "–",
            f"{row.size_bytes:,}",
            "–" if row.energy_model_uj is None else f"{row.energy_model_uj:.2f}",
        )
        for row in rows
    ]
    return text_table(header, cells, texts=(0, 1, 2)) if rows else "The zoo is empty."
