"""The section ``network`` of a recipe: which bits and widths there can be, and what they mean for layers."""

import pytest

from edgehybrid.errors import RecipeError
from edgehybrid.networks import FLOAT_BITS, network_of
from edgehybrid.recipe import load_recipe
from edgehybrid.recipe.network import MAX_QUANTISED_BITS


@pytest.mark.parametrize("bits", [1, 2, MAX_QUANTISED_BITS, FLOAT_BITS])
def test_a_stage_has_the_bits_that_its_selector_gives(bits: int) -> None:
    network = network_of(load_recipe("hybrid_res_a", [f"network.placement.bits={{stage2: {bits}}}"]))
    found = {(layer.weight_bits, layer.activation_bits) for layer in network if layer.name.startswith("stage2_block2")}
    assert found == {(bits, bits)}


@pytest.mark.parametrize("bits", [-1, 0, MAX_QUANTISED_BITS + 1, FLOAT_BITS - 1, FLOAT_BITS + 1])
def test_refuses_bits_between_a_quantisers_and_a_floats(bits: int) -> None:
    with pytest.raises(RecipeError, match=rf"'network\.placement\.bits' gives 'stage2' {bits} bits"):
        load_recipe("hybrid_res_a", [f"network.placement.bits={{stage2: {bits}}}"])


@pytest.mark.parametrize(
    ("field", "within", "beyond"),
    [
        ("width", ("0.0625", "64"), ("0", "-1", "64.5")),
        ("pad_value", ("0", "1"), ("-1", "2")),
        ("placement.weight_bits", ("1", "8"), ("0", "9", "32")),
        ("placement.activation_bits", ("1", "8"), ("0", "9", "32")),
        ("placement.float_fraction", ("0", "1"), ("-0.1", "1.1")),
    ],
)
def test_the_ends_of_a_range_are_within_it(field: str, within: tuple[str, ...], beyond: tuple[str, ...]) -> None:
    for value in within:
        load_recipe("hybrid_res_a", [f"network.{field}={value}"])
    for value in beyond:
        with pytest.raises(RecipeError, match=rf"'network\.{field}' is out of range"):
            load_recipe("hybrid_res_a", [f"network.{field}={value}"])


@pytest.mark.parametrize("field", ["architecture", "shortcut", "activation", "thresholds"])
def test_a_choice_that_is_none_is_refused(field: str) -> None:
    with pytest.raises(RecipeError, match=rf"'network\.{field}' is not one of its choices"):
        load_recipe("hybrid_res_a", [f"network.{field}=something_else"])


def test_unless_told_all_but_the_first_and_the_last_layer_have_one_bit() -> None:
    first, *others, last = network_of(load_recipe("xnor_vgg", ["network.placement={}"]))
    assert (first.is_float, last.is_float) == (True, True)
    assert {(layer.weight_bits, layer.activation_bits, layer.float_filters) for layer in others} == {(1, 1, 0)}


@pytest.mark.parametrize("bits", ["weight_bits", "activation_bits"])
@pytest.mark.parametrize("number", [0, 9, 16])
def test_refuses_bits_that_no_quantiser_has(bits: str, number: int) -> None:
    with pytest.raises(RecipeError, match=rf"'network\.placement\.{bits}' is out of range") as refused:
        load_recipe("moons/4bit_1x64", [f"network.placement.{bits}={number}"])
    assert refused.value.received == str(number)


@pytest.mark.parametrize("field", ["block_convolutions", "block_filters"])
def test_refuses_a_block_of_nothing(field: str) -> None:
    with pytest.raises(RecipeError, match=rf"'network\.{field}\.1' is out of range"):
        load_recipe("moons/4bit_1x64", [f"network.{field}=[1, 0, 1]"])
