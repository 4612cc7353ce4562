"""The family of Moons et al.: blocks as the recipe lists them, and what it refuses."""

from typing import Any

import pytest

from edgehybrid.errors import RecipeError
from edgehybrid.networks import FLOAT_BITS, Network, build_network, network_of
from edgehybrid.recipe import NetworkRecipe, load_recipe


def moons(convolutions: list[int], filters: list[int], side: int = 32, **fields: Any) -> Network:
    named = {"architecture": "moons", "block_convolutions": convolutions, "block_filters": filters}
    return build_network("test", NetworkRecipe.model_validate(named | fields), side, 3, 10)


def test_blocks_are_convolutions_of_one_width_and_a_pool() -> None:
    network = moons([1, 2, 3], [8, 16, 4], width=0.5)
    shapes = [(layer.name, layer.in_channels, layer.out_channels, layer.in_side, layer.stage) for layer in network]
    assert shapes == [
        ("conv1", 3, 4, 32, 1),
        ("conv2", 4, 8, 16, 2),
        ("conv3", 8, 8, 16, 2),
        ("conv4", 8, 2, 8, 3),
        ("conv5", 2, 2, 8, 3),
        ("conv6", 2, 2, 8, 3),
        ("fc", 2 * 4 * 4, 10, 1, 0),
    ]
    pools = {node.name: node.inputs[0] for node in network.graph if node.op == "max_pool"}
    assert pools == {"pool1": "conv1_bn", "pool2": "conv3_bn", "pool3": "conv6_bn"}
    assert [node.op for node in network.graph][-3:] == ["relu", "layer", "batch_norm"]


@pytest.mark.parametrize(
    ("name", "bits", "inner"),
    [
        ("binary_1x64", 1, 2),
        ("binary_3x256", 1, 8),
        ("4bit_1x64", 4, 2),
        ("4bit_2x64_3x128", 4, 7),
        ("4bit_3x256", 4, 8),
    ],
)
def test_the_recipes_quantise_weights_first_and_the_map_last(name: str, bits: int, inner: int) -> None:
    """As the released code: the image is not quantised, nor are the classifier's weights."""
    network = network_of(load_recipe(f"moons/{name}"))
    found = [(layer.weight_bits, layer.activation_bits) for layer in network]
    assert found == [(bits, FLOAT_BITS), *[(bits, bits)] * inner, (FLOAT_BITS, bits)]
    assert "relu" not in {node.op for node in network.graph}


@pytest.mark.parametrize(("convolutions", "filters"), [([], []), ([1, 1], [8]), ([], [8])])
def test_refuses_blocks_that_are_not_given_in_full(convolutions: list[int], filters: list[int]) -> None:
    with pytest.raises(RecipeError, match="needs the convolutions and the filters of each of its blocks") as refused:
        moons(convolutions, filters)
    assert "two lists of the same length" in str(refused.value.allowed)


def test_refuses_blocks_that_leave_no_pixel() -> None:
    assert moons([1] * 5, [4] * 5).layer("fc").in_channels == 4
    with pytest.raises(RecipeError, match="6 blocks halve the image as often; nothing is left") as refused:
        moons([1] * 6, [4] * 6)
    assert refused.value.allowed == "≥ 64, or fewer blocks"


@pytest.mark.parametrize("field", [{"residual": True}, {"shortcut": "every_convolution"}])
def test_refuses_shortcuts(field: dict[str, Any]) -> None:
    with pytest.raises(RecipeError, match="has no shortcuts"):
        moons([1], [8], **field)


@pytest.mark.parametrize("name", ["hybrid_res_a", "xnor_vgg"])
@pytest.mark.parametrize("field", ["block_convolutions", "block_filters"])
def test_other_architectures_refuse_blocks(name: str, field: str) -> None:
    with pytest.raises(RecipeError, match="Only the architecture moons has blocks"):
        network_of(load_recipe(name, [f"network.{field}=[1, 2]"]))


def test_fixed_point_maps_have_no_border_of_1() -> None:
    with pytest.raises(RecipeError, match="A border of 1 is no fixed-point number"):
        network_of(load_recipe("moons/4bit_1x64", ["network.pad_value=1"]))
    # One bit is the sign.
    assert network_of(load_recipe("moons/binary_1x64", ["network.pad_value=1"])).pad_value == 1


def test_fixed_point_maps_cannot_go_on_beyond_their_bits() -> None:
    with pytest.raises(RecipeError, match="end at the highest number that their bits hold"):
        network_of(load_recipe("moons/4bit_1x64", ["network.clip_activations=false"]))
