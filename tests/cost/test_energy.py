"""Energy of a layer: each rule of the paper as arithmetic that can be redone by hand, and a slow reference.

Counts times the paper's constants are multiples of 2**-7 pJ and far below 2**46 pJ, so a float holds them
exactly: no test here needs a tolerance.
"""

from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given, settings
from random_networks import networks

from edgehybrid.cost import cost_of_network
from edgehybrid.cost.energy import LayerEnergy
from edgehybrid.cost.rules import PAPER, Rules, load_rules
from edgehybrid.networks import Layer, Network, build_network, network_of
from edgehybrid.recipe import NetworkRecipe, Placement, load_recipe, recipe_names

# I = 4, O = 10, k = 3, stride 2, N = 8, M = 4: 256 inputs, 360 weights, 160 outputs, 16 * 360 = 5760 MACs.
FLOAT = Layer("conv", "conv", 4, 10, 3, 2, 8, 4, 8, stage=1, float_filters=10)
BINARY = replace(FLOAT, weight_bits=1, activation_bits=1, float_filters=0)
BINARY_MAC_PJ = 3.25 / 32


def energy(layer: Layer, rules: Rules = PAPER) -> LayerEnergy:
    alone = Network("one layer", "vgg19", 1.0, layer.in_side, layer.in_channels, layer.out_channels, 1, (layer,), ())
    return energy_in(alone, layer.name, rules)


def energy_in(network: Network, name: str, rules: Rules = PAPER) -> LayerEnergy:
    counted = cost_of_network(network, rules)
    return next(cost.energy for cost in counted.layers if cost.layer.name == name)


def resnet(*full_precision: str, bits: int = 1, float_fraction: float = 0.0) -> Network:
    placement = Placement(
        full_precision=full_precision, weight_bits=bits, activation_bits=bits, float_fraction=float_fraction
    )
    return build_network("test", NetworkRecipe(architecture="resnet20", placement=placement), 32, 3, 100)


def residual_vgg(*full_precision: str, side: int = 32, bits: int = 1) -> Network:
    placement = Placement(full_precision=full_precision, weight_bits=bits, activation_bits=bits)
    part = NetworkRecipe(architecture="vgg19", residual=True, placement=placement)
    return build_network("test", part, side, 3, 100)


def test_full_precision_reads_and_writes_each_number_once_at_80_pj() -> None:
    assert energy(FLOAT) == LayerEnergy(256 * 80, 360 * 80, 160 * 80, 0, 5760 * 3.25, 0)


def test_a_binary_layer_reads_a_full_precision_alpha_a_filter_and_multiplies_each_output() -> None:
    assert energy(BINARY) == LayerEnergy(256 * 2.5, 360 * 2.5, 160 * 2.5, 10 * 80, 5760 * BINARY_MAC_PJ, 160 * 3.25)


def test_the_total_is_memory_plus_compute_and_the_sum_of_all_parts() -> None:
    spent = energy(replace(BINARY, float_filters=3))
    assert spent.total_pj == sum(spent)
    assert spent.compute_pj == spent.mac_pj + spent.alpha_mac_pj
    assert spent.memory_pj == spent.total_pj - spent.compute_pj


@pytest.mark.parametrize("bits", range(1, 9))
def test_b_bits_cost_b_times_the_binary_accesses_and_macs_and_one_alpha(bits: int) -> None:
    one, many = energy(BINARY), energy(replace(BINARY, weight_bits=bits, activation_bits=bits))
    assert (many.alpha_pj, many.alpha_mac_pj) == (one.alpha_pj, one.alpha_mac_pj)
    for part in ("input_pj", "weight_pj", "output_pj", "mac_pj"):
        assert getattr(many, part) == bits * getattr(one, part)


def test_maps_have_the_bits_of_the_activations_and_weights_their_own() -> None:
    spent = energy(replace(BINARY, weight_bits=1, activation_bits=4))
    assert (spent.input_pj, spent.weight_pj, spent.output_pj) == (256 * 10, 360 * 2.5, 160 * 10)


@pytest.mark.parametrize(("weight_bits", "activation_bits"), [(1, 4), (4, 1), (4, 4)])
def test_a_mac_is_as_wide_as_its_wider_operand(weight_bits: int, activation_bits: int) -> None:
    spent = energy(replace(BINARY, weight_bits=weight_bits, activation_bits=activation_bits))
    assert spent.mac_pj == 5760 * 4 * BINARY_MAC_PJ


def test_a_binary_dense_layer_counts_alpha_and_its_input_and_output() -> None:
    dense = Layer("fc", "dense", 512, 4096, 1, 1, 1, 1, 1, stage=0, weight_bits=1, activation_bits=1)
    weights = 512 * 4096
    assert energy(dense) == LayerEnergy(
        512 * 2.5, weights * 2.5, 4096 * 2.5, 4096 * 80, weights * BINARY_MAC_PJ, 4096 * 3.25
    )


def test_a_split_layer_reads_its_input_once_at_one_bit_and_each_filter_pays_for_its_kind() -> None:
    # 3 of 10 filters in full precision: 108 weights, 48 outputs and 1728 MACs are theirs.
    assert energy(replace(BINARY, float_filters=3)) == LayerEnergy(
        256 * 2.5,
        108 * 80 + 252 * 2.5,
        48 * 80 + 112 * 2.5,
        7 * 80,
        1728 * 3.25 + 4032 * BINARY_MAC_PJ,
        112 * 3.25,
    )


def test_a_fraction_too_small_for_one_filter_leaves_the_binary_layer() -> None:
    # floor(0.05 * 16) = 0 filters in stage 1.
    split, binary = resnet("first", "last", float_fraction=0.05), resnet("first", "last")
    assert energy_in(split, "stage1_block1_conv1") == energy_in(binary, "stage1_block1_conv1")


def test_energy_is_a_line_in_the_number_of_full_precision_filters() -> None:
    totals = [energy(replace(BINARY, float_filters=number)).total_pj for number in range(10)]
    step = totals[1] - totals[0]
    assert totals == [totals[0] + number * step for number in range(10)]
    # The paper reads the input of a split layer at 1 bit whatever the fraction. With all 10 filters the line
    # ends below the full-precision layer by the other 31 bits of its 256 inputs.
    assert totals[0] + 10 * step == energy(FLOAT).total_pj - 256 * (80 - 2.5)


def test_fraction_one_is_the_full_precision_network() -> None:
    split = resnet("first", "last", "shortcuts", float_fraction=1.0)
    for layer in split:
        assert energy_in(split, layer.name) == energy_in(resnet("all"), layer.name)


def test_one_filter_on_a_1x1_image() -> None:
    layer = Layer("conv", "conv", 1, 1, 3, 1, 1, 1, 1, stage=1, weight_bits=1, activation_bits=1)
    assert energy(layer) == LayerEnergy(2.5, 9 * 2.5, 2.5, 80, 9 * BINARY_MAC_PJ, 3.25)


# The ResNet shortcut of stage 2: 1x1, 16 -> 32, 32x32 -> 16x16: 512 weights, 256 * 512 MACs, 8192 outputs.
RESNET_SHORTCUT = "stage2_block1_shortcut"


def test_a_resnet_shortcut_shares_input_and_output_with_its_block() -> None:
    assert energy_in(resnet("all"), RESNET_SHORTCUT) == LayerEnergy(0, 512 * 80, 0, 0, 131072 * 3.25, 0)
    assert energy_in(resnet("first", "last"), RESNET_SHORTCUT) == LayerEnergy(
        0, 512 * 2.5, 0, 32 * 80, 131072 * BINARY_MAC_PJ, 8192 * 3.25
    )


def test_a_full_precision_resnet_shortcut_around_binary_convolutions_has_binary_accesses() -> None:
    assert energy_in(resnet("first", "last", "shortcuts"), RESNET_SHORTCUT) == LayerEnergy(
        0, 512 * 2.5, 0, 32 * 80, 131072 * 3.25, 0
    )


def test_a_full_precision_resnet_shortcut_around_2_bit_convolutions_has_2_bit_accesses() -> None:
    assert energy_in(resnet("first", "last", "shortcuts", bits=2), RESNET_SHORTCUT).weight_pj == 512 * 5


@pytest.mark.parametrize("convolution", ["stage2_block1_conv1", "stage2_block1_conv2"])
def test_a_full_precision_convolution_in_the_block_ends_the_binary_accesses(convolution: str) -> None:
    mixed = resnet("first", "last", "shortcuts", convolution)
    assert energy_in(mixed, RESNET_SHORTCUT) == energy_in(resnet("all"), RESNET_SHORTCUT)


# Shortcuts of Hybrid-VGG A at 32x32: weights, MACs, elements of the map before the pool. An identity
# connection stands on the map that the third one starts from, so its 256 * 8 * 8 elements count twice.
VGG_SHORTCUTS = {
    "shortcut1": (64 * 128, 64 * 128 * 16 * 16, 64 * 32 * 32),
    "shortcut2": (128 * 256, 128 * 256 * 8 * 8, 128 * 16 * 16),
    "shortcut3": (256 * 512, 256 * 512 * 4 * 4, 2 * 256 * 8 * 8),
}


@pytest.mark.parametrize("name", VGG_SHORTCUTS)
def test_a_vgg_shortcut_raises_its_source_map_from_1_to_32_bits(name: str) -> None:
    weights, macs, elements = VGG_SHORTCUTS[name]
    assert energy_in(residual_vgg("first", "last", "shortcuts"), name) == LayerEnergy(
        elements * 77.5, weights * 80, 0, 0, macs * 3.25, 0
    )


@pytest.mark.parametrize("name", VGG_SHORTCUTS)
def test_the_source_map_of_a_vgg_shortcut_grows_with_the_image_area(name: str) -> None:
    # 224 * 224 is 49 times 32 * 32.
    large = residual_vgg("first", "last", "shortcuts", side=224)
    assert energy_in(large, name).input_pj == 49 * VGG_SHORTCUTS[name][2] * 77.5


@pytest.mark.parametrize("name", VGG_SHORTCUTS)
def test_a_vgg_shortcut_raises_a_2_bit_map_by_30_bits(name: str) -> None:
    network = residual_vgg("first", "last", "shortcuts", bits=2)
    assert energy_in(network, name).input_pj == VGG_SHORTCUTS[name][2] * (80 - 5)


@pytest.mark.parametrize("name", VGG_SHORTCUTS)
def test_a_map_that_is_in_full_precision_anyway_costs_a_vgg_shortcut_nothing(name: str) -> None:
    weights, macs, _ = VGG_SHORTCUTS[name]
    assert energy_in(residual_vgg("all"), name) == LayerEnergy(0, weights * 80, 0, 0, macs * 3.25, 0)


@pytest.mark.parametrize("name", VGG_SHORTCUTS)
def test_a_binary_vgg_shortcut_shares_the_binary_accesses(name: str) -> None:
    weights, macs, _ = VGG_SHORTCUTS[name]
    network = residual_vgg("first", "last")
    layer = network.layer(name)
    assert energy_in(network, name) == LayerEnergy(
        0, weights * 2.5, 0, layer.out_channels * 80, macs * BINARY_MAC_PJ, layer.outputs * 3.25
    )


# The slow reference: the formulas of the paper in its own symbols, in exact fractions. The paper has equal bits of
# weights and activations; else a MAC is as wide as the wider. i, o: channels; k: kernel; n, m: sides of input and
# output; q: quantised share; a, b: bits of activations and weights.


def reference_layer_pj(layer: Layer, network: Network) -> Fraction:
    i, o, k, n, m = layer.in_channels, layer.out_channels, layer.kernel_side, layer.in_side, layer.out_side
    read, w, write, mac = n**2 * i, k**2 * i * o, m**2 * o, m**2 * k**2 * i * o
    access, binary_access = Fraction(80), Fraction(80, 32)
    fp_mac, binary_mac = Fraction("3.25"), Fraction("3.25") / 32
    a, b = layer.activation_bits, layer.weight_bits
    if layer.kind == "shortcut":
        read = write = 0
    if layer.kind == "shortcut" and b == 32:
        around = shortcut_path(layer, network)
        if network.architecture == "vgg19":
            elements = layer.source_side**2 * i * (2 if layer.name == "shortcut3" else 1)
            raised = 0 if around[0] == 32 else access - around[0] * binary_access
            return access * w + fp_mac * mac + raised * elements
        if 32 not in around:
            return around[0] * binary_access * w + access * o + fp_mac * mac
    if b == 32:
        return a * binary_access * read + access * (w + write) + fp_mac * mac
    narrow_mac = fp_mac if a == 32 else max(a, b) * binary_mac
    alpha = access * o + fp_mac * m**2 * o if network.scaled_weights else 0
    q = 1 - Fraction(layer.float_filters, o)
    return (
        a * binary_access * read
        + (1 - q) * (access * (w + write) + fp_mac * mac)
        + q * (binary_access * (b * w + a * write) + narrow_mac * mac + alpha)
    )


def shortcut_path(layer: Layer, network: Network) -> list[int]:
    """Weight bits of the two convolutions beside a shortcut, by their names."""
    names = {
        "shortcut1": ("conv3", "conv4"),
        "shortcut2": ("conv5", "conv6"),
        "shortcut3": ("conv9", "conv10"),
        "stage2_block1_shortcut": ("stage2_block1_conv1", "stage2_block1_conv2"),
        "stage3_block1_shortcut": ("stage3_block1_conv1", "stage3_block1_conv2"),
    }[layer.name]
    return [network.layer(name).weight_bits for name in names]


def total_pj_by_name(network: Network) -> dict[str, float]:
    # With the network's own classes, which the reference has too.
    counted = cost_of_network(network, load_rules("paper", ["imagenet_classes=own"]))
    return {cost.layer.name: cost.energy.total_pj for cost in counted.layers}


@settings(max_examples=100, deadline=None)
@given(networks())
def test_any_layer_costs_what_the_formulas_say(network: Network) -> None:
    counted = total_pj_by_name(network)
    for layer in network:
        assert counted[layer.name] == reference_layer_pj(layer, network), layer


@pytest.mark.parametrize("recipe", recipe_names())
def test_every_shipped_network_costs_what_the_formulas_say(recipe: str) -> None:
    network = network_of(load_recipe(recipe))
    counted = total_pj_by_name(network)
    for layer in network:
        assert counted[layer.name] == reference_layer_pj(layer, network), layer


# Rules by themselves.

SPLIT = replace(BINARY, float_filters=3)
FULL_RULES = load_rules("full")


def test_full_rules_read_the_real_map_of_a_split_layer_too() -> None:
    assert energy(SPLIT, FULL_RULES).input_pj == 256 * 2.5 + 256 * 80
    assert energy(SPLIT, FULL_RULES)[1:] == energy(SPLIT)[1:]


def test_full_rules_read_one_map_where_all_filters_read_the_sign() -> None:
    assert energy(replace(SPLIT, float_filter_input="sign"), FULL_RULES).input_pj == 256 * 2.5


def test_full_rules_count_the_maps_of_a_resnet_shortcut() -> None:
    # 32 * 32 * 16 inputs and 16 * 16 * 32 outputs.
    spent = energy_in(resnet("first", "last", "shortcuts"), RESNET_SHORTCUT, FULL_RULES)
    assert spent == LayerEnergy(16384 * 80, 512 * 80, 8192 * 80, 0, 131072 * 3.25, 0)


def test_the_source_of_a_vgg_shortcut_is_the_map_before_the_pool() -> None:
    rules = load_rules("full", ["shortcut_maps=source"])
    network = residual_vgg("first", "last", "shortcuts")
    assert energy_in(network, "shortcut1", rules).input_pj == 64 * 32 * 32 * 80
    assert energy_in(network, "shortcut1", FULL_RULES).input_pj == 64 * 16 * 16 * 80


@pytest.mark.parametrize(
    ("change", "part", "expected_pj"),
    [
        ("weight_reads=one_filter", "weight_pj", 36 * 2.5),
        ("input_map=padded", "input_pj", (8 + 2) ** 2 * 4 * 2.5),
        ("strided_input=output", "input_pj", 4 * 4 * 4 * 2.5),
        ("alpha_reads=free", "alpha_pj", 0),
        ("alpha_macs=free", "alpha_mac_pj", 0),
        ("binary_mac=stated", "mac_pj", 5760 * 0.1),
    ],
)
def test_a_rule_changes_its_part_and_no_other(change: str, part: str, expected_pj: float) -> None:
    before, after = energy(BINARY), energy(BINARY, load_rules("paper", [change]))
    # 36 weights a filter, spread over 10 filters: one division, one multiplication.
    assert getattr(after, part) == pytest.approx(expected_pj, rel=1e-15)
    assert after._replace(**{part: 0.0}) == before._replace(**{part: 0.0})


def test_two_bits_cost_twice_the_stated_binary_mac() -> None:
    rules = load_rules("paper", ["binary_mac=stated"])
    assert energy(replace(BINARY, weight_bits=2, activation_bits=2), rules).mac_pj == 2 * energy(BINARY, rules).mac_pj
