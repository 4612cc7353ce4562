"""Peak of the activations: maps that live at the same time, small enough to count by hand."""

from dataclasses import replace
from typing import Literal

import pytest

from edgehybrid.census.activation_memory import map_elements, peak_activation_bits
from edgehybrid.networks import Layer, Network, Node, network_of
from edgehybrid.recipe import load_recipe

FLOAT = Layer("conv", "conv", 4, 10, 3, 1, 8, 8, 8, stage=1, float_filters=10)
BINARY = replace(FLOAT, weight_bits=1, activation_bits=1, float_filters=0)


def chain(*nodes: Node, layers: tuple[Layer, ...] = (), side: int = 8, channels: int = 4) -> tuple[int, int]:
    return peak_activation_bits(Network("chain", "vgg19", 1.0, side, channels, 10, 1, layers, nodes))


# 8 * 8 * 4 = 256 elements in, 8 * 8 * 10 = 640 out.
NEXT = replace(BINARY, name="next", in_channels=10)


def test_a_layer_has_its_input_and_output_alive() -> None:
    assert chain(Node("conv", "layer", ("image",)), layers=(FLOAT,)) == (32 * (256 + 640), 32 * (256 + 640))


def test_batch_norm_and_relu_need_no_map_of_their_own() -> None:
    nodes = (Node("conv", "layer", ("image",)), Node("bn", "batch_norm", ("conv",)), Node("relu", "relu", ("bn",)))
    assert chain(*nodes, layers=(FLOAT,)) == chain(nodes[0], layers=(FLOAT,))


def test_a_map_that_a_binary_layer_alone_reads_is_kept_in_bits() -> None:
    nodes = (Node("conv", "layer", ("image",)), Node("bn", "batch_norm", ("conv",)), Node("next", "layer", ("bn",)))
    live, packed = chain(*nodes, layers=(BINARY, NEXT))
    assert live == 32 * (640 + 640)
    # First step: image in 32 bits, 640 bits. Second: 640 bits in, logits in 32 bits.
    assert packed == max(32 * 256 + 640, 640 + 32 * 640)


def test_a_pool_between_keeps_the_bits() -> None:
    half = replace(NEXT, in_side=4, out_side=4, source_side=4)
    nodes = (Node("conv", "layer", ("image",)), Node("pool", "max_pool", ("conv",)), Node("next", "layer", ("pool",)))
    _, packed = chain(*nodes, layers=(BINARY, half), channels=1)
    # 64 elements of the image; 640 before the pool, 160 behind it and as logits.
    assert packed == max(32 * 64 + 640, 640 + 160, 160 + 32 * 160)


def test_a_mean_is_of_numbers_and_of_half_the_side_rounded_up() -> None:
    half = replace(NEXT, in_side=5, out_side=5, source_side=5)
    nodes = (Node("pool", "average_pool", ("image",)), Node("next", "layer", ("pool",)))
    live, packed = chain(*nodes, layers=(half,), side=9, channels=10)
    # 810 elements of the image, and 250 behind the pool: of a sign's, but only the pool's result has one.
    assert live == 32 * (810 + 250)
    assert packed == 32 * 810 + 250


def test_a_map_that_is_added_later_stays_alive_and_in_32_bits() -> None:
    square = replace(BINARY, name="square", in_channels=10)
    nodes = (
        Node("conv", "layer", ("image",)),
        Node("square", "layer", ("conv",)),
        Node("sum", "add", ("square", "conv")),
    )
    live, packed = chain(*nodes, layers=(BINARY, square))
    # At the sum: the two maps it reads and the one it writes.
    assert (live, packed) == (3 * 32 * 640, 3 * 32 * 640)


@pytest.mark.parametrize(("reads", "bits"), [("sign", 1), ("real", 32)])
def test_a_split_layer_needs_the_real_map_when_its_float_filters_read_it(
    reads: Literal["sign", "real"], bits: int
) -> None:
    split = replace(NEXT, float_filters=1, float_filter_input=reads, out_channels=2)
    nodes = (Node("conv", "layer", ("image",)), Node("next", "layer", ("conv",)))
    _, packed = chain(*nodes, layers=(BINARY, split), channels=1)
    assert packed == max(32 * 64 + bits * 640, bits * 640 + 32 * 2 * 64)


@pytest.mark.parametrize("name", ["xnor_res", "hybrid_vgg_a", "vgg_2bit", "digits"])
def test_packing_never_needs_more(name: str) -> None:
    live, packed = peak_activation_bits(network_of(load_recipe(name)))
    assert 0 < packed <= live


def test_levels_are_as_many_channels_as_the_first_layer_reads() -> None:
    network = network_of(load_recipe("ern/cifar16"))
    (levels,) = (node for node in network.graph if node.op == "thermometer")
    assert map_elements(network)[levels.name] == 32**2 * network.layers[0].in_channels
