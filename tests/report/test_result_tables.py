from report_samples import HYBRID, METER, emulated_row, make_row

from edgehybrid.recipe import load_recipe
from edgehybrid.report.document import ReportTable
from edgehybrid.report.origin import Entry, Refusal
from edgehybrid.report.result_tables import (
    provenance_tables,
    published_table,
    refused_table,
    results_table,
    times_table,
)
from edgehybrid.results import Row
from edgehybrid.results.row import LATENCIES


def entries_of(*rows: Row) -> list[Entry]:
    return [Entry(index, row, HYBRID) for index, row in enumerate(rows, start=1)]


def column(table: ReportTable, header: str) -> list[str]:
    return [row[table.names.index(header)] for row in table.rows]


def test_bytes_and_bits_become_kib() -> None:
    table = results_table(entries_of(make_row(size_bytes=3 * 1024, memory_model_bits=2 * 8 * 1024)))
    assert column(table, "size KiB (measured)") == ["3.0"]
    assert column(table, "memory KiB (modelled)") == ["2.0"]


def test_every_number_is_marked_as_measured_or_modelled() -> None:
    table = results_table(entries_of(make_row()))
    kinds = {header: header.rpartition("(")[2] for header in table.names if "(" in header}
    assert kinds == {
        "top-1 % (measured)": "measured)",
        "size KiB (measured)": "measured)",
        "latency median ms (measured)": "measured)",
        "latency p95 ms (measured)": "measured)",
        "energy µJ (modelled)": "modelled)",
        "memory KiB (modelled)": "modelled)",
    }


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
    assert not any("emulated" in name for name in results_table(entries_of(make_row())).names)


def test_measured_energy_stands_in_its_own_column_and_never_in_the_modelled_one() -> None:
    table = results_table(entries_of(make_row(**METER), make_row()))
    assert column(table, "energy µJ (measured)") == ["777.00", "–"]
    assert column(table, "energy µJ (modelled)") == ["4.50", "4.50"]
    assert "energy µJ (measured)" not in results_table(entries_of(make_row())).names


def test_how_energy_was_measured_is_told_of_the_rows_that_have_it() -> None:
    entries = entries_of(make_row(), make_row(**METER))
    times = times_table(entries)
    assert column(times, "power W (measured)") == ["–", "3.50"]
    assert column(times, "power samples") == ["–", "400"]
    *_, meters = provenance_tables(entries)
    assert meters.rows == (("2", "2.25", "-1.5", "d" * 64),)
    assert "power samples" not in times_table(entries_of(make_row())).names


def test_the_distribution_of_an_emulated_row_is_empty() -> None:
    emulated = emulated_row().model_copy(update=dict.fromkeys(LATENCIES, 777.0))
    table = times_table(entries_of(emulated, make_row(latency_ms_p5=2.4, latency_ms_max=9.0, init_ms=3.0)))
    assert not any("777" in cell for row in table.rows for cell in row)
    assert column(table, "p5 ms (measured)") == ["–", "2.400"]
    assert column(table, "slowest ms (measured)") == ["–", "9.000"]
    assert column(table, "load ms (measured)") == ["–", "3.0"]
    assert column(table, "peak memory MiB (measured)") == ["1.0", "1.0"]


def test_rows_made_from_the_same_share_a_line_of_provenance() -> None:
    flatbuffers, recipes, software = provenance_tables(
        entries_of(make_row(), make_row(device="pi5"), make_row(isa="avx2"), make_row(model_sha256="b" * 64))
    )
    assert column(flatbuffers, "#") == ["1–3", "4"]
    assert column(recipes, "#") == ["1–4"]
    assert column(software, "#") == ["1–2, 4", "3"]


def test_provenance_has_the_whole_hashes() -> None:
    flatbuffers, recipes, _ = provenance_tables(entries_of(make_row(recipe_sha256="a" * 64, model_sha256="b" * 64)))
    assert column(recipes, "recipe SHA-256") == ["a" * 64]
    assert column(flatbuffers, "model SHA-256") == ["b" * 64]


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
    names = published_table([]).names
    assert [name for name in names if "measured" in name or "modelled" in name] == []
