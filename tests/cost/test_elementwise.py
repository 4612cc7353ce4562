"""What lies between the layers, counted by hand."""

import pytest

from edgehybrid.cost import cost_of
from edgehybrid.cost.elementwise import elementwise_of
from edgehybrid.cost.tables import load_table
from edgehybrid.networks import network_of
from edgehybrid.recipe import load_recipe

# Elements of a map in each of the three stages of ResNet-20.
STAGES = (32 * 32 * 16, 16 * 16 * 32, 8 * 8 * 64)


def of(*settings: str, name: str = "hybrid_res_a") -> tuple[int, int]:
    return tuple(elementwise_of(network_of(load_recipe(name, settings))))  # type: ignore[return-value]


def test_resnet_20_by_hand() -> None:
    one, two, three = STAGES
    # BatchNorm behind the first layer, before and behind the six convolutions of each stage, and behind two shortcuts.
    normalised = one + (7 * one + 6 * two + 5 * three) + 6 * sum(STAGES) + two + three
    # A sum for each of these convolutions; the pool; BatchNorm before and behind the classifier.
    assert of()[0] == normalised + 6 * sum(STAGES) + three + 64 + 100
    channels = 16 + (7 * 16 + 6 * 32 + 5 * 64) + 6 * (16 + 32 + 64) + 32 + 64 + 64 + 100
    assert of()[1] == 2 * channels


def test_rprelu_costs_two_for_each_number_it_takes_and_three_numbers_a_channel() -> None:
    (plain, numbers), (macs, more) = of(), of("network.activation=rprelu")
    # Behind each of the 18 convolutions of the blocks, and behind the first layer.
    assert macs - plain == 2 * (6 * sum(STAGES) + STAGES[0])
    assert more - numbers == 3 * (6 * (16 + 32 + 64) + 16)


def test_learned_thresholds_are_read_and_cost_nothing_else() -> None:
    (plain, numbers), (macs, more) = of(), of("network.thresholds=learned")
    assert macs == plain
    # The convolutions of the blocks read 16 channels seven times, 32 six times and 64 five times.
    assert more - numbers == 7 * 16 + 6 * 32 + 5 * 64


def test_the_threshold_of_a_layer_of_whole_weights_is_read_too() -> None:
    signs = "network.placement.activations_only=[stage1]"
    assert of(signs, "network.thresholds=learned")[1] - of(signs)[1] == 7 * 16 + 6 * 32 + 5 * 64


def test_a_pool_before_a_shortcut_adds_four_for_each_number_it_writes() -> None:
    assert of("network.shortcut_pool=true")[0] - of()[0] == 4 * (16 * 16 * 16 + 8 * 8 * 32)


def test_where_the_relu_stands_costs_nothing() -> None:
    assert of("network.activation_place=branch") == of()


def test_its_energy_is_that_of_macs_and_accesses() -> None:
    found = cost_of(load_recipe("hybrid_res_a"))
    macs, numbers = of()
    assert found.elementwise_uj == pytest.approx((3.25 * macs + 80 * numbers) / 1e6)
    assert found.as_dict()["elementwise_energy_uj"] == found.elementwise_uj
    assert (
        elementwise_of(network_of(load_recipe("hybrid_res_a"))).energy_uj(load_table("paper")) == found.elementwise_uj
    )
