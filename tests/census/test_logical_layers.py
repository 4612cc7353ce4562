"""Logical layers: their counts by hand, and what they keep of a network."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from random_networks import networks

from edgehybrid.census.logical_layers import LogicalLayer, layers_of_network, normal_form
from edgehybrid.networks import Network, network_of
from edgehybrid.recipe import load_recipe

# 6×5 map of 4 channels, 3×2 kernel, 10 filters on 3×5 outputs; a filter reads 2 of the channels.
LAYER = LogicalLayer("conv", "conv", 4, 10, (3, 2), (6, 5), (3, 5), 2, 1, 1, 3)


def test_counts_are_the_products_of_the_shapes() -> None:
    assert (LAYER.filter_weights, LAYER.weights) == (3 * 2 * 2, 3 * 2 * 2 * 10)
    assert (LAYER.inputs, LAYER.filter_outputs, LAYER.outputs) == (6 * 5 * 4, 3 * 5, 3 * 5 * 10)
    assert LAYER.macs == 3 * 5 * 120


def test_binary_macs_are_those_of_the_quantised_filters() -> None:
    assert (LAYER.quantised_filters, LAYER.binary_macs) == (7, 3 * 5 * 12 * 7)
    assert replace(LAYER, activation_bits=2).binary_macs == 0
    assert replace(LAYER, float_filters=10).is_float


@pytest.mark.parametrize(
    ("kind", "kernel", "side", "expected"),
    [
        ("shortcut", (1, 1), (8, 8), "conv"),
        ("conv", (1, 1), (1, 1), "dense"),
        ("shortcut", (1, 1), (1, 1), "dense"),
        ("conv", (3, 3), (1, 1), "conv"),
        ("dense", (1, 1), (1, 1), "dense"),
        ("depthwise", (1, 1), (1, 1), "depthwise"),
    ],
)
def test_the_normal_form_is_what_any_source_can_see(
    kind: str, kernel: tuple[int, int], side: tuple[int, int], expected: str
) -> None:
    layer = replace(LAYER, kind=kind, kernel=kernel, in_side=side, out_side=side)  # type: ignore[arg-type]
    assert normal_form(layer).kind == expected


@settings(max_examples=50, deadline=None)
@given(networks())
def test_a_networks_layers_keep_its_counts(network: Network) -> None:
    for layer, logical in zip(network, layers_of_network(network), strict=True):
        for count in ("name", "weights", "macs", "binary_macs", "inputs", "outputs", "quantised_filters", "is_float"):
            assert getattr(logical, count) == getattr(layer, count), (layer.name, count)


def test_a_shortcut_knows_what_it_leads_around() -> None:
    layers = {layer.name: layer for layer in layers_of_network(network_of(load_recipe("hybrid_vgg_a")))}
    found = {name: layer.residual for name, layer in layers.items() if layer.residual is not None}
    assert list(found) == ["shortcut1", "shortcut2", "shortcut3"]
    third = found["shortcut3"]
    assert (third.family, third.bypassed_bits, third.source_bits) == ("vgg19", (1, 1), 1)
    # 8×8 maps of 256 channels before the pool; conv7 and conv8 add theirs as it is.
    assert (third.source_elements, third.identity_connections) == (8 * 8 * 256, 1)
