"""Tests of edgehybrid/networks/placement.py: which layer of which network is in full precision."""

import pytest

from edgehybrid.errors import RecipeError
from edgehybrid.networks import FLOAT_BITS, Network, network_of
from edgehybrid.networks.network import Layer
from edgehybrid.networks.placement import place
from edgehybrid.networks.resnet import Resnet
from edgehybrid.networks.vgg19 import layers as vgg19_layers
from edgehybrid.recipe import NetworkRecipe, Placement, load_recipe, recipe_names

RESNET = Resnet(blocks=3).layers(NetworkRecipe(architecture="resnet20"), 32, 3, 100)
VGG = vgg19_layers(NetworkRecipe(architecture="vgg19", residual=True), 32, 3, 100)

# What the paper's placements leave in full precision.
RES_ENDS = {"conv1", "fc"}
RES_SHORTCUTS = {"stage2_block1_shortcut", "stage3_block1_shortcut"}
RES_STAGE_3 = {f"stage3_block{block}_conv{conv}" for block in (1, 2, 3) for conv in (1, 2)}
VGG_ENDS = {"conv1", "fc3"}
VGG_SHORTCUTS = {"shortcut1", "shortcut2", "shortcut3"}
ALL_RES = {layer.name for layer in RESNET}
ALL_VGG = {layer.name for layer in VGG} - VGG_SHORTCUTS
FULL_PRECISION = {
    "float_res": ALL_RES,
    "xnor_res": RES_ENDS,
    "xnor_res_x1.5": RES_ENDS,
    "xnor_res_x2": RES_ENDS,
    "xnor_res_x3": RES_ENDS,
    "hybrid_res_a": RES_ENDS | RES_SHORTCUTS,
    "hybrid_res_a_x1.5": RES_ENDS | RES_SHORTCUTS,
    "hybrid_res_a_x2": RES_ENDS | RES_SHORTCUTS,
    "digits": RES_ENDS | RES_SHORTCUTS,
    "hybrid_res_b": RES_ENDS | RES_STAGE_3,
    "hybrid_res_b_x2": RES_ENDS | RES_STAGE_3,
    "hybrid_res_c": RES_ENDS,
    "hybrid_res_c_x2": RES_ENDS,
    "float_vgg": ALL_VGG,
    "imagenet/float_vgg": ALL_VGG,
    "xnor_vgg": VGG_ENDS,
    "imagenet/xnor_vgg": VGG_ENDS,
    "hybrid_vgg_a": VGG_ENDS | VGG_SHORTCUTS,
    "imagenet/hybrid_vgg_a": VGG_ENDS | VGG_SHORTCUTS,
    "imagenet/hybrid_vgg_a_prime": VGG_ENDS | VGG_SHORTCUTS | {"fc2"},
    "hybrid_vgg_b": VGG_ENDS,
    "hybrid_vgg_c": VGG_ENDS | {"fc1", "fc2"},
    "imagenet/hybrid_vgg_c": VGG_ENDS | {"fc1", "fc2"},
    "vgg_2bit": VGG_ENDS,
    "vgg_inflate": VGG_ENDS,
    **{f"ern/{name}": set() for name in ("cifar16", "cifar64", "ern18_x0.75", "ern18", "ern34", "ern50", "ern101")},
    "pca/plain_res20": RES_ENDS,
    "pca/plain_res32": RES_ENDS,
    "pca/hybrid_res20": RES_ENDS,
    "pca/hybrid_res32": RES_ENDS,
    "moons/binary_1x64": {"fc"},
    "moons/binary_3x256": {"fc"},
    "moons/4bit_1x64": {"fc"},
    "moons/4bit_2x64_3x128": {"fc"},
    "moons/4bit_3x256": {"fc"},
}
# floor(0.1·O) full-precision filters of the convolutions with O filters.
SPLITS = {
    "hybrid_res_c": {16: 1, 32: 3, 64: 6},
    "hybrid_res_c_x2": {32: 3, 64: 6, 128: 12},
    "hybrid_vgg_b": {64: 6, 128: 12, 256: 25, 512: 51},
}


def network(name: str) -> Network:
    return network_of(load_recipe(name))


def names_in_full_precision(layers: tuple[Layer, ...], *selectors: str) -> list[str]:
    return [layer.name for layer in place(layers, Placement(full_precision=selectors)) if layer.is_float]


# The recipes.


def test_covers_every_recipe() -> None:
    assert sorted(FULL_PRECISION) == recipe_names()


@pytest.mark.parametrize("name", FULL_PRECISION)
def test_leaves_the_intended_layers_in_full_precision(name: str) -> None:
    assert {layer.name for layer in network(name) if layer.is_float} == FULL_PRECISION[name]


@pytest.mark.parametrize("name", FULL_PRECISION)
def test_splits_the_papers_layers(name: str) -> None:
    splits = SPLITS.get(name, {})
    for layer in network(name):
        if not layer.is_float:
            expected = splits.get(layer.out_channels, 0) if layer.kind == "conv" else 0
            assert layer.float_filters == expected, layer.name


# Layers of 2 bits among binary ones.
SIGNIFICANT = {f"stage{stage}_block1_{part}" for stage in (2, 3) for part in ("conv1", "conv2", "shortcut")}
TWO_BITS = {
    "vgg_2bit": ALL_VGG,
    "pca/hybrid_res20": SIGNIFICANT,
    "pca/hybrid_res32": {f"stage3_block{block}_conv{conv}" for block in range(1, 6) for conv in (1, 2)}
    | {"stage3_block1_shortcut"},
}


# tests/networks/test_moons.py has the others, in which weights alone or activations alone are quantised.
@pytest.mark.parametrize("name", [name for name in FULL_PRECISION if not name.startswith("moons/")])
def test_gives_bits_by_precision(name: str) -> None:
    for layer in network(name):
        bits = FLOAT_BITS if layer.is_float else 2 if layer.name in TWO_BITS.get(name, ()) else 1
        activation_bits = 2 if name.startswith("ern/") else bits
        assert (layer.weight_bits, layer.activation_bits) == (bits, activation_bits), layer.name


# Selectors.


def test_all_selects_every_layer() -> None:
    assert names_in_full_precision(VGG, "all") == [layer.name for layer in VGG]


def test_first_and_last_select_one_layer_each() -> None:
    assert names_in_full_precision(RESNET, "first") == ["conv1"]
    assert names_in_full_precision(RESNET, "last") == ["fc"]


def test_dense_selects_every_dense_layer() -> None:
    assert names_in_full_precision(VGG, "dense") == ["fc1", "fc2", "fc3"]
    assert names_in_full_precision(RESNET, "dense") == ["fc"]


def test_a_stage_leaves_out_its_shortcut_and_the_first_layer() -> None:
    assert names_in_full_precision(VGG, "stage1") == ["conv2"]
    assert names_in_full_precision(VGG, "stage2") == ["conv3", "conv4"]
    assert set(names_in_full_precision(RESNET, "stage3")) == RES_STAGE_3


@pytest.mark.parametrize("layers", [RESNET, VGG], ids=["resnet20", "vgg19"])
def test_a_layers_name_selects_that_layer(layers: tuple[Layer, ...]) -> None:
    for layer in layers:
        assert names_in_full_precision(layers, layer.name) == [layer.name]


def test_no_selector_leaves_every_layer_quantised() -> None:
    assert names_in_full_precision(RESNET) == []


def test_gives_the_first_selector_that_holds_as_the_reason() -> None:
    placed = {layer.name: layer for layer in place(VGG, Placement(full_precision=("dense", "last", "conv7")))}
    assert placed["fc3"].reason == "dense"
    assert placed["conv7"].reason == "conv7"
    assert placed["conv8"].reason == "quantised"


@pytest.mark.parametrize(
    ("layers", "selector", "nearest"),
    [(RESNET, "stage4", "stage3"), (VGG, "stage6", "stage5"), (RESNET, "shortcut", "shortcuts")],
    ids=["resnet stage", "vgg stage", "resnet shortcut"],
)
def test_refuses_a_selector_of_nothing(layers: tuple[Layer, ...], selector: str, nearest: str) -> None:
    with pytest.raises(RecipeError, match="names nothing in this network") as refused:
        place(layers, Placement(full_precision=("first", selector)))
    assert refused.value.received == selector
    assert str(refused.value.allowed).startswith("all, first, last, dense, shortcuts, stage1")
    assert refused.value.next_step == f"Did you mean '{nearest}'?"


def test_refuses_shortcuts_in_a_network_without() -> None:
    with pytest.raises(RecipeError, match="names nothing in this network"):
        place(vgg19_layers(NetworkRecipe(architecture="vgg19"), 32, 3, 100), Placement(full_precision=("shortcuts",)))


# Filters in full precision.


def test_a_whole_number_of_filters_survives_binary_rounding() -> None:
    # Width 6.25 has 100, 200 and 400 filters; in binary, 0.29 · 100 is 28.999999999999996.
    layers = Resnet(blocks=3).layers(NetworkRecipe(architecture="resnet20", width=6.25), 32, 3, 100)
    for hundredths in range(101):
        for layer in place(layers, Placement(float_fraction=hundredths / 100)):
            if layer.kind == "conv" and layer.name != "conv1":
                assert layer.float_filters == layer.out_channels * hundredths // 100


def test_a_split_layer_says_why_and_what_it_reads() -> None:
    placed = place(RESNET, Placement(float_fraction=0.1, float_filter_input="sign"))
    split = next(layer for layer in placed if layer.is_split)
    assert (split.reason, split.float_filter_input) == ("float_fraction", "sign")
    assert split.quantised_filters == split.out_channels - split.float_filters


def test_a_fraction_too_small_for_one_filter_leaves_the_layer_quantised() -> None:
    # floor(0.05 · 16) = 0 and floor(0.05 · 32) = 1
    placed = {layer.name: layer for layer in place(RESNET, Placement(float_fraction=0.05))}
    assert placed["stage1_block1_conv1"].reason == "quantised"
    assert placed["stage2_block1_conv1"].float_filters == 1


def test_a_fraction_of_1_is_full_precision() -> None:
    placed = {layer.name: layer for layer in place(RESNET, Placement(float_fraction=1.0))}
    layer = placed["stage1_block1_conv1"]
    assert layer.is_float
    assert layer.reason == "float_fraction"
    assert (layer.weight_bits, layer.activation_bits) == (FLOAT_BITS, FLOAT_BITS)
    assert not placed["stage2_block1_shortcut"].is_float


# Bits by selector.


def bits_of(layers: tuple[Layer, ...], **placement: object) -> dict[str, tuple[int, int, str]]:
    placed = place(layers, Placement.model_validate(placement))
    return {layer.name: (layer.weight_bits, layer.activation_bits, layer.reason) for layer in placed}


def test_a_selector_gives_its_layers_other_bits() -> None:
    found = bits_of(RESNET, bits={"stage3": 2})
    for layer in RESNET:
        expected = (1, 1, "quantised")
        if layer.name in RES_ENDS:
            expected = (FLOAT_BITS, FLOAT_BITS, "first" if layer.name == "conv1" else "last")
        elif layer.name in RES_STAGE_3:
            expected = (2, 2, "stage3")
        assert found[layer.name] == expected


def test_of_two_selectors_for_a_layer_the_later_decides() -> None:
    layer = "stage3_block1_conv1"
    assert bits_of(RESNET, bits={"stage3": 2, layer: 4})[layer] == (4, 4, layer)
    with pytest.raises(RecipeError, match="decides nothing"):
        bits_of(RESNET, bits={layer: 4, "stage3": 2})


def test_full_precision_comes_before_bits() -> None:
    assert bits_of(RESNET, bits={"all": 2})["conv1"] == (FLOAT_BITS, FLOAT_BITS, "first")
    with pytest.raises(RecipeError, match="decides nothing") as caught:
        bits_of(RESNET, bits={"first": 8})
    assert caught.value.received == "first: 8"


def test_32_bits_are_full_precision() -> None:
    by_bits = place(RESNET, Placement(bits={"shortcuts": FLOAT_BITS}))
    by_name = place(RESNET, Placement(full_precision=("first", "last", "shortcuts")))
    assert by_bits == by_name


def test_filters_of_a_layer_with_other_bits_can_be_split_too() -> None:
    placed = place(RESNET, Placement(bits={"stage3": 2}, float_fraction=0.1))
    layer = next(layer for layer in placed if layer.name in RES_STAGE_3)
    assert (layer.weight_bits, layer.float_filters, layer.reason) == (2, 6, "float_fraction")


def test_refuses_bits_for_a_selector_that_names_nothing() -> None:
    with pytest.raises(RecipeError, match=r"placement\.bits names nothing") as caught:
        bits_of(RESNET, bits={"stage33": 2})
    assert caught.value.next_step == "Did you mean 'stage3'?"


@pytest.mark.parametrize("bits", [0, 9, 16, 31, 33])
def test_refuses_bits_that_no_quantiser_has(bits: int) -> None:
    with pytest.raises(RecipeError, match=f"gives 'stage3' {bits} bits; it can be 1 … 8, or 32"):
        load_recipe("xnor_res", [f"network.placement.bits={{stage3: {bits}}}"])


# Weights alone, activations alone.


def test_weights_alone_or_activations_alone_may_be_quantised() -> None:
    placement = Placement(
        full_precision=("last",), weights_only=("first",), activations_only=("stage3",), weight_bits=2
    )
    placed = {layer.name: layer for layer in place(RESNET, placement)}
    bits = {name: (placed[name].weight_bits, placed[name].activation_bits) for name in ("conv1", *RES_STAGE_3, "fc")}
    assert bits["conv1"] == (2, FLOAT_BITS)
    assert {bits[name] for name in RES_STAGE_3} == {(FLOAT_BITS, 1)}
    assert bits["fc"] == (FLOAT_BITS, FLOAT_BITS)
    assert [placed[name].is_float for name in ("conv1", "stage3_block1_conv1")] == [False, True]
    assert [placed[name].reason for name in ("conv1", "stage3_block1_conv1", "fc")] == ["first", "stage3", "last"]


def test_neither_is_split() -> None:
    placement = Placement(full_precision=(), weights_only=("first",), activations_only=("last",), float_fraction=0.5)
    first, *inner, last = place(RESNET, placement)
    assert (first.float_filters, last.float_filters) == (0, last.out_channels)
    assert all(layer.is_split for layer in inner if layer.kind == "conv")


@pytest.mark.parametrize("field", ["weights_only", "activations_only"])
@pytest.mark.parametrize("names", [("first",), ("stage2", "stage2_block1_conv1")])
def test_refuses_a_selector_of_these_that_decides_nothing(field: str, names: tuple[str, ...]) -> None:
    with pytest.raises(RecipeError, match=f"A selector of network.placement.{field} decides nothing") as refused:
        place(RESNET, Placement.model_validate({field: names}))
    assert refused.value.received == names[-1]


def test_refuses_to_quantise_weights_alone_and_activations_alone() -> None:
    placement = Placement(full_precision=(), weights_only=("first",), activations_only=("conv1",))
    with pytest.raises(RecipeError, match="'conv1' is to have weights alone and activations alone quantised"):
        place(RESNET, placement)
