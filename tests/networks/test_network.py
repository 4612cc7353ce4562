"""Laws that hold for every network: its graph, and the counts of its layers."""

from dataclasses import FrozenInstanceError

import pytest

from edgehybrid.networks import FLOAT_BITS, Layer, Network, build_network, network_of
from edgehybrid.networks.network import Activation, GraphBuilder
from edgehybrid.recipe import load_recipe, recipe_names

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
} | {
    f"{name} with {override} at {side}×{side}": build_network(
        name, load_recipe(name, [f"network.{override}"]).network, side, 3, 100
    )
    for name in ("hybrid_res_a", "xnor_res", "hybrid_res_c")
    for override in ("activation_place=branch", "shortcut_pool=true")
    for side in (32, 45)
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
        elif node.op == "thermometer":
            channels *= network.thermometer_channels
        elif node.op == "max_pool":
            side //= 2
        elif node.op == "average_pool":
            side = (side + 1) // 2
        elif node.op == "flatten":
            side, channels = 1, side**2 * channels
        elif node.op == "global_average_pool":
            side = 1
        maps[node.name] = (side, channels)
    assert maps[network.graph[-1].name] == (1, network.classes)
    assert network.graph[-1].op == ("global_average_pool" if network.thermometer_channels else "batch_norm")


def test_every_layer_is_normalised(network: Network) -> None:
    nodes = {node.inputs: node.op for node in network.graph}
    # In a network of levels, sums are normalised behind the addition, and the classes' not at all.
    apart = {network.layers[-1].name} if network.thermometer_channels else set()
    own = [layer.name for layer in network if not layer.adds_to_residual and layer.name not in apart]
    assert all(nodes[(name,)] == "batch_norm" for name in own)


def test_strides_divide_the_side_rounded_up(network: Network) -> None:
    assert all(layer.out_side == -(-layer.in_side // layer.stride) for layer in network)


def test_no_relu_stands_before_a_quantiser(network: Network) -> None:
    # After a ReLU nothing is negative, and the sign of the map would be +1 everywhere.
    ops = {node.name: node.op for node in network.graph}
    for node in network.graph:
        if node.op == "layer" and not network.layer(node.name).reads_real:
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


# Making a graph.


@pytest.mark.parametrize("activation", ["relu", "rprelu"])
def test_a_real_layer_gets_an_activation_where_others_have_a_quantiser(activation: Activation) -> None:
    facts = ("conv", 2, 4, 3, 1, 8, 8, 8, 1)
    real = Layer("real", *facts, float_filters=4)
    builder = GraphBuilder((real, Layer("split", *facts, 1, 1, float_filters=1)), activation)
    last = builder.activated_layer("split", builder.activated_layer("real", "image"))
    assert last == "split_bn"
    assert [(node.name, node.op, node.inputs) for node in builder.nodes] == [
        (f"real_{activation}", activation, ("image",)),
        ("real", "layer", (f"real_{activation}",)),
        ("real_bn", "batch_norm", ("real",)),
        ("split", "layer", ("real_bn",)),
        ("split_bn", "batch_norm", ("split",)),
    ]
