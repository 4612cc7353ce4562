from report_samples import HYBRID, TWIN, make_row

from edgehybrid.cost import cost_of
from edgehybrid.report.layer_plots import MOST_NETWORKS, layer_plots
from edgehybrid.report.origin import Entry
from edgehybrid.results import Row

COST = cost_of(HYBRID).network
ROW = make_row(energy_model_uj=COST.energy_uj)
TWIN_ROW = make_row(recipe=TWIN.name, format="float32", energy_model_uj=cost_of(TWIN).network.energy_uj)


def entry(number: int, row: Row = ROW) -> Entry:
    return Entry(number, row, TWIN if row.recipe == TWIN.name else HYBRID)


def test_each_network_and_format_has_a_panel_with_all_its_layers() -> None:
    (plot,) = layer_plots([entry(1), entry(2, TWIN_ROW), entry(3)])
    assert [panel.title for panel in plot.panels] == [
        f"digits (packed): {COST.energy_uj:.2f} µJ, #1, 3",
        f"digits_float (float32): {TWIN_ROW.energy_model_uj:.2f} µJ, #2",
    ]
    for layer in COST.layers:
        assert layer.layer.name in plot.panels[0].svg
    assert "1 bit" not in plot.panels[1].svg


def test_says_that_the_energy_is_modelled() -> None:
    (plot,) = layer_plots([entry(1)])
    assert "modelled" in plot.caption
    assert "energy of one inference (modelled), µJ" in plot.panels[0].svg


def test_a_row_of_another_energy_is_named_and_not_drawn() -> None:
    (plot,) = layer_plots([entry(1), entry(2, make_row(energy_model_uj=COST.energy_uj * 1.01))])
    assert len(plot.panels) == 1
    assert "Not drawn: #2;" in plot.caption


def test_nothing_is_drawn_of_rules_tables_and_formats_that_are_not_known() -> None:
    changes = ({"rules": "mine"}, {"table": "mine"}, {"format": "int4"}, {"energy_model_uj": None})
    assert layer_plots([entry(1, ROW.model_copy(update=change)) for change in changes]) == ()


def test_what_is_too_many_is_named() -> None:
    rows = [ROW.model_copy(update={"recipe_sha256": f"{index:064x}"}) for index in range(MOST_NETWORKS + 2)]
    (plot,) = layer_plots([entry(index, row) for index, row in enumerate(rows, start=1)])
    assert len(plot.panels) == MOST_NETWORKS
    assert f"Not drawn: #{MOST_NETWORKS + 1}–{MOST_NETWORKS + 2};" in plot.caption
