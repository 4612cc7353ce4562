"""Tests of edgehybrid/networks/resnet.py. The graph's general laws are tested in test_build.py."""

import pytest

from edgehybrid.networks import Layer, Network, build_network, network_of
from edgehybrid.networks.resnet import Resnet
from edgehybrid.recipe import NetworkRecipe, load_recipe, recipe_names

RECIPES = [
    name
    for name in recipe_names()
    if (part := load_recipe(name).network).architecture == "resnet20" and part.shortcut == "topology"
]
# Widths of the paper's recipes and the filters of their stages: 16, 32 and 64 times the width.
FILTERS = {0.5: (8, 16, 32), 1.0: (16, 32, 64), 1.5: (24, 48, 96), 2.0: (32, 64, 128), 3.0: (48, 96, 192)}


def stage_weights(filters: tuple[int, int, int], channels: int, classes: int) -> tuple[int, int, int, int]:
    """Weights of the three stages (conv1 in the first, shortcuts in theirs) and of the dense layer."""
    a, b, c = filters
    return (
        9 * (channels * a + 6 * a * a),
        9 * (a * b + 5 * b * b) + a * b,
        9 * (b * c + 5 * c * c) + b * c,
        c * classes,
    )


def bare(width: float = 1.0, side: int = 32) -> tuple[Layer, ...]:
    """The layers of a ResNet-20 for colour images of 100 classes, without precision."""
    return Resnet(blocks=3).layers(NetworkRecipe(architecture="resnet20", width=width), side, 3, 100)


def network(name: str) -> Network:
    return network_of(load_recipe(name))


@pytest.mark.parametrize("name", RECIPES)
def test_counts_weights(name: str) -> None:
    found = network(name)
    expected = sum(stage_weights(FILTERS[found.width], found.image_channels, found.classes))
    assert found.weights == expected


@pytest.mark.parametrize("name", RECIPES)
def test_counts_macs(name: str) -> None:
    found = network(name)
    first, second, third, dense = stage_weights(FILTERS[found.width], found.image_channels, found.classes)
    # Each weight of a convolution works once at each pixel of the map it writes.
    side = found.image_side
    assert found.macs == first * side**2 + second * (side // 2) ** 2 + third * (side // 4) ** 2 + dense


@pytest.mark.parametrize("name", [n for n in RECIPES if load_recipe(n).published and load_recipe(n).network.width == 1])
def test_has_the_published_size(name: str) -> None:
    # The numbers behind Tables 4 and 5 of the paper.
    assert (network(name).weights, network(name).macs) == (276_656, 40_818_944)


def test_has_nineteen_convolutions_two_shortcuts_and_a_dense_layer() -> None:
    kinds = [layer.kind for layer in bare()]
    assert (kinds.count("conv"), kinds.count("shortcut"), kinds.count("dense")) == (19, 2, 1)


def test_shortcuts_stand_where_the_map_shrinks() -> None:
    shortcuts = [layer for layer in bare() if layer.kind == "shortcut"]
    assert [(s.name, s.in_channels, s.out_channels, s.in_side, s.out_side) for s in shortcuts] == [
        ("stage2_block1_shortcut", 16, 32, 32, 16),
        ("stage3_block1_shortcut", 32, 64, 16, 8),
    ]
    assert {(s.kernel_side, s.stride) for s in shortcuts} == {(1, 2)}


def test_only_the_first_convolutions_of_stages_2_and_3_stride() -> None:
    convolutions = [layer for layer in bare() if layer.kind == "conv"]
    striding = [layer.name for layer in convolutions if layer.stride == 2]
    assert striding == ["stage2_block1_conv1", "stage3_block1_conv1"]


def test_rounds_filters_down() -> None:
    # 16, 32 and 64 times 0.3 are 4.8, 9.6 and 19.2.
    found = bare(width=0.3)
    assert {layer.out_channels for layer in found if layer.kind != "dense"} == {4, 9, 19}


def test_halves_an_odd_side_upwards() -> None:
    # SAME padding with stride 2: ⌈9 / 2⌉ = 5 and ⌈5 / 2⌉ = 3.
    assert [layer.out_side for layer in bare(side=9) if layer.kind == "shortcut"] == [5, 3]


def test_adds_a_shortcut_after_every_convolution_but_the_first() -> None:
    adds = [node for node in network("xnor_res").graph if node.op == "add"]
    assert len(adds) == 18


def test_a_block_follows_the_published_code() -> None:
    nodes = {node.name: (node.op, node.inputs) for node in network("hybrid_res_a").graph}
    x, block = "stage1_block3_relu", "stage2_block1"
    # y = relu(bn(conv1(bn(x)))) + bn(shortcut(x)), the shortcut in full precision
    assert nodes[f"{block}_conv1_input_bn"] == ("batch_norm", (x,))
    assert nodes[f"{block}_conv1"] == ("layer", (f"{block}_conv1_input_bn",))
    assert nodes[f"{block}_conv1_bn"] == ("batch_norm", (f"{block}_conv1",))
    assert nodes[f"{block}_branch_relu"] == ("relu", (f"{block}_conv1_bn",))
    assert nodes[f"{block}_shortcut"] == ("layer", (x,))
    assert nodes[f"{block}_add1"] == ("add", (f"{block}_branch_relu", f"{block}_shortcut_bn"))
    # z = relu(bn(conv2(bn(y))) + y)
    assert nodes[f"{block}_conv2_input_bn"] == ("batch_norm", (f"{block}_add1",))
    assert nodes[f"{block}_conv2"] == ("layer", (f"{block}_conv2_input_bn",))
    assert nodes[f"{block}_add2"] == ("add", (f"{block}_conv2_bn", f"{block}_add1"))
    assert nodes[f"{block}_relu"] == ("relu", (f"{block}_add2",))


@pytest.mark.parametrize("activation", ["relu", "rprelu"])
def test_activations_of_branches_leave_the_sums_alone(activation: str) -> None:
    settings = [f"network.activation={activation}"]
    plain = network_of(load_recipe("hybrid_res_a", settings))
    moved = network_of(load_recipe("hybrid_res_a", [*settings, "network.activation_place=branch"]))
    nodes = {node.name: (node.op, node.inputs) for node in moved.graph}
    block = "stage2_block1"
    # z = relu(bn(conv2(bn(y)))) + y
    assert nodes[f"{block}_branch2_{activation}"] == (activation, (f"{block}_conv2_bn",))
    assert nodes[f"{block}_add2"] == ("add", (f"{block}_branch2_{activation}", f"{block}_add1"))
    assert nodes["stage2_block2_add1"][1][1] == f"{block}_add2"
    # As many layers, and as many nodes of each kind: it costs the same.
    assert moved.layers == plain.layers
    assert sorted(node.op for node in moved.graph) == sorted(node.op for node in plain.graph)
    # No activation reads a sum any more, but for the first convolution's.
    assert all(nodes[inputs[0]][0] == "batch_norm" for op, inputs in nodes.values() if op == activation)


@pytest.mark.parametrize("name", ["hybrid_res_a", "xnor_res"])
def test_a_shortcut_behind_a_pool_multiplies_as_often(name: str) -> None:
    plain, pooled = network_of(load_recipe(name)), network_of(load_recipe(name, ["network.shortcut_pool=true"]))
    assert [layer.macs for layer in pooled] == [layer.macs for layer in plain]
    assert [layer.name for layer in pooled] == [layer.name for layer in plain]
    shortcuts = [layer for layer in pooled if layer.kind == "shortcut"]
    assert [(s.stride, s.source_side, s.in_side, s.out_side) for s in shortcuts] == [(1, 32, 16, 16), (1, 16, 8, 8)]
    nodes = {node.name: (node.op, node.inputs) for node in pooled.graph}
    assert nodes["stage2_block1_pool"] == ("average_pool", ("stage1_block3_relu",))
    # What the block itself reads is not pooled.
    assert nodes["stage2_block1_conv1_input_bn"] == ("batch_norm", ("stage1_block3_relu",))


def test_without_shortcuts_the_place_of_an_activation_means_nothing() -> None:
    plain, moved = (
        network_of(load_recipe("pca/plain_res20", [f"network.activation_place={place}"]))
        for place in ("topology", "branch")
    )
    assert [node.op for node in plain.graph] == [node.op for node in moved.graph]


def test_a_quantised_shortcut_has_a_batch_norm_before_it() -> None:
    nodes = {node.name: node.inputs for node in network("xnor_res").graph}
    assert nodes["stage2_block1_shortcut"] == ("stage2_block1_shortcut_input_bn",)
    assert nodes["stage2_block1_shortcut_input_bn"] == ("stage1_block3_relu",)


def test_ends_with_pool_batch_norm_dense_batch_norm() -> None:
    assert [(node.name, node.op) for node in network("xnor_res").graph[-5:]] == [
        ("stage3_block3_relu", "relu"),
        ("average_pool", "global_average_pool"),
        ("average_pool_bn", "batch_norm"),
        ("fc", "layer"),
        ("fc_bn", "batch_norm"),
    ]


@pytest.mark.parametrize(("architecture", "layers", "shortcuts"), [("resnet20", 20, 2), ("resnet32", 32, 2)])
def test_layers_are_counted_as_the_name_says_without_shortcuts(architecture: str, layers: int, shortcuts: int) -> None:
    found = build_network("x", NetworkRecipe.model_validate({"architecture": architecture}), 32, 3, 100)
    assert len(found.layers) == layers + shortcuts


@pytest.mark.parametrize("architecture", ["resnet20", "resnet32"])
def test_a_plain_network_adds_nothing_and_has_no_shortcut_convolution(architecture: str) -> None:
    part = {"architecture": architecture, "shortcut": "none"}
    plain = build_network("x", NetworkRecipe.model_validate(part), 32, 3, 100)
    assert not [node for node in plain.graph if node.op == "add"]
    assert not [layer for layer in plain if layer.kind == "shortcut"]
    # A chain: each node reads the one before.
    assert [node.inputs for node in plain.graph[1:]] == [(node.name,) for node in plain.graph[:-1]]
