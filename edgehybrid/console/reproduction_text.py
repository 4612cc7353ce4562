"""What ``edgehybrid reproduce`` prints for a person."""

from edgehybrid.console.tables import text_table
from edgehybrid.reproduction.reproduce import Reproduced


def reproduction_text(found: Reproduced) -> str:
    """A line a network, ours beside the published figure, and where the card lies."""
    header = ("recipe", "epochs", "seeds", "published %", "ours %", "deviation", "gap", "flatbuffer %")
    cells = [
        (
            row.recipe,
            row.length,
            len(row.seeds),
            f"{row.published_top1_percent:.2f}",
            f"{row.top1_percent:.2f}",
            row.deviation,
            f"{row.gap_points:+.2f}",
            f"{row.flatbuffer_top1_percent:.2f}",
        )
        for row in found.rows
    ]
    return f"{text_table(header, cells, texts=(0, 1))}\n{found.card}"
