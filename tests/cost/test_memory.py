"""Weight memory of one layer: each rule on a layer small enough to count by hand."""

from dataclasses import replace

import pytest

from edgehybrid.cost import cost_of_network
from edgehybrid.cost.rules import PAPER, Rules, load_rules
from edgehybrid.networks import Layer, Network

# 10 filters of 3 * 3 * 4 = 36 weights each.
FLOAT = Layer("conv", "conv", 4, 10, 3, 1, 8, 8, 8, stage=1, float_filters=10)
BINARY = replace(FLOAT, weight_bits=1, activation_bits=1, float_filters=0)


def memory_bits_of_layer(layer: Layer, rules: Rules = PAPER) -> int:
    # The bypassed convolutions of a shortcut do not matter for memory.
    layers = (FLOAT, layer, FLOAT) if layer.kind == "shortcut" else (layer,)
    alone = Network("one layer", "vgg19", 1.0, layer.in_side, layer.in_channels, layer.out_channels, 1, layers, ())
    return cost_of_network(alone, rules).layers[len(layers) // 2].memory_bits


def test_a_full_precision_layer_has_32_bits_a_weight_and_no_scale() -> None:
    assert memory_bits_of_layer(FLOAT) == 32 * 36 * 10


def test_a_binary_layer_has_one_bit_a_weight_and_a_scale_a_filter() -> None:
    assert memory_bits_of_layer(BINARY) == 36 * 10 + 32 * 10


def test_a_binary_shortcut_counts_its_scales_too() -> None:
    assert memory_bits_of_layer(replace(BINARY, kind="shortcut", kernel_side=1)) == 4 * 10 + 32 * 10


def test_a_binary_dense_layer_does_not_count_its_scales() -> None:
    dense = replace(BINARY, kind="dense", kernel_side=1, in_side=1, out_side=1, source_side=1, stage=0)
    assert memory_bits_of_layer(dense) == 4 * 10


@pytest.mark.parametrize("bits", range(1, 9))
def test_each_further_bit_adds_the_number_of_weights(bits: int) -> None:
    layer = replace(BINARY, weight_bits=bits, activation_bits=bits)
    assert memory_bits_of_layer(layer) == memory_bits_of_layer(BINARY) + (bits - 1) * 360


def test_activation_bits_need_no_weight_memory() -> None:
    assert memory_bits_of_layer(replace(BINARY, activation_bits=8)) == memory_bits_of_layer(BINARY)


@pytest.mark.parametrize("float_filters", range(11))
def test_a_split_layer_is_the_sum_of_its_two_parts(float_filters: int) -> None:
    # From the binary layer (0) to the full-precision layer (10) without a jump: each filter is of one kind.
    layer = replace(BINARY, float_filters=float_filters)
    assert memory_bits_of_layer(layer) == float_filters * 32 * 36 + (10 - float_filters) * (36 + 32)


def test_one_filter_of_one_weight() -> None:
    assert memory_bits_of_layer(replace(BINARY, in_channels=1, out_channels=1, kernel_side=1)) == 1 + 32


def test_the_side_of_the_image_does_not_matter() -> None:
    assert memory_bits_of_layer(replace(BINARY, in_side=1, out_side=1, source_side=1)) == 36 * 10 + 32 * 10


def test_full_rules_count_the_scales_of_dense_layers() -> None:
    dense = replace(BINARY, kind="dense", kernel_side=1, in_side=1, out_side=1, source_side=1, stage=0)
    assert memory_bits_of_layer(dense, load_rules("full")) == 4 * 10 + 32 * 10


def test_filters_without_a_scale_have_none_in_memory_and_energy() -> None:
    scaled, plain = (
        cost_of_network(
            Network("n", "moons", 1.0, 8, 4, 10, 0, (replace(BINARY, weight_bits=4),), (), scaled_weights=scaled)
        )
        for scaled in (True, False)
    )
    assert plain.memory_bits == 4 * 36 * 10 == scaled.memory_bits - 32 * 10
    both = plain.energy.both
    assert (both.alpha_pj, both.alpha_mac_pj) == (0, 0)
