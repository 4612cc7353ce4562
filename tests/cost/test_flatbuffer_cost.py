"""The cost of a flatbuffer: the same as its recipe's where both describe the same numbers."""

from dataclasses import replace

import numpy as np
import pytest
from report_samples import sidecar_of
from tiny_flatbuffers import TinyOp, TinyTensor, float_flatbuffer, packed_flatbuffer, tflite_bytes
from tiny_layers import Writer, packed_file
from tiny_runs import tiny_recipe

from edgehybrid.cost import cost_of
from edgehybrid.cost.flatbuffer_cost import cost_of_flatbuffer
from edgehybrid.cost.rules import FULL, PAPER, RULE_SETS
from edgehybrid.cost.tables import load_table
from edgehybrid.errors import ConversionError, FlatbufferError, UsageError
from edgehybrid.flatbuffer import Flatbuffer, parse_flatbuffer, read_flatbuffer
from edgehybrid.networks import network_of
from edgehybrid.recipe import Recipe
from edgehybrid.runs.run_folder import RunFolder
from edgehybrid.runs.sidecar import read_sidecar

SPLIT = tiny_recipe("network.placement.float_fraction=0.25")
TWO_BIT = tiny_recipe("network.placement.weight_bits=2", "network.placement.activation_bits=2")


def flatbuffer_of(recipe: Recipe) -> Flatbuffer:
    return parse_flatbuffer(packed_file(network_of(recipe)), "model")


@pytest.mark.parametrize("recipe", [tiny_recipe(), SPLIT, TWO_BIT], ids=["binary", "split", "2 bits"])
def test_a_file_alone_costs_what_its_recipe_costs_by_full_rules(recipe: Recipe) -> None:
    by_file = cost_of_flatbuffer(flatbuffer_of(recipe)).as_dict()
    by_recipe = cost_of(recipe, FULL).as_dict()
    same = [key for key in by_recipe if key.startswith("energy_") and "efficiency" not in key]
    assert len(same) > 10
    for key in (*same, "memory_bits", "weights", "macs", "binary_macs", "counted_classes", "rules", "table"):
        # The file lists its layers in another order: sums of 22 layers round differently.
        expected = by_recipe[key]
        assert by_file[key] == (pytest.approx(expected, rel=1e-14) if isinstance(expected, float) else expected), key


@pytest.mark.parametrize("rules", RULE_SETS)
def test_with_its_recipe_a_file_costs_what_the_recipe_costs_by_any_rules(rules: str) -> None:
    found = cost_of_flatbuffer(flatbuffer_of(SPLIT), RULE_SETS[rules], sidecar=sidecar_of(b"", SPLIT)).as_dict()
    expected = cost_of(SPLIT, RULE_SETS[rules]).as_dict()
    of_recipes = {key for key in expected if key.startswith("elementwise_")}
    assert len(of_recipes) == 3
    for key in expected.keys() - of_recipes - {"peak_activation_float_bits", "peak_activation_packed_bits"}:
        assert found[key] == expected[key], key


def test_a_float32_file_costs_what_the_full_precision_network_costs(converted_run: RunFolder) -> None:
    path = converted_run.path / "model.float32.x86_64.tflite"
    flatbuffer = read_flatbuffer(path)
    for rules in (PAPER, FULL):
        found = cost_of_flatbuffer(flatbuffer, rules, sidecar=read_sidecar(path)).as_dict()
        assert (found["energy_efficiency_fp"], found["memory_compression_fp"]) != (1, 1)  # references of width 1
        twin = converted_run.recipe.model_copy(
            update={"network": tiny_recipe("network.placement.full_precision=[all]").network}
        )
        assert found["energy_uj"] == cost_of(twin, rules).as_dict()["energy_uj"]


def test_without_a_recipe_there_are_no_ratios() -> None:
    found = cost_of_flatbuffer(parse_flatbuffer(packed_flatbuffer(), "model")).as_dict()
    assert (found["recipe"], found["energy_efficiency_fp"], found["memory_compression_xnor"]) == (None, None, None)
    assert found["listed_ops"] == {"LceQuantize": 1, "LceBconv2d scales": 1}


def test_a_foreign_float_model_is_counted_by_hand() -> None:
    found = cost_of_flatbuffer(parse_flatbuffer(float_flatbuffer(), "model")).as_dict()
    # CONV_2D: 50 inputs, 72 weights, 36 outputs, 648 MACs. FULLY_CONNECTED: 36, 252, 7, 252.
    accesses, macs = 50 + 72 + 36 + 36 + 252 + 7, 648 + 252
    assert found["energy_uj"] == pytest.approx((accesses * 80 + macs * 3.25) / 1e6, rel=1e-15)
    assert (found["memory_bits"], found["macs"]) == (32 * (72 + 252), macs)


def test_int8_macs_are_integer_macs() -> None:
    writer = Writer()
    data = TinyTensor("x", (1, 36), "int8", scale=0.1)
    weights = TinyTensor("w", (7, 36), "int8", np.zeros((7, 36), np.int8), scale=0.1)
    writer.tensors = [data, weights, TinyTensor("y", (1, 7), "int8", scale=0.1)]
    writer.ops = [TinyOp("FULLY_CONNECTED", [0, 1, -1], [2])]
    found = cost_of_flatbuffer(
        parse_flatbuffer(writer.bytes(0, 2), "model"), table=load_table("horowitz_45nm")
    ).as_dict()
    assert found["energy_mac_uj"] == pytest.approx(252 * 0.23 / 1e6, rel=1e-15)


def test_another_network_in_the_file_is_named() -> None:
    with pytest.raises(ConversionError, match="'stage1_block1_conv1' was to be packed but"):
        cost_of_flatbuffer(flatbuffer_of(SPLIT), sidecar=sidecar_of(b"", tiny_recipe()))


def test_refuses_rules_for_shortcuts_without_a_recipe() -> None:
    with pytest.raises(UsageError, match="without a sidecar") as caught:
        cost_of_flatbuffer(parse_flatbuffer(packed_flatbuffer(), "model"), PAPER)
    assert "shortcut_maps=shared" in str(caught.value.received)


def test_rules_that_are_not_about_shortcuts_need_no_recipe() -> None:
    rules = replace(FULL, name="changed", alpha_macs="free")
    assert (
        cost_of_flatbuffer(parse_flatbuffer(packed_flatbuffer(), "model"), rules).as_dict()["energy_alpha_mac_uj"] == 0
    )


UNKNOWN = tflite_bytes(
    [TinyTensor("a", (1, 4)), TinyTensor("b", (1, 4))], [TinyOp("edgetpu-custom-op", [0], [1])], [0], [1]
)


def test_refuses_operators_that_are_not_counted() -> None:
    with pytest.raises(FlatbufferError, match="not counted") as caught:
        cost_of_flatbuffer(parse_flatbuffer(UNKNOWN, "model"))
    assert (caught.value.received, caught.value.next_step) == (
        "1 edgetpu-custom-op",
        "Add --allow-uncounted to count the others.",
    )


def test_a_file_that_multiplies_by_nothing_costs_nothing() -> None:
    found = cost_of_flatbuffer(parse_flatbuffer(UNKNOWN, "model"), allow_uncounted=True).as_dict()
    assert (found["energy_uj"], found["memory_bits"], found["macs"], found["layers"]) == (0, 0, 0, [])
    assert found["energy_efficiency_fp"] is None
