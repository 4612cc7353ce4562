"""The page of ``edgehybrid explain``: an explanation as bars and tables."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from converters.explain.explanation import Explanation
from converters.explain.rows import OpRow
from converters.explain.sizes import PARTS
from converters.explain.summary import summary
from converters.explain.times import Times
from edgehybrid.report.document import NOTHING, ReportTable
from edgehybrid.report.page import rendered

# Of multiply-accumulates: their precision, its words, the colour of the part of the file that they work with.
_MACS = (("packed", "in bits", 0), ("float32", "in float32", 4), ("int8", "in int8", 5), ("other", "in other types", 6))


@dataclass(frozen=True)
class Piece:
    """A part of a bar; ``colour`` is a number of the style sheet."""

    percent: float
    colour: int
    text: str


@dataclass(frozen=True)
class Bar:
    """A whole, cut into pieces."""

    title: str
    pieces: tuple[Piece, ...]

    @property
    def description(self) -> str:
        """For those who cannot see it."""
        return f"{self.title}: {'; '.join(piece.text for piece in self.pieces)}"


@dataclass(frozen=True)
class ModelPage:
    """What the page says about one flatbuffer, in reading order."""

    name: str
    summary: tuple[str, ...]
    bars: tuple[Bar, ...]
    tables: tuple[ReportTable, ...]
    notes: tuple[str, ...]


def explanation_page(found: Sequence[tuple[Explanation, Times | None]]) -> str:
    """One HTML page about one or several flatbuffers, each with measured times where there are some.

    Every text is escaped.

    Raises:
        MissingExtraError: jinja2 is not installed.
    """
    names = [Path(one.model).name for one, _ in found]
    title = f"What is in {names[0]}" if len(names) == 1 else f"What is in {len(names)} flatbuffers"
    models = [_model(*each) for each in found]
    tables = [table for model in models for table in model.tables]
    return rendered("explanation.html", title=title, models=models, tables=tables)


def _model(found: Explanation, times: Times | None) -> ModelPage:
    sizes = [(words, index, found.sizes.parts[name]) for index, (name, words) in enumerate(PARTS.items())]
    macs = [(words, colour, found.macs[precision]) for precision, words, colour in _MACS]
    bars = (
        _bar(f"{found.size_bytes:,} bytes", sizes, "bytes"),
        _bar(f"{found.total_macs:,} multiply-accumulates of an inference", macs, ""),
    )
    tables = (_left(found), _unfolded(found), _strays(found), _work(found), _parts(found), _ops(found, times))
    return ModelPage(
        found.model,
        tuple(summary(found)),
        tuple(bar for bar in bars if bar.pieces),
        tuple(table for table in tables if table.rows),
        found.notes,
    )


def _bar(title: str, shares: Sequence[tuple[str, int, int]], unit: str) -> Bar:
    total = sum(count for *_, count in shares)
    pieces = [
        Piece(
            round(100 * count / total, 3),
            colour,
            f"{words} {count:,} {unit}".rstrip() + f" ({100 * count / total:.1f} %)",
        )
        for words, colour, count in shares
        if count
    ]
    return Bar(title, tuple(pieces))


def _left(found: Explanation) -> ReportTable:
    headers = ("layer", "operator", "why it is not packed", "what to change", "bytes", "packed")
    rows = [(one.layer, one.op, one.reason, one.fix, one.bytes, one.packed_bytes) for one in found.why_not_packed]
    return _table("Not packed, though something about it is binary", headers, rows)


def _unfolded(found: Explanation) -> ReportTable:
    headers = ("layer", "operator", "bytes", "bytes of the result", "what to change")
    rows = [(one.layer, one.op, one.bytes, one.result_bytes, one.fix) for one in found.unfolded]
    return _table("Computed from constants in each inference", headers, rows)


def _strays(found: Explanation) -> ReportTable:
    headers = ("what", "first", "then", "bytes moved", "what to change")
    rows = [(one.kind, one.first, one.second, one.bytes_moved, one.fix) for one in found.stray_pairs]
    return _table("Quantisers to no purpose", headers, rows)


def _work(found: Explanation) -> ReportTable:
    headers = ("operator", "number", "elements", "bytes moved", "what would spare it")
    rows = [(one.op, one.count, one.elements, one.bytes_moved, one.fix) for one in found.float_work]
    return _table("Float work between binary layers", headers, rows)


def _parts(found: Explanation) -> ReportTable:
    size = found.size_bytes
    rows = [
        *((PARTS[name], count, f"{100 * count / size:.2f}") for name, count in found.sizes.parts.items() if count),
        *((f"unused: {one.name} ({one.type_name})", one.bytes, None) for one in found.sizes.unused),
        ("sum", size, "100.00"),
    ]
    return _table("The file", ("part", "bytes", "% of file"), rows)


def _ops(found: Explanation, times: Times | None) -> ReportTable:
    headers = ["layer", "operator", "precision", "output", "MACs", "bytes", "% of file", "wasted bits"]
    of_ops_us = times.of_ops_us if times else {}

    def cells(row: OpRow) -> list[object]:
        time = [of_ops_us.get(row.place)] if of_ops_us else []
        counts = [row.macs, row.bytes, row.file_percent, row.wasted_bits]
        return [row.layer, row.op, row.precision, row.output_shape, *counts, *time, row.reason]

    title = "Operators, in the order of execution"
    return _table(title, [*headers, *(["µs"] if of_ops_us else []), "why"], map(cells, found.ops))


def _table(title: str, headers: Sequence[str], rows: Iterable[Sequence[object]]) -> ReportTable:
    return ReportTable(title, tuple(headers), tuple(tuple(map(_cell, row)) for row in rows))


def _cell(value: object) -> str:
    if value is None:
        return NOTHING
    if isinstance(value, tuple):
        return "×".join(map(str, value)) or "1 number"
    if isinstance(value, float):
        return f"{value:.2f}"
    return f"{value:,}" if isinstance(value, int) else str(value)
