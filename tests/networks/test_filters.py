"""Other numbers of filters than the topology's: the layers behind follow, and what cannot be is refused by name."""

import pytest

from edgehybrid.errors import RecipeError
from edgehybrid.networks import Network, network_of
from edgehybrid.recipe import load_recipe


def network(name: str, *overrides: str) -> Network:
    return network_of(load_recipe(name, overrides))


def test_the_reader_of_a_layer_reads_as_many_channels_as_it_has_filters() -> None:
    found = network("hybrid_vgg_c", "network.filters={conv1: 40, fc1: 300}")
    assert found.layer("conv1").out_channels == found.layer("conv2").in_channels == 40
    assert found.layer("fc1").out_channels == found.layer("fc2").in_channels == 300
    assert found.layer("conv1").is_float
    assert found.weights < network("hybrid_vgg_c").weights


def test_a_dense_layer_behind_a_flattened_map_reads_each_pixel_of_what_is_left() -> None:
    found = network("float_vgg", "data.image_side=64", "network.filters={conv16: 100}")
    assert found.layer("fc1").in_channels == 4 * 100


def test_a_split_layer_splits_the_filters_that_are_left() -> None:
    found = network("hybrid_vgg_b", "network.filters={conv3: 50}")
    assert (found.layer("conv3").out_channels, found.layer("conv3").float_filters) == (50, 5)


def test_all_filters_are_as_none_given() -> None:
    assert network("float_vgg", "network.filters={conv1: 64}").layers == network("float_vgg").layers


@pytest.mark.parametrize(
    ("name", "setting", "message"),
    [
        ("float_vgg", "{conv99: 3}", r"(?s)no layer of this network.*Did you mean 'conv9'"),
        ("float_vgg", "{conv1: 0}", r"(?s)cannot have.*conv1: 0.*1 … 64"),
        ("float_vgg", "{conv1: 65}", r"(?s)cannot have.*1 … 64"),
        ("float_vgg", "{fc3: 50}", r"(?s)cannot have.*a filter for each class"),
        ("xnor_res", "{conv1: 10}", r"(?s)different channels.*stage1_block1_add1.*16 channels and conv1_relu: 10"),
    ],
)
def test_refuses_what_cannot_be(name: str, setting: str, message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        network(name, f"network.filters={setting}")


def test_layers_whose_maps_are_added_shrink_together() -> None:
    names = ["conv1", *(f"stage1_block{block}_conv{conv}" for block in (1, 2, 3) for conv in (1, 2))]
    found = network("xnor_res", "network.filters={" + ", ".join(f"{name}: 10" for name in names) + "}")
    assert {found.layer(name).out_channels for name in names} == {10}
    assert found.layer("stage2_block1_shortcut").in_channels == 10
