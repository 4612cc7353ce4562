"""The rows of the zoo."""

import pytest

from edgehybrid.cost.recipe_cost import network_cost_of
from edgehybrid.cost.zoo import zoo_rows
from edgehybrid.runs.run_folder import open_run
from edgehybrid.runs.zoo import zoo_names


def test_each_format_of_each_network_has_one_row() -> None:
    rows = zoo_rows()
    assert {row.model.split(":")[1] for row in rows} == set(zoo_names())
    assert len({(row.model.split(":")[1], row.format) for row in rows}) == len(rows)
    assert {f"zoo:{name}" for name in zoo_names()} <= {row.model for row in rows}


def test_a_row_says_what_is_counted_and_measured() -> None:
    (row,) = [row for row in zoo_rows() if row.model == "zoo:digits"]
    recipe = open_run(zoo_names()["digits"]).recipe
    assert (row.format, row.dataset, row.epochs) == ("packed", "digits", recipe.training.epochs)
    assert row.energy_model_uj == pytest.approx(network_cost_of(recipe).energy_uj, abs=1e-3)
    assert row.top1_percent is not None
    assert row.top1_percent > 95
    assert row.published_top1_percent is None
