"""The drawing: what it says, and what its bars add up to."""

import re
import xml.etree.ElementTree as ET

import pytest

from edgehybrid.cost import cost_of
from edgehybrid.cost.plot import PANEL_WIDTH, PARTS, energy_bars, energy_svg
from edgehybrid.recipe import load_recipe

NETWORKS = [(name, cost_of(load_recipe(name)).network) for name in ("hybrid_res_a", "hybrid_res_c")]


def texts(svg: str) -> list[str]:
    return [element.text or "" for element in ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")]


def test_names_networks_layers_kinds_and_units() -> None:
    found = texts(energy_svg(NETWORKS))
    assert "hybrid_res_a: 10.69 µJ, rules paper, table paper" in found
    assert "conv1 · 32 bit" in found
    assert "stage1_block1_conv1 · 1 bit, 1 of 16 filters 32 bit" in found
    assert found.count("energy of one inference (modelled), µJ") == 2
    for label, _ in PARTS.values():
        assert found.count(label) == 1


def test_layers_stand_in_forward_order() -> None:
    found = texts(energy_svg(NETWORKS[:1]))
    names = [text.split(" · ")[0] for text in found if " · " in text]
    assert names == [cost.layer.name for cost in NETWORKS[0][1].layers]


def test_equal_costs_give_equal_bytes() -> None:
    assert energy_svg(NETWORKS) == energy_svg(NETWORKS)


def test_long_names_are_cut() -> None:
    (name, cost), _ = NETWORKS
    from dataclasses import replace

    first = replace(cost.layers[0], layer=replace(cost.layers[0].layer, name="x" * 80))
    assert "x" * 31 + "… · 32 bit" in texts(energy_svg([(name, replace(cost, layers=(first,)))]))


def test_the_bars_of_a_panel_add_up_to_its_energy() -> None:
    cost = NETWORKS[0][1]
    lengths = re.findall(r"M[\d.]+ [\d.]+h([\d.]+)v", "".join(energy_bars(cost, longest_uj=4.0)))
    # 4 µJ are 380 pixels long; a bar's length is rounded to a tenth of a pixel, and shorter ones are left out.
    rounding = 0.05 * len(PARTS) * len(cost.layers)
    assert sum(map(float, lengths)) == pytest.approx(cost.energy_uj / 4.0 * 380, abs=rounding)


def test_the_axis_says_that_the_energy_is_modelled_and_ends_in_the_panel() -> None:
    bars = "".join(energy_bars(NETWORKS[0][1]))
    assert "energy of one inference (modelled), µJ" in bars
    assert all(0 <= float(x) <= PANEL_WIDTH for x in re.findall(r"M([\d.]+) ", bars))
