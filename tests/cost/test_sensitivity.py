"""Sensitivity: a synthetic case whose crossing is known, the sentence, and tables that cannot count."""

from dataclasses import replace

import pytest

from edgehybrid.census.logical_layers import LogicalLayer, layers_of_network
from edgehybrid.cost.rules import FULL, PAPER, load_rules
from edgehybrid.cost.sensitivity import LayersAndClasses, sensitivity_of
from edgehybrid.cost.tables import EnergyConstant, EnergyTable, load_table, table_names
from edgehybrid.errors import UsageError
from edgehybrid.networks import network_of
from edgehybrid.recipe import load_recipe


def table(name: str, access_pj: float, mac_pj: float) -> EnergyTable:
    constants = {
        "access": EnergyConstant(access_pj, 32, 10, "a test"),
        "mac": EnergyConstant(mac_pj, 32, 10, "a test"),
    }
    return EnergyTable(name, "a test", constants, {"memory_access": ("access",), "float_mac": ("mac",)})


def layer(macs: int, outputs: int) -> LogicalLayer:
    """Full precision, with one input, macs / outputs weights, and ``outputs`` outputs of one filter."""
    return LogicalLayer("conv", "conv", 1, 1, (1, macs // outputs), (1, 1), (1, outputs), 1, 32, 32, 1)


# Accesses: 1 + weights + outputs. busy: 1 + 10 + 10 = 21, 100 MACs. wide: 1 + 1 + 40 = 42, 40 MACs.
BUSY, WIDE = ([layer(100, 10)], 10), ([layer(40, 40)], 10)
NETWORKS: dict[str, LayersAndClasses] = {"busy": BUSY, "wide": WIDE}


def test_finds_the_factor_at_which_the_order_changes() -> None:
    # busy 21 * 2 + 100 * 0.5 = 92 pJ; wide 42 * 2 + 40 * 0.5 = 104 pJ. Equal when 60 MACs cost what 21 accesses do:
    # at MACs of 0.7 pJ, 1.4 times as much, or at accesses of 30 / 21 pJ, 0.714 times as much.
    found = sensitivity_of(NETWORKS, FULL, [table("first", 2, 0.5)])
    assert found.base.order == ("busy", "wide")
    crossings = {(v.constant, v.factor): v.crossing for v in found.variants if v.crossing}
    assert set(crossings) == {("mac", 1.5), ("access", 0.5)}
    for key, factor in ((("mac", 1.5), 1.4), (("access", 0.5), 30 / 21 / 2)):
        first, second, crossing = crossings[key] or ("", "", 0.0)
        assert (first, second) == ("busy", "wide")
        assert crossing == pytest.approx(factor, rel=1e-12)  # differences of energies lose a few digits
    assert "at first/mac × 1.40 (wide falls below busy)" in found.sentence()


def test_an_order_that_never_changes_is_said_to_be_the_same() -> None:
    found = sensitivity_of(NETWORKS, FULL, [table("first", 10, 0.1), table("second", 20, 0.1)])
    assert found.sentence() == (
        "The order by energy, busy < wide, is the same under 2 energy tables and under ±50 % of each of their "
        "constants (rules full)."
    )
    assert not found.as_dict()["order_changes"]


def test_a_table_that_turns_the_order_is_named() -> None:
    found = sensitivity_of(NETWORKS, FULL, [table("first", 10, 0.1), table("second", 0.1, 10)])
    assert "busy < wide by first, changes under the table second (rules full)." in found.sentence()
    assert found.as_dict()["order_changes"]


def test_every_constant_of_every_table_is_changed_both_ways() -> None:
    found = sensitivity_of(NETWORKS, FULL, [load_table(name) for name in table_names()])
    changed = {(v.table, v.constant, v.factor) for v in found.variants if v.constant}
    expected = {
        (name, constant, factor)
        for name in table_names()
        for constant in load_table(name).constants
        for factor in (0.5, 1.5)
    }
    assert changed == expected


def test_a_changed_constant_gives_the_energy_of_a_table_with_that_constant() -> None:
    found = sensitivity_of(NETWORKS, FULL, [table("first", 2, 0.5)])
    energies = {(v.constant, v.factor): v.energy_uj["busy"] for v in found.variants}
    assert energies["access", 1.5] == (21 * 3 + 100 * 0.5) / 1e6
    assert energies["mac", 0.5] == (21 * 2 + 100 * 0.25) / 1e6


def test_a_table_that_cannot_count_is_listed() -> None:
    networks = {name: (layers_of_network(network_of(load_recipe(name))), 100) for name in ("xnor_res", "hybrid_res_a")}
    rules = load_rules("paper", ["binary_mac=stated"])
    found = sensitivity_of(networks, rules, [load_table("paper"), load_table("cortex_a7")])
    assert list(found.refused) == ["cortex_a7"]
    assert "binary_mac" in found.refused["cortex_a7"]
    assert "cortex_a7" in found.sentence()
    with pytest.raises(UsageError, match="binary_mac"):
        sensitivity_of(networks, rules, [load_table("cortex_a7")])


def test_equal_networks_keep_the_order_of_the_call() -> None:
    found = sensitivity_of({"b": BUSY, "a": ([replace(BUSY[0][0], name="other")], 10)}, PAPER, [load_table("paper")])
    assert {v.order for v in found.variants} == {("b", "a")}


@pytest.mark.parametrize("networks", [{}, {"busy": BUSY}])
def test_refuses_fewer_than_two_networks(networks: dict[str, LayersAndClasses]) -> None:
    with pytest.raises(UsageError, match="two networks at least"):
        sensitivity_of(networks, FULL, [load_table("paper")])
