"""The cost of whole networks: laws, and the form of the rows."""

import json
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import pytest
from processes import modules_after
from published_figures import RATIOS, RECIPES, cost, row, total_pj

from edgehybrid.census.logical_layers import layers_of_network
from edgehybrid.cost import cost_of, cost_of_layers, cost_of_network
from edgehybrid.cost.rules import FULL, RULE_SETS
from edgehybrid.cost.tables import load_table, table_names
from edgehybrid.errors import EdgehybridError
from edgehybrid.networks import Network, build_network, network_of
from edgehybrid.recipe import NetworkRecipe, Placement, load_recipe

ENERGIES = [
    "energy_uj",
    "energy_compute_uj",
    "energy_memory_uj",
    "energy_input_uj",
    "energy_weight_uj",
    "energy_output_uj",
    "energy_alpha_uj",
    "energy_mac_uj",
    "energy_alpha_mac_uj",
    "energy_full_precision_uj",
    "energy_input_full_precision_uj",
    "energy_weight_full_precision_uj",
    "energy_output_full_precision_uj",
    "energy_mac_full_precision_uj",
    "energy_quantised_uj",
    "energy_input_quantised_uj",
    "energy_weight_quantised_uj",
    "energy_output_quantised_uj",
    "energy_mac_quantised_uj",
]

# Laws.


def reference_memory_bits(network: Network) -> Fraction:
    bits = Fraction(0)
    for layer in network.layers:
        w = layer.kernel_side**2 * layer.in_channels * layer.out_channels
        q = 0 if layer.weight_bits == 32 else 1 - Fraction(layer.float_filters, layer.out_channels)
        alpha = 0 if layer.kind == "dense" else 32 * layer.out_channels
        bits += 32 * (1 - q) * w + q * (layer.weight_bits * w + alpha)
    return bits


@pytest.mark.parametrize("recipe", [name for name in RECIPES if not name.startswith("imagenet/")])
def test_memory_is_what_the_formulas_say(recipe: str) -> None:
    assert cost(recipe).network.memory_bits == reference_memory_bits(network_of(load_recipe(recipe)))


@pytest.mark.parametrize("recipe", RECIPES)
def test_the_layers_rows_add_up_to_the_network(recipe: str) -> None:
    found = row(recipe)
    for key in ("weights", "macs", "binary_macs", "memory_bits"):
        assert sum(layer[key] for layer in found["layers"]) == found[key]
    # 22 divisions and additions at most: 44 roundings of 2**-53.
    layers_uj = sum(layer["energy_uj"] for layer in found["layers"])
    assert layers_uj == pytest.approx(found["energy_uj"], rel=1e-14)


@pytest.mark.parametrize("recipe", RECIPES)
def test_compute_and_memory_energy_add_up_to_the_energy(recipe: str) -> None:
    found = row(recipe)
    both = found["energy_compute_uj"] + found["energy_memory_uj"]
    # Three divisions and one addition: 4 roundings of 2**-53.
    assert both == pytest.approx(found["energy_uj"], rel=1e-15)


@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize("rules", RULE_SETS)
def test_every_split_of_the_energy_adds_up(recipe: str, rules: str) -> None:
    found = cost_of(load_recipe(recipe), RULE_SETS[rules]).as_dict()

    def sum_of(*parts: str) -> object:
        # 10 roundings of 2**-53 at most.
        return pytest.approx(sum(found[f"energy_{part}_uj"] for part in parts), rel=2e-15)  # type: ignore[misc]

    assert found["energy_uj"] == sum_of("full_precision", "quantised")
    assert found["energy_memory_uj"] == sum_of("input", "weight", "output", "alpha")
    assert found["energy_compute_uj"] == sum_of("mac", "alpha_mac")
    for part in ("input", "weight", "output", "mac"):
        assert found[f"energy_{part}_uj"] == sum_of(f"{part}_full_precision", f"{part}_quantised")
    # Scales are in full precision.
    parts = [f"{part}_full_precision" for part in ("input", "weight", "output", "mac")]
    assert found["energy_full_precision_uj"] == sum_of(*parts, "alpha", "alpha_mac")


@pytest.mark.parametrize("architecture", ["resnet20", "vgg19"])
def test_each_further_bit_costs_the_same(architecture: str) -> None:
    energies, memories = [], []
    for bits in range(1, 9):
        placement = Placement(weight_bits=bits, activation_bits=bits)
        part = NetworkRecipe.model_validate({"architecture": architecture, "placement": placement})
        counted = cost_of_network(build_network("test", part, 32, 3, 100))
        energies.append(total_pj(counted))
        memories.append(counted.memory_bits)
    assert energies == [energies[0] + step * (energies[1] - energies[0]) for step in range(8)]
    assert memories == [memories[0] + step * (memories[1] - memories[0]) for step in range(8)]


@pytest.mark.parametrize(
    "recipe", ["float_res", "xnor_res", "hybrid_res_a", "hybrid_res_b", "hybrid_res_c", "hybrid_vgg_a"]
)
def test_energy_memory_and_macs_grow_with_the_width(recipe: str) -> None:
    widths = (0.0625, 0.25, 0.5, 1.0, 1.1, 1.5, 2.0, 3.0)
    found = [cost_of(load_recipe(recipe, [f"network.width={width}"])).network for width in widths]
    for narrow, wide in pairwise(found):
        assert wide.energy_uj > narrow.energy_uj
        assert wide.memory_bits > narrow.memory_bits
        assert wide.as_dict()["macs"] > narrow.as_dict()["macs"]  # type: ignore[operator]


# The interface.


def test_the_row_has_the_promised_keys_and_is_json() -> None:
    found = json.loads(json.dumps(row("hybrid_res_a")))
    assert list(found) == [
        "recipe",
        "rules",
        "table",
        *ENERGIES,
        "memory_bits",
        "counted_classes",
        "weights",
        "macs",
        "binary_macs",
        "peak_activation_float_bits",
        "peak_activation_packed_bits",
        "elementwise_macs",
        "elementwise_numbers",
        "elementwise_energy_uj",
        *RATIOS,
        "layers",
    ]
    assert (found["recipe"], found["rules"], found["table"]) == ("hybrid_res_a", "paper", "paper")


def test_a_layers_row_says_what_it_is_and_why() -> None:
    rows = {layer["name"]: layer for layer in row("hybrid_res_a")["layers"]}
    shortcut = rows["stage2_block1_shortcut"]
    assert [key for key in shortcut if key.startswith("energy_")] == ENERGIES
    assert {key: value for key, value in shortcut.items() if key == "energy_uj" or key not in ENERGIES} == {
        "name": "stage2_block1_shortcut",
        "kind": "shortcut",
        "weight_bits": 32,
        "activation_bits": 32,
        "float_filters": 32,
        "reason": "shortcuts",
        "weights": 16 * 32,
        "macs": 16**2 * 16 * 32,
        "binary_macs": 0,
        "energy_uj": (2.5 * 512 + 80 * 32 + 3.25 * 131072) / 1e6,
        "memory_bits": 32 * 512,
    }


def test_macs_that_are_not_binary_are_those_of_the_first_and_last_layer() -> None:
    found = row("xnor_res")
    # conv1: 32 * 32 outputs of 16 filters with 27 weights; fc: 64 * 100.
    assert found["macs"] - found["binary_macs"] == 32**2 * 16 * 27 + 6400


def test_weights_that_two_layers_share_count_once_and_work_twice() -> None:
    first, *rest = layers_of_network(network_of(load_recipe("hybrid_res_a")))
    once, twice = (
        cost_of_layers([first, *more, *rest], 100).as_dict()
        for more in ([], [replace(first, name="again", is_stored_elsewhere=True)])
    )
    assert twice["weights"] == once["weights"]
    assert twice["memory_bits"] == once["memory_bits"]
    assert twice["macs"] == first.macs + once["macs"]


def test_full_rules_count_the_classes_of_the_recipe() -> None:
    found = cost_of(load_recipe("imagenet/xnor_vgg"), FULL).as_dict()
    assert (found["rules"], found["counted_classes"]) == ("full", 1000)
    # The rule of the paper removes 900 columns of 4096 weights.
    assert found["weights"] - row("imagenet/xnor_vgg")["weights"] == 900 * 4096


@pytest.mark.parametrize("table", table_names())
@pytest.mark.parametrize("rules", RULE_SETS)
def test_every_recipe_can_be_counted_with_every_shipped_table(rules: str, table: str) -> None:
    for recipe in (*RECIPES, "digits"):
        found = cost_of(load_recipe(recipe), RULE_SETS[rules], load_table(table)).as_dict()
        assert (found["rules"], found["table"]) == (rules, table)
        assert found["energy_uj"] > 0  # type: ignore[operator]


def test_refuses_an_empty_network() -> None:
    with pytest.raises(EdgehybridError, match="empty"):
        cost_of_layers([], 10)


def test_importing_the_cost_stage_imports_no_framework() -> None:
    assert not {"tensorflow", "larq", "numpy"} & modules_after("import edgehybrid.cost")
