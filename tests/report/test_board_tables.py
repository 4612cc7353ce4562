from typing import Any

from report_samples import BOARD, HYBRID, make_row

from edgehybrid.report.board_tables import boards_table, evidence_table
from edgehybrid.report.document import ReportTable
from edgehybrid.report.origin import Entry
from edgehybrid.results import Row

STATE = {
    "governor": "performance",
    "cpu_mhz": 1500.0,
    **{"cpu_mhz_before": 1500.0, "cpu_mhz_min": 600.0, "cpu_mhz_max": 1500.0},
    **{"temperature_c_before": 48.5, "temperature_c_min": 48.5, "temperature_c_max": 71.0},
    **{"load_1min_before": 0.1, "load_1min_min": 0.1, "load_1min_max": 0.1, "load_1min": 0.1},
    "throttled": ["clock capped", "under-voltage"],
    "others_percent": 1.25,
}


def entries_of(*rows: Row) -> list[Entry]:
    return [Entry(index, row, HYBRID) for index, row in enumerate(rows, start=1)]


def column(table: ReportTable, header: str) -> list[str]:
    return [row[table.headers.index(header)] for row in table.rows]


def evidence(**changes: Any) -> dict[str, str]:
    table = evidence_table(entries_of(make_row(**changes)))
    return dict(zip(table.headers, table.rows[0], strict=True))


def test_the_evidence_shows_the_state_over_time() -> None:
    found = evidence(board=STATE)
    assert found["governor"] == "performance"
    assert found["clock"] == "1500 (600–1500)"
    assert found["temperature"] == "48.5 (48.5–71)"
    assert found["load"] == "0.1"
    assert found["throttled"] == "clock capped, under-voltage"
    assert found["others"] == "1.25"


def test_the_evidence_has_verdict_reasons_and_spread() -> None:
    found = evidence(
        verdict="suspect", verdict_reasons=["busy", "hot"], session_spread_percent=2.5, run_spread_percent=0.75
    )
    assert (found["verdict"], found["reasons"]) == ("suspect", "busy; hot")
    assert (found["session spread"], found["run spread"]) == ("2.50", "0.75")
    assert (found["sessions"], found["runs"]) == ("3", "50")


def test_nothing_held_back_is_not_the_same_as_nobody_knows() -> None:
    assert evidence(board={"throttled": []})["throttled"] == "no"
    assert evidence(board={"throttled": None})["throttled"] == evidence(board={})["throttled"] == "–"


def test_rows_of_earlier_versions_show_what_they_have() -> None:
    assert evidence(board={"cpu_mhz": 1400.0})["clock"] == "1400"
    assert evidence(board={})["clock"] == evidence(board={})["temperature"] == "–"


def test_rows_measured_on_equal_boards_share_a_line() -> None:
    other = {**BOARD, "cpu": "Cortex-A53"}
    table = boards_table(entries_of(make_row(), make_row(board=other), make_row()))
    assert column(table, "#") == ["1, 3", "2"]
    assert column(table, "cpu") == ["Cortex-A72", "Cortex-A53"]


def test_no_fact_of_a_board_is_left_out() -> None:
    board = {**STATE, "cpu": "A", "isa_features": ["asimd", "i8mm"], "a_fact_of_a_later_version": 7}
    entries = entries_of(make_row(board=board))
    table = boards_table(entries)
    assert table.headers == ("#", "device", "cpu", "isa features", "a fact of a later version")
    assert table.rows == (("1", "pi4", "A", "asimd, i8mm", "7"),)


def test_boards_with_different_facts_share_a_table() -> None:
    table = boards_table(entries_of(*(make_row(board=board) for board in ({"cpu": "A"}, {"cores": 2}, {}))))
    assert column(table, "cpu") == ["A", "–", "–"]
    assert column(table, "cores") == ["–", "2", "–"]
