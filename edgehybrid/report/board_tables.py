"""Tables of the evidence: in what state a board was while it was measured, and which board it was."""

from collections.abc import Mapping, Sequence

from edgehybrid.report.document import NOTHING, ReportTable, number, row_numbers, text
from edgehybrid.report.origin import Entry
from edgehybrid.results import Row

# Keys of a row's board that the evidence shows. The others, of whatever version, are the board's own.
_OVER_TIME = ("cpu_mhz", "temperature_c", "load_1min")
_SHOWN = {
    *("governor", "throttled", "others_percent"),
    *(f"{key}{moment}" for key in _OVER_TIME for moment in ("", "_before", "_min", "_max")),
}


def evidence_table(entries: Sequence[Entry]) -> ReportTable:
    """One row a measurement: the verdict with its reasons, and what it was taken from.

    Of what changes while one measures: the value before, and the least and most in brackets.
    """
    columns = {
        "device": "",
        "verdict": "",
        "reasons": "",
        "governor": "",
        "clock": "MHz",
        "temperature": "°C",
        "throttled": "",
        "load": "1 min",
        "others": "% of the CPU",
        "session spread": "%",
        "run spread": "%",
        "sessions": "",
        "runs": "",
        "measured at": "UTC",
    }
    rows = tuple((str(entry.number), *_evidence(entry.row)) for entry in entries)
    return ReportTable("Evidence", ("#", *columns), rows, ("", *columns.values()))


def _evidence(row: Row) -> tuple[str, ...]:
    board = row.board
    return (
        row.device,
        row.verdict,
        "; ".join(row.verdict_reasons) or NOTHING,
        text(board.get("governor")),
        *(_over_time(board, key) for key in ("cpu_mhz", "temperature_c")),
        _throttled(board.get("throttled")),
        _over_time(board, "load_1min"),
        text(board.get("others_percent")),
        number(row.session_spread_percent, 2),
        number(row.run_spread_percent, 2),
        str(row.sessions),
        str(row.runs),
        row.measured_at_utc.replace("T", " ").removesuffix("Z"),
    )


def _over_time(board: Mapping[str, object], key: str) -> str:
    """``55 (52–61)``; one number where nothing changed or a row of an earlier version has no more."""
    before = text(board.get(f"{key}_before", board.get(key)))
    low, high = text(board.get(f"{key}_min")), text(board.get(f"{key}_max"))
    return before if low == high else f"{before} ({low}–{high})"


def _throttled(words: object) -> str:
    """``no`` where the board says that nothing held its clock back; a dash where it does not say."""
    if isinstance(words, list):
        return ", ".join(map(str, words)) or "no"
    return text(words)


def boards_table(entries: Sequence[Entry]) -> ReportTable:
    """The machines, with every fact that is not in the evidence; rows measured on equal ones share a line."""
    keys = list(dict.fromkeys(key for entry in entries for key in entry.row.board if key not in _SHOWN))
    found: dict[tuple[str, ...], list[int]] = {}
    for entry in entries:
        facts = (entry.row.device, *(_fact(entry.row.board.get(key)) for key in keys))
        found.setdefault(facts, []).append(entry.number)
    rows = tuple((row_numbers(numbers), *facts) for facts, numbers in found.items())
    return ReportTable("Boards", ("#", "device", *(key.replace("_", " ") for key in keys)), rows)


def _fact(value: object) -> str:
    return ", ".join(map(str, value)) or NOTHING if isinstance(value, list) else text(value)
