"""From a recipe to a network: what each of its fields changes, and which networks cannot exist."""

import re

import pytest

from edgehybrid.errors import RecipeError
from edgehybrid.networks import build_network, network_of
from edgehybrid.recipe import NetworkRecipe, load_recipe


def test_takes_input_and_classes_from_the_recipe() -> None:
    network = network_of(load_recipe("digits"))
    assert (network.image_side, network.image_channels, network.classes) == (16, 1, 10)
    assert (network.name, network.architecture) == ("digits", "resnet20")
    assert (network.width, network.pad_value) == (1.0, 1)


def test_the_width_changes_filters_only() -> None:
    pairs = list(zip(network_of(load_recipe("xnor_res")), network_of(load_recipe("xnor_res_x2")), strict=True))
    for one, two in pairs:
        assert (one.name, one.in_side, one.out_side) == (two.name, two.in_side, two.out_side)
    assert all(two.out_channels == 2 * one.out_channels for one, two in pairs if one.kind != "dense")


@pytest.mark.parametrize(("architecture", "filters"), [("resnet20", 16), ("vgg19", 64)])
def test_refuses_a_width_without_a_filter(architecture: str, filters: int) -> None:
    # The narrowest layer has 16 or 64 filters times the width: one at 1/16 or 1/64, none just below.
    network = {"architecture": architecture, "width": 1 / filters}
    part = NetworkRecipe.model_validate(network)
    assert min(layer.out_channels for layer in build_network("x", part, 32, 3, 100)) == 1
    part = NetworkRecipe.model_validate({**network, "width": 0.99 / filters})
    with pytest.raises(RecipeError, match="leaves layer 'conv1' without a filter") as refused:
        build_network("x", part, 32, 3, 100)
    assert refused.value.received == f"network.width: {0.99 / filters}"


def test_refuses_residual_connections_for_resnet20() -> None:
    with pytest.raises(RecipeError, match="ResNet has its own"):
        network_of(load_recipe("hybrid_res_a", ["network.residual=true"]))


@pytest.mark.parametrize("setting", ["activation_place=branch", "shortcut_pool=true"])
@pytest.mark.parametrize("name", ["xnor_vgg", "hybrid_vgg_a", "moons/binary_1x64", "ern/cifar16"])
def test_refuses_switches_of_blocks_that_are_not_there(name: str, setting: str) -> None:
    with pytest.raises(RecipeError, match="about the blocks of ResNets"):
        network_of(load_recipe(name, [f"network.{setting}"]))


def test_refuses_a_pool_before_shortcuts_that_are_not_there() -> None:
    with pytest.raises(RecipeError, match="and the network has none"):
        network_of(load_recipe("pca/plain_res20", ["network.shortcut_pool=true"]))


@pytest.mark.parametrize("name", ["xnor_res", "hybrid_res_a", "float_res"])
def test_resnet20_has_a_shortcut_round_every_convolution_already(name: str) -> None:
    asked = network_of(load_recipe(name, ["network.shortcut=every_convolution"]))
    assert asked == network_of(load_recipe(name))


def test_refuses_residual_pairs_with_a_shortcut_round_every_convolution() -> None:
    with pytest.raises(RecipeError, match="round every two convolutions") as refused:
        network_of(load_recipe("hybrid_vgg_a", ["network.shortcut=every_convolution"]))
    assert refused.value.received == "residual: true, shortcut: every_convolution"


@pytest.mark.parametrize("name", ["hybrid_res_a", "hybrid_vgg_a", "float_vgg"])
def test_rprelu_stands_where_a_relu_would(name: str) -> None:
    plain = [(node.op, node.inputs) for node in network_of(load_recipe(name)).graph]
    changed = [(node.op, node.inputs) for node in network_of(load_recipe(name, ["network.activation=rprelu"])).graph]
    assert any(op == "relu" for op, _ in plain)
    renamed = [
        ("rprelu" if op == "relu" else op, tuple(re.sub("_relu$", "_rprelu", source) for source in inputs))
        for op, inputs in plain
    ]
    assert changed == renamed


def test_switches_of_quantised_layers_change_neither_layers_nor_graph() -> None:
    overrides = ["thresholds=learned", "standardise_weights=true"]
    settings = [f"network.{override}" for override in overrides] + ["training.latent_weights.clip=false"]
    plain, changed = network_of(load_recipe("xnor_res")), network_of(load_recipe("xnor_res", settings))
    assert (changed.layers, changed.graph) == (plain.layers, plain.graph)
    assert (plain.learned_thresholds, plain.standardised_weights) == (False, False)
    assert (changed.learned_thresholds, changed.standardised_weights) == (True, True)


def test_refuses_to_standardise_filters_of_one_weight() -> None:
    # One filter in stage 1: the quantised 1×1 shortcut of stage 2 reads one channel.
    settings = ["network.width=0.0625", "network.standardise_weights=true", "training.latent_weights.clip=false"]
    with pytest.raises(RecipeError, match="'stage2_block1_shortcut' has filters of one weight"):
        network_of(load_recipe("xnor_res", settings))
    assert network_of(load_recipe("hybrid_res_a", settings)).standardised_weights


def test_unclipped_activations_ask_for_a_layer_of_several_bits() -> None:
    with pytest.raises(RecipeError, match="has none"):
        network_of(load_recipe("xnor_res", ["network.clip_activations=false"]))
    overrides = ["network.clip_activations=false", "network.placement.bits={stage3: 2}"]
    assert not network_of(load_recipe("xnor_res", overrides)).clipped_activations
