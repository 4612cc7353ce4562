from report_samples import BOARD, HYBRID, emulated_row, make_row

from edgehybrid.recipe import load_recipe
from edgehybrid.report.document import ReportTable
from edgehybrid.report.origin import Entry, Refusal
from edgehybrid.report.result_tables import (
    boards_table,
    number,
    provenance_table,
    published_table,
    refused_table,
    results_table,
)
from edgehybrid.results import Row
from edgehybrid.results.row import LATENCIES


def entries_of(*rows: Row) -> list[Entry]:
    return [Entry(index, row, HYBRID) for index, row in enumerate(rows, start=1)]


def column(table: ReportTable, header: str) -> list[str]:
    return [row[table.headers.index(header)] for row in table.rows]


def test_bytes_and_bits_become_kib() -> None:
    table = results_table(entries_of(make_row(size_bytes=3 * 1024, memory_model_bits=2 * 8 * 1024)))
    assert column(table, "size KiB (measured)") == ["3.0"]
    assert column(table, "memory KiB (modelled)") == ["2.0"]


def test_every_number_is_marked_as_measured_or_modelled() -> None:
    table = results_table(entries_of(make_row()))
    kinds = {header: header.rpartition("(")[2] for header in table.headers if "(" in header}
    assert kinds == {
        "top-1 % (measured)": "measured)",
        "size KiB (measured)": "measured)",
        "latency median ms (measured)": "measured)",
        "latency p95 ms (measured)": "measured)",
        "energy µJ (modelled)": "modelled)",
        "memory KiB (modelled)": "modelled)",
    }


def test_what_is_no_number_is_a_dash() -> None:
    assert (number(None, 2), number(0, 2)) == ("–", "0.00")


def test_what_a_row_does_not_have_is_a_dash() -> None:
    table = results_table(entries_of(make_row(top1_percent=None, energy_model_uj=None)))
    assert column(table, "top-1 % (measured)") == column(table, "energy µJ (modelled)") == ["–"]


def test_emulated_time_never_stands_in_a_latency_column() -> None:
    # 777 in every latency field: a writer's mistake that must not become a latency.
    wrong = dict.fromkeys(LATENCIES, 777.0)
    emulated = emulated_row().model_copy(update=wrong)
    table = results_table(entries_of(emulated, make_row()))
    assert column(table, "latency median ms (measured)") == ["–", "2.500"]
    assert column(table, "latency p95 ms (measured)") == ["–", "2.750"]
    assert column(table, "emulated ms (not latency)") == ["50.0", "–"]
    assert not any("777" in cell for row in table.rows for cell in row)


def test_there_is_no_emulated_column_without_emulated_rows() -> None:
    assert not any("emulated" in header for header in results_table(entries_of(make_row())).headers)


def test_rows_measured_in_one_state_of_the_board_share_a_line() -> None:
    busy = {**BOARD, "load_1min": 3.5}
    table = boards_table(entries_of(make_row(), make_row(board=busy), make_row()))
    assert column(table, "#") == ["1, 3", "2"]
    assert column(table, "load_1min") == ["0.02", "3.5"]


def test_boards_with_different_facts_share_a_table() -> None:
    boards = ({"cpu": "A"}, {"cores": 2}, {})
    table = boards_table(entries_of(*(make_row(board=board) for board in boards)))
    assert column(table, "cpu") == ["A", "–", "–"]
    assert column(table, "cores") == ["–", "2", "–"]


def test_provenance_has_the_whole_hashes() -> None:
    table = provenance_table(entries_of(make_row(recipe_sha256="a" * 64, model_sha256="b" * 64)))
    assert column(table, "recipe SHA-256") == ["a" * 64]
    assert column(table, "model SHA-256") == ["b" * 64]


def test_a_refused_row_stands_with_its_reason() -> None:
    table = refused_table([Refusal(make_row(run=None), "no run")])
    assert column(table, "reason") == ["no run"]
    assert column(table, "run") == ["–"]


def test_published_figures_are_printed_as_the_paper_prints_them() -> None:
    table = published_table([load_recipe("hybrid_res_a")])
    figures = ("hybrid_res_a", "5", "cifar100", "53.09", "17.3", "0.93", "15.023", "0.87")
    assert table.rows == (figures,)


def test_a_recipe_without_published_figures_is_not_in_their_table() -> None:
    assert published_table([HYBRID]).rows == ()


def test_published_figures_stand_in_the_order_of_the_papers_tables() -> None:
    table = published_table([load_recipe(name) for name in ("hybrid_res_a", "xnor_res_x2", "xnor_res")])
    assert column(table, "recipe") == ["xnor_res", "xnor_res_x2", "hybrid_res_a"]


def test_no_published_column_is_measured_or_modelled() -> None:
    headers = published_table([]).headers
    assert [header for header in headers if "measured" in header or "modelled" in header] == []
