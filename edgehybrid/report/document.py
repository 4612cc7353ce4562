"""What a report says, before it becomes Markdown (markdown.py) or HTML (page.py)."""

import re
from dataclasses import dataclass

NOTHING = "–"
_NUMBER = re.compile(rf"-?[0-9][0-9,]*(\.[0-9]+)?|{NOTHING}")


@dataclass(frozen=True)
class ReportTable:
    """Plain text cells, not escaped for any language. Every row has one cell a header."""

    title: str
    headers: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    @property
    def columns_of_numbers(self) -> tuple[bool, ...]:
        """Which columns hold nothing but numbers and dashes; they are aligned to the right."""
        return tuple(all(_NUMBER.fullmatch(row[column]) for row in self.rows) for column in range(len(self.headers)))


@dataclass(frozen=True)
class Panel:
    """One drawing: SVG source, and the words for those who cannot see it."""

    description: str
    svg: str


@dataclass(frozen=True)
class Plot:
    """Panels that share a caption."""

    title: str
    caption: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True)
class Document:
    """A whole report, in reading order.

    Attributes:
        comparisons: one sentence for each hybrid network that stands beside its float twin.
        notes: why a verdict is not ``valid``, and why a row has no point in the plots.
        boards: the state of the machine at each measurement.
        refused: rows that are not in ``results``, with the reason.
        published: the paper's own figures.
    """

    title: str
    comparisons: tuple[str, ...]
    results: ReportTable
    notes: tuple[str, ...]
    boards: ReportTable
    plots: tuple[Plot, ...]
    refused: ReportTable
    published: ReportTable
    provenance: ReportTable
