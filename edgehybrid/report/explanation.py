"""The page of ``edgehybrid explain``: what its JSON says, as bars and tables."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgehybrid.report.document import NOTHING, ReportTable
from edgehybrid.report.page import rendered

# Of multiply-accumulates: the key, its words, the colour of the part of the file that they work with.
_MACS = (("packed_macs", "in bits", 0), ("float32_macs", "in float32", 4), ("int8_macs", "in int8", 5))
_OTHER_MACS = ("other_macs", "in other types", 6)


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


def explanation_page(documents: Sequence[Mapping[str, Any]], parts: Mapping[str, str]) -> str:
    """One HTML page about one or several flatbuffers. Every text is escaped.

    Args:
        documents: as ``edgehybrid explain --json`` prints them.
        parts: what each of ``size_parts`` is, in words.

    Raises:
        MissingExtraError: jinja2 is not installed.
    """
    names = [Path(document["model"]).name for document in documents]
    title = f"What is in {names[0]}" if len(names) == 1 else f"What is in {len(names)} flatbuffers"
    models = [_model(document, parts) for document in documents]
    tables = [table for model in models for table in model.tables]
    return rendered("explanation.html", title=title, models=models, tables=tables)


def _model(document: Mapping[str, Any], parts: Mapping[str, str]) -> ModelPage:
    sizes = [(words, index, document["size_parts"][name]) for index, (name, words) in enumerate(parts.items())]
    macs = [(words, colour, document[key]) for key, words, colour in (*_MACS, _OTHER_MACS)]
    bars = (
        _bar(f"{document['size_bytes']:,} bytes", sizes, "bytes"),
        _bar(f"{document['macs']:,} multiply-accumulates of an inference", macs, ""),
    )
    tables = (
        _left(document),
        _unfolded(document),
        _strays(document),
        _work(document),
        _parts(document, parts),
        _ops(document),
    )
    return ModelPage(
        document["model"],
        tuple(document["summary"]),
        tuple(bar for bar in bars if bar.pieces),
        tuple(table for table in tables if table.rows),
        tuple(document["notes"]),
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


def _left(document: Mapping[str, Any]) -> ReportTable:
    headers = ("layer", "operator", "why it is not packed", "what to change", "bytes", "packed")
    keys = ("layer", "op", "reason", "fix", "bytes", "packed_bytes")
    return _table("Not packed, though something about it is binary", headers, keys, document["why_not_packed"])


def _unfolded(document: Mapping[str, Any]) -> ReportTable:
    headers = ("layer", "operator", "bytes", "bytes of the result", "what to change")
    keys = ("layer", "op", "bytes", "result_bytes", "fix")
    return _table("Computed from constants in each inference", headers, keys, document["unfolded"])


def _strays(document: Mapping[str, Any]) -> ReportTable:
    headers = ("what", "first", "then", "bytes moved", "what to change")
    keys = ("kind", "first", "second", "bytes_moved", "fix")
    return _table("Quantisers to no purpose", headers, keys, document["stray_pairs"])


def _work(document: Mapping[str, Any]) -> ReportTable:
    headers = ("operator", "number", "elements", "bytes moved", "what would spare it")
    keys = ("op", "count", "elements", "bytes_moved", "fix")
    return _table("Float work between binary layers", headers, keys, document["float_work"])


def _parts(document: Mapping[str, Any], parts: Mapping[str, str]) -> ReportTable:
    size = document["size_bytes"]
    rows = [
        (parts[name], _cell(count), f"{100 * count / size:.2f}")
        for name, count in document["size_parts"].items()
        if count
    ]
    unused = [(f"unused: {one['name']} ({one['type']})", _cell(one["bytes"]), NOTHING) for one in _unused(document)]
    return ReportTable("The file", ("part", "bytes", "% of file"), (*rows, *unused, ("sum", _cell(size), "100.00")))


def _unused(document: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    found: Sequence[Mapping[str, Any]] = document["unused_buffers"]
    return found


def _ops(document: Mapping[str, Any]) -> ReportTable:
    headers = ["layer", "operator", "precision", "output", "MACs", "bytes", "% of file", "wasted bits"]
    keys = ["layer", "op", "precision", "output_shape", "macs", "bytes", "file_percent", "wasted_bits"]
    if any(row["time_us"] is not None for row in document["ops"]):
        headers, keys = [*headers, "µs"], [*keys, "time_us"]
    return _table("Operators, in the order of execution", (*headers, "why"), (*keys, "reason"), document["ops"])


def _table(title: str, headers: Sequence[str], keys: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> ReportTable:
    return ReportTable(title, tuple(headers), tuple(tuple(_cell(row[key]) for key in keys) for row in rows))


def _cell(value: object) -> str:
    if value is None:
        return NOTHING
    if isinstance(value, list | tuple):
        return "×".join(map(str, value)) or "1 number"
    if isinstance(value, float):
        return f"{value:.2f}"
    return f"{value:,}" if isinstance(value, int) else str(value)
