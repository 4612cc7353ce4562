"""Tests of edgehybrid/networks/vgg19.py. The graph's general laws are tested in test_build.py."""

import pytest

from edgehybrid.errors import RecipeError
from edgehybrid.networks import Layer, Network, build_network, network_of
from edgehybrid.networks.vgg19 import layers
from edgehybrid.recipe import NetworkRecipe, load_recipe, recipe_names

RECIPES = [name for name in recipe_names() if load_recipe(name).network.architecture == "vgg19"]
# The three 1×1 convolutions of Hybrid-VGG A: 64→128, 128→256, 256→512 channels.
SHORTCUT_WEIGHTS = 64 * 128 + 128 * 256 + 256 * 512


def convolution_weights(width: int) -> list[int]:
    """9·I·O of the convolutions of each stage."""
    a, b, c, d = 64 * width, 128 * width, 256 * width, 512 * width
    return [
        9 * (3 * a + a * a),
        9 * (a * b + b * b),
        9 * (b * c + 3 * c * c),
        9 * (c * d + 3 * d * d),
        9 * 4 * d * d,
    ]


def dense_weights(width: int, image_side: int, classes: int) -> int:
    """Five pools divide the side by 32; the hidden dense layers have 4096 outputs at every width."""
    return (image_side // 32) ** 2 * 512 * width * 4096 + 4096 * 4096 + 4096 * classes


def bare(width: float = 1.0, side: int = 32, **switches: bool) -> tuple[Layer, ...]:
    """The layers of a network for colour images of 100 classes, without precision."""
    return layers(NetworkRecipe(architecture="vgg19", width=width, **switches), side, 3, 100)


def network(name: str) -> Network:
    return network_of(load_recipe(name))


def with_100_outputs(name: str) -> Network:
    """The ImageNet networks behind Table 7 of the paper, which have 100 outputs."""
    return build_network(name, load_recipe(name).network, 224, 3, 100)


def is_residual(name: str) -> bool:
    return "hybrid_vgg_a" in name


@pytest.mark.parametrize("name", RECIPES)
def test_counts_weights(name: str) -> None:
    width = 2 if name == "vgg_inflate" else 1
    side, classes = (224, 1000) if name.startswith("imagenet/") else (32, 100)
    expected = sum(convolution_weights(width)) + dense_weights(width, side, classes)
    assert network(name).weights == expected + is_residual(name) * SHORTCUT_WEIGHTS


@pytest.mark.parametrize("name", RECIPES)
def test_counts_macs(name: str) -> None:
    width = 2 if name == "vgg_inflate" else 1
    side, classes = (224, 1000) if name.startswith("imagenet/") else (32, 100)
    # Stage s writes maps of side / 2^(s-1), and each weight works once at each of their pixels.
    stages = sum(weights * (side >> stage) ** 2 for stage, weights in enumerate(convolution_weights(width)))
    # 64·128 weights on a map of side 16, 128·256 on 8, 256·512 on 4: 2,097,152 MACs each at 32×32.
    shortcuts = 3 * 2_097_152 * (side // 32) ** 2
    expected = stages + dense_weights(width, side, classes) + is_residual(name) * shortcuts
    assert network(name).macs == expected


@pytest.mark.parametrize("name", [n for n in RECIPES if n[:4] != "imag" and n != "vgg_inflate"])
def test_has_the_published_size(name: str) -> None:
    # The numbers behind Table 6 of the paper.
    weights, macs = 39_302_848, 417_415_168
    if is_residual(name):
        weights, macs = weights + 172_032, macs + 3 * 2_097_152
    assert (network(name).weights, network(name).macs) == (weights, macs)


@pytest.mark.parametrize("name", [n for n in RECIPES if n[:4] == "imag"])
def test_has_the_published_size_on_imagenet(name: str) -> None:
    # The numbers behind Table 7 of the paper. Its shortcuts work on maps 7² = 49 times as large as at 32×32.
    weights, macs = 139_966_144, 19_628_376_064
    if is_residual(name):
        weights, macs = weights + 172_032, macs + 49 * 3 * 2_097_152
    found = with_100_outputs(name)
    assert (found.weights, found.macs) == (weights, macs)


@pytest.mark.parametrize("name", [n for n in RECIPES if n[:4] == "imag"])
def test_a_thousand_classes_add_900_outputs_of_4096_inputs(name: str) -> None:
    small, large = with_100_outputs(name), network(name)
    assert (large.weights - small.weights, large.macs - small.macs) == (4096 * 900, 4096 * 900)


def test_has_sixteen_convolutions_and_three_dense_layers() -> None:
    assert [layer.name for layer in bare()] == [
        *(f"conv{number}" for number in range(1, 17)),
        "fc1",
        "fc2",
        "fc3",
    ]


def test_shortcuts_stand_where_a_pair_changes_the_channels() -> None:
    found = bare(residual=True)
    shortcuts = [
        (s.name, s.in_channels, s.out_channels, s.in_side, s.out_side, s.source_side)
        for s in found
        if s.kind == "shortcut"
    ]
    assert shortcuts == [
        ("shortcut1", 64, 128, 16, 16, 32),
        ("shortcut2", 128, 256, 8, 8, 16),
        ("shortcut3", 256, 512, 4, 4, 8),
    ]


def test_the_first_dense_layer_reads_the_whole_map() -> None:
    # 512 channels on 1×1 pixels for CIFAR-100, on 7×7 for ImageNet.
    assert network("xnor_vgg").layer("fc1").in_channels == 512
    assert network("imagenet/xnor_vgg").layer("fc1").in_channels == 7 * 7 * 512


def test_dense_layers_do_not_grow_with_the_width() -> None:
    wide = {layer.name: layer for layer in bare(width=2.0)}
    assert [(wide[name].in_channels, wide[name].out_channels) for name in ("fc1", "fc2", "fc3")] == [
        (1024, 4096),
        (4096, 4096),
        (4096, 100),
    ]


def test_pools_after_each_stage() -> None:
    nodes = [node for node in network("xnor_vgg").graph if node.op in ("max_pool", "layer")]
    before_pool = [nodes[i - 1].name for i, node in enumerate(nodes) if node.op == "max_pool"]
    assert before_pool == ["conv2", "conv4", "conv8", "conv12", "conv16"]


def test_residual_connections_span_the_pairs_from_stage_2_on() -> None:
    nodes = {node.name: node for node in network("hybrid_vgg_a").graph}
    adds = {name: node.inputs for name, node in nodes.items() if node.op == "add"}
    assert adds == {
        "conv4_add": ("conv4_bn", "shortcut1_bn"),
        "conv6_add": ("conv6_bn", "shortcut2_bn"),
        "conv8_add": ("conv8_bn", "conv6_add"),
        "conv10_add": ("conv10_bn", "shortcut3_bn"),
        "conv12_add": ("conv12_bn", "conv10_add"),
        "conv14_add": ("conv14_bn", "pool4"),
        "conv16_add": ("conv16_bn", "conv14_add"),
    }
    # A shortcut reads what its pair reads: the map after the pool.
    assert nodes["shortcut1"].inputs == nodes["conv3"].inputs == ("pool1",)


def test_a_shortcut_round_every_convolution_but_the_first() -> None:
    found = network_of(load_recipe("xnor_vgg", ["network.shortcut=every_convolution"]))
    nodes = {node.name: node for node in found.graph}
    adds = {name: node.inputs for name, node in nodes.items() if node.op == "add"}
    # What each of conv2 … conv16 reads: the sum before, the pool before, or the 1×1 convolution of that.
    read = {2: "conv1_bn", 3: "shortcut1_bn", 5: "shortcut2_bn", 9: "shortcut3_bn", 13: "pool4"}
    assert adds == {f"conv{n}_add": (f"conv{n}_bn", read.get(n, f"conv{n - 1}_add")) for n in range(2, 17)}
    assert nodes["pool5_bn"].inputs == ("pool5",)


def test_shortcuts_round_one_and_two_convolutions_have_the_same_layers() -> None:
    every_two = network_of(load_recipe("xnor_vgg", ["network.residual=true"]))
    every_one = network_of(load_recipe("xnor_vgg", ["network.shortcut=every_convolution"]))
    assert every_one.layers == every_two.layers


def test_has_no_residual_connections_unless_asked() -> None:
    assert all(node.op != "add" for node in network("xnor_vgg").graph)


def test_refuses_an_image_that_five_pools_leave_empty() -> None:
    with pytest.raises(RecipeError, match="halves the image five times") as refused:
        bare(side=31)
    assert refused.value.received == "data.image_side: 31"
    assert refused.value.allowed == "≥ 32"


def test_only_the_sum_of_residual_connections_is_normalised_again_before_fc1() -> None:
    flatten = {
        name: next(node.inputs for node in network(name).graph if node.op == "flatten")
        for name in ("hybrid_vgg_a", "xnor_vgg")
    }
    assert flatten == {"hybrid_vgg_a": ("pool5_bn",), "xnor_vgg": ("pool5",)}
