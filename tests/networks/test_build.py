"""Tests of edgehybrid/networks/: build.py and what every network shares; laws that hold for every network."""

import re
from dataclasses import FrozenInstanceError

import pytest

from edgehybrid.errors import RecipeError
from edgehybrid.networks import FLOAT_BITS, Layer, Network, build_network, check_trainable, float_twin, network_of
from edgehybrid.recipe import NetworkRecipe, Recipe, load_recipe, recipe_names

NAMES = recipe_names()
# Other inputs than the recipes' own: an odd side, one colour, two classes.
NETWORKS = {name: network_of(load_recipe(name)) for name in NAMES} | {
    f"{name} at 45×45": build_network(name, load_recipe(name).network, 45, 1, 2)
    for name in ("hybrid_res_a", "hybrid_res_c", "hybrid_vgg_a", "hybrid_vgg_b")
}
NETWORKS |= {
    f"{name} with {override}": network_of(load_recipe(name, [f"network.{override}"]))
    for name in ("hybrid_res_a", "xnor_vgg", "float_vgg")
    for override in ("shortcut=every_convolution", "activation=rprelu", "thresholds=learned")
}


@pytest.fixture(params=NETWORKS)
def network(request: pytest.FixtureRequest) -> Network:
    return NETWORKS[request.param]


# The graph.


def test_every_node_reads_nodes_before_it(network: Network) -> None:
    known = {"image"}
    for node in network.graph:
        assert set(node.inputs) <= known, node.name
        assert node.name not in known
        known.add(node.name)


def test_every_layer_stands_in_the_graph_once_and_in_order(network: Network) -> None:
    in_graph = [node.name for node in network.graph if node.op == "layer"]
    assert sorted(in_graph) == sorted(layer.name for layer in network)
    main_path = [name for name in in_graph if network.layer(name).kind != "shortcut"]
    assert main_path == [layer.name for layer in network if layer.kind != "shortcut"]


def test_every_node_but_the_last_is_read(network: Network) -> None:
    read = {source for node in network.graph for source in node.inputs}
    assert read == {"image", *(node.name for node in network.graph[:-1])}


def test_maps_agree_along_the_graph_and_end_in_one_number_a_class(network: Network) -> None:
    # (side, channels) of each map
    maps = {"image": (network.image_side, network.image_channels)}
    for node in network.graph:
        sources = [maps[source] for source in node.inputs]
        side, channels = sources[0]
        assert len(sources) == (2 if node.op == "add" else 1), node.name
        if node.op == "layer":
            layer = network.layer(node.name)
            assert (side, channels) == (layer.in_side, layer.in_channels), node.name
            side, channels = layer.out_side, layer.out_channels
        elif node.op == "add":
            assert sources[0] == sources[1], node.name
        elif node.op == "max_pool":
            side //= 2
        elif node.op == "flatten":
            side, channels = 1, side**2 * channels
        elif node.op == "global_average_pool":
            side = 1
        maps[node.name] = (side, channels)
    assert maps[network.graph[-1].name] == (1, network.classes)
    assert network.graph[-1].op == "batch_norm"


def test_every_layer_is_normalised(network: Network) -> None:
    nodes = {node.inputs: node.op for node in network.graph}
    assert all(nodes[(layer.name,)] == "batch_norm" for layer in network)


def test_strides_divide_the_side_rounded_up(network: Network) -> None:
    assert all(layer.out_side == -(-layer.in_side // layer.stride) for layer in network)


def test_no_relu_stands_before_a_quantiser(network: Network) -> None:
    # After a ReLU nothing is negative, and the sign of the map would be +1 everywhere.
    ops = {node.name: node.op for node in network.graph}
    for node in network.graph:
        if node.op == "layer" and not network.layer(node.name).is_float:
            assert ops[node.inputs[0]] not in ("relu", "rprelu"), node.name


# Counts.


def test_totals_are_the_sums_over_the_layers(network: Network) -> None:
    assert network.weights == sum(x.kernel_side**2 * x.in_channels * x.out_channels for x in network)
    assert network.macs == sum(x.out_side**2 * x.weights for x in network)


def test_binary_macs_are_those_of_the_1_bit_filters(network: Network) -> None:
    for layer in network:
        one_bit = layer.weight_bits == layer.activation_bits == 1
        filters = layer.quantised_filters if one_bit else 0
        assert layer.binary_macs == layer.out_side**2 * layer.kernel_side**2 * layer.in_channels * filters


def test_counts_of_a_layer_follow_table_1_of_the_paper() -> None:
    # N = 8, M = 4, k = 3, I = 5, O = 7, with 2 filters in full precision
    layer = Layer("x", "conv", 5, 7, 3, 2, 8, 4, 8, 1, weight_bits=1, activation_bits=1, float_filters=2)
    assert (layer.inputs, layer.weights, layer.outputs) == (8 * 8 * 5, 9 * 5 * 7, 4 * 4 * 7)
    assert layer.macs == 4 * 4 * 9 * 5 * 7
    assert (layer.is_float, layer.is_split, layer.quantised_filters) == (False, True, 5)
    assert layer.binary_macs == 16 * 9 * 5 * 5


@pytest.mark.parametrize(("weight_bits", "activation_bits"), [(2, 1), (1, 2), (2, 2), (FLOAT_BITS, 1)])
def test_only_1_bit_weights_with_1_bit_activations_are_binary(weight_bits: int, activation_bits: int) -> None:
    layer = Layer("x", "conv", 5, 7, 3, 1, 8, 8, 8, 1, weight_bits=weight_bits, activation_bits=activation_bits)
    assert layer.binary_macs == 0


def test_finds_a_layer_by_name() -> None:
    network = NETWORKS["hybrid_res_a"]
    assert network.layer("fc") is network.layers[-1]
    with pytest.raises(KeyError):
        network.layer("absent")


def test_is_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        NETWORKS["hybrid_res_a"].layers[0].weight_bits = 1  # type: ignore[misc]


# From a recipe.


def test_takes_input_and_classes_from_the_recipe() -> None:
    network = network_of(load_recipe("digits"))
    assert (network.image_side, network.image_channels, network.classes) == (16, 1, 10)
    assert (network.name, network.architecture) == ("digits", "resnet20")
    assert (network.width, network.pad_value) == (1.0, 1)


def test_the_width_changes_filters_only() -> None:
    pairs = list(zip(NETWORKS["xnor_res"], NETWORKS["xnor_res_x2"], strict=True))
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


# Switches.


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


# What cannot be trained.

CENTRE, SCALE = "training.latent_weights.centre=false", "training.latent_weights.gradient_scale=none"
BOP = "training.optimizer.kind=bop"
ONE_CHANNEL = "network.placement.full_precision=[last]"  # of the digits, which have no colour
ONE_CHANNEL_SPLIT = "network.placement={full_precision: [last], float_fraction: 0.5}"


@pytest.mark.parametrize(
    ("settings", "faults", "next_step"),
    [
        ([ONE_CHANNEL], "so centring .* and XNOR-Net's scale", f"--set {CENTRE} --set {SCALE}, or"),
        ([ONE_CHANNEL, SCALE], r"so centring makes every weight 0\.", f"Add --set {CENTRE}, or"),
        ([ONE_CHANNEL, CENTRE], r"so XNOR-Net's scale makes every gradient 0\.", f"Add --set {SCALE}, or"),
        ([ONE_CHANNEL_SPLIT], "so centring", CENTRE),
        ([ONE_CHANNEL, BOP, "network.placement.weight_bits=2"], "so centring", CENTRE),
    ],
    ids=["both", "centred", "scaled", "split", "Bop leaves 2 bits to Adam"],
)
def test_refuses_to_train_a_quantised_layer_of_one_input_channel(
    settings: list[str], faults: str, next_step: str
) -> None:
    recipe = load_recipe("digits", settings)
    with pytest.raises(RecipeError, match=f"'conv1' reads a single channel, {faults}") as caught:
        check_trainable(recipe)
    assert next_step in (caught.value.next_step or "")
    # It can be counted.
    assert network_of(recipe).layer("conv1").in_channels == 1


@pytest.mark.parametrize(
    "settings", [[ONE_CHANNEL, CENTRE, SCALE], [ONE_CHANNEL, BOP], []], ids=["as told", "Bop", "full precision"]
)
def test_trains_layers_of_one_input_channel_whose_latent_weights_are_left_alone(settings: list[str]) -> None:
    check_trainable(load_recipe("digits", settings))


@pytest.mark.parametrize("name", NAMES)
def test_every_shipped_recipe_can_be_trained(name: str) -> None:
    check_trainable(load_recipe(name))


# The full-precision twin.


def twin_of(name: str) -> tuple[Recipe, Recipe]:
    recipe = load_recipe(name)
    return recipe, float_twin(recipe)


@pytest.mark.parametrize("name", NAMES)
def test_twin_is_the_same_topology_in_full_precision(name: str) -> None:
    recipe, twin = twin_of(name)
    ours, theirs = network_of(recipe), network_of(twin)
    assert all(layer.is_float and not layer.is_split for layer in theirs)
    assert (ours.weights, ours.macs) == (theirs.weights, theirs.macs)
    assert [layer.name for layer in ours] == [layer.name for layer in theirs]


def test_twin_has_a_relu_before_every_layer_that_has_a_quantiser() -> None:
    recipe, twin = twin_of("hybrid_vgg_a")
    quantised = [layer.name for layer in network_of(recipe) if not layer.is_float]
    nodes = {node.name: node for node in network_of(twin).graph}
    assert all(nodes[nodes[name].inputs[0]].op == "relu" for name in quantised)


def test_twin_trains_as_the_recipe_does_and_claims_no_published_figures() -> None:
    recipe, twin = twin_of("hybrid_res_a")
    assert (twin.training, twin.data) == (recipe.training, recipe.data)
    assert (twin.name, twin.published) == ("hybrid_res_a_float", None)


def test_twin_of_the_twin_is_the_same_network() -> None:
    _, twin = twin_of("hybrid_res_c")
    assert network_of(float_twin(twin)).layers == network_of(twin).layers


def test_unclipped_activations_ask_for_a_layer_of_several_bits() -> None:
    with pytest.raises(RecipeError, match="has none"):
        network_of(load_recipe("xnor_res", ["network.clip_activations=false"]))
    overrides = ["network.clip_activations=false", "network.placement.bits={stage3: 2}"]
    assert not network_of(load_recipe("xnor_res", overrides)).clipped_activations
