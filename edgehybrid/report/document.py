"""What a report says, before it becomes Markdown (markdown.py) or HTML (page.py)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

NOTHING = "–"
# Of the numbers of rows in a title.
MOST_LETTERS = 24
_NUMBER = re.compile(rf"[-+]?[0-9][0-9,]*(\.[0-9]+)?|{NOTHING}")


@dataclass(frozen=True)
class ReportTable:
    """Plain text cells, not escaped for any language. Every row has one cell a header.

    Attributes:
        units: what stands under each header, such as ``ms (measured)``; empty for none, and for a table without units.
    """

    title: str
    headers: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    units: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Each header with its unit, in one line."""
        units = self.units or ("",) * len(self.headers)
        return tuple(f"{header} {unit}".rstrip() for header, unit in zip(self.headers, units, strict=True))

    @property
    def columns_of_numbers(self) -> tuple[bool, ...]:
        """Which columns hold nothing but numbers and dashes; they are aligned to the right."""
        return tuple(all(_NUMBER.fullmatch(row[column]) for row in self.rows) for column in range(len(self.headers)))


@dataclass(frozen=True)
class Panel:
    """One drawing: SVG source, and the words for those who cannot see it."""

    description: str
    svg: str
    title: str = ""


@dataclass(frozen=True)
class Key:
    """An entry of a legend: a small drawing, and what it means."""

    svg: str
    words: str


@dataclass(frozen=True)
class Plot:
    """Panels that share a caption and a legend."""

    title: str
    caption: str
    panels: tuple[Panel, ...]
    legend: tuple[Key, ...] = ()


@dataclass(frozen=True)
class Document:
    """A whole report, in reading order.

    Attributes:
        comparisons: one sentence for each hybrid network that stands beside its float twin.
        notes: what is not drawn, and why.
        times: the distribution of each measurement's times.
        evidence: why each measurement can be trusted, or not.
        boards: the machines.
        searches, fronts: what searches have tried, and the networks of their fronts; one of each a study.
        plots: accuracy against cost; layers: modelled cost of each layer; training: curves of the runs.
        parts: what each part of a flatbuffer's graph takes; one table a profile.
        refused: rows that are not in ``results``, with the reason.
        published: the paper's own figures.
        provenance: what the rows were made from.
    """

    title: str
    comparisons: tuple[str, ...]
    results: ReportTable
    notes: tuple[str, ...]
    times: ReportTable
    evidence: ReportTable
    boards: ReportTable
    searches: tuple[Plot, ...]
    fronts: tuple[ReportTable, ...]
    plots: tuple[Plot, ...]
    layers: tuple[Plot, ...]
    parts: tuple[ReportTable, ...]
    training: tuple[Plot, ...]
    refused: ReportTable
    published: ReportTable
    provenance: tuple[ReportTable, ...]

    @property
    def tables(self) -> tuple[ReportTable, ...]:
        """All tables, in reading order."""
        return (
            *(self.results, *self.fronts, self.times, self.evidence, self.boards, *self.parts),
            *(self.refused, self.published, *self.provenance),
        )


def text(value: object) -> str:
    """The value in at most six digits where it has a fraction, else whole; a dash for what is not there."""
    if value is None:
        return NOTHING
    return f"{value:g}" if isinstance(value, float) else str(value)


def number(value: float | None, decimals: int) -> str:
    """The value with so many decimals; a dash for what is not there."""
    return NOTHING if value is None else f"{value:.{decimals}f}"


def few_numbers(numbers: Sequence[int]) -> str:
    """``row_numbers`` where they are few; else the first, and how many there are beside it."""
    whole = f"#{row_numbers(numbers)}"
    return whole if len(whole) <= MOST_LETTERS else f"#{numbers[0]} and {len(numbers) - 1} more"


def row_numbers(numbers: Sequence[int]) -> str:
    """Ascending numbers of rows as ``1–3, 7``."""
    known = set(numbers)
    starts = [one for one in numbers if one - 1 not in known]
    ends = [one for one in numbers if one + 1 not in known]
    return ", ".join(f"{a}" if a == b else f"{a}–{b}" for a, b in zip(starts, ends, strict=True))
