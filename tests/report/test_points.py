from typing import Any

import pytest
from report_samples import HYBRID, emulated_row, make_row

from edgehybrid.cost import references_of
from edgehybrid.cost.rules import PAPER
from edgehybrid.recipe import load_recipe
from edgehybrid.report.origin import Entry
from edgehybrid.report.points import measured_points, published_points
from edgehybrid.results import Row

FULL_PRECISION, _ = references_of(HYBRID, PAPER, None)


def entries_of(*rows: Row) -> list[Entry]:
    return [Entry(index, row, HYBRID) for index, row in enumerate(rows, start=1)]


def test_a_point_stands_where_the_cost_of_its_file_puts_it() -> None:
    energy, bits = FULL_PRECISION.energy_uj / 4, FULL_PRECISION.memory_bits // 2
    (point,), notes = measured_points(entries_of(make_row(energy_model_uj=energy, memory_model_bits=bits)))
    assert (point.energy_efficiency_fp, point.memory_compression_fp) == (pytest.approx(4), pytest.approx(2))
    assert (point.size_kib, point.latency_ms, point.place) == (256, 2.5, "pi4, 1 thread")
    assert not point.published
    assert notes == []


@pytest.mark.parametrize(
    ("changes", "why"),
    [({"verdict": "invalid"}, "the verdict is invalid"), ({"top1_percent": None}, "accuracy is not")],
)
def test_a_row_without_a_point_is_noted(changes: dict[str, Any], why: str) -> None:
    points, notes = measured_points(entries_of(make_row(), make_row(**changes), make_row(**changes)))
    assert len(points) == 1
    assert [why in note and "#2–3" in note for note in notes] == [True]


def test_cost_by_other_rules_is_not_drawn_and_noted() -> None:
    (point,), (note,) = measured_points(entries_of(make_row(rules="full")))
    assert point.energy_efficiency_fp is point.memory_compression_fp is None
    assert point.latency_ms == 2.5
    assert "not counted by the paper's rules" in note


def test_emulated_time_is_no_latency() -> None:
    row = emulated_row().model_copy(update={"latency_ms_median": 777.0})
    (point,), (note,) = measured_points(entries_of(row))
    assert point.latency_ms is None
    assert "emulated: #1." in note


def test_published_points_are_those_of_the_data_and_of_the_figure_of_the_family() -> None:
    recipes = [load_recipe(name) for name in ("hybrid_res_a", "hybrid_vgg_a", "imagenet/hybrid_vgg_a", "digits")]
    (point,) = published_points(recipes, entries_of(make_row()))
    assert (point.network, point.published) == ("hybrid_res_a", True)
    assert (point.top1_percent, point.energy_efficiency_fp, point.memory_compression_fp) == (53.09, 17.3, 15.023)
    assert point.latency_ms is point.size_kib is None
