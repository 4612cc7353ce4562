"""The count of a Keras model agrees with the network it was built from, layer by layer."""

import random

import pytest
from hypothesis import HealthCheck, given, settings
from random_networks import networks
from tiny_runs import tiny_recipe

from edgehybrid.census.agreement import check_agreement, expected_layers
from edgehybrid.errors import ConversionError
from edgehybrid.model.build import build_model
from edgehybrid.model.census import layers_of_keras
from edgehybrid.model.compat import keras, larq
from edgehybrid.networks import Network, network_of
from edgehybrid.recipe import load_recipe

SPLIT = ("network.placement.float_fraction=0.25", "network.placement.full_precision=[first]")


def agrees(network: Network) -> None:
    keras.backend.clear_session()
    pairs = check_agreement(expected_layers(network), layers_of_keras(build_model(network)), "the Keras model")
    assert sorted(pairs) == list(range(len(network.layers)))


@pytest.mark.parametrize(
    "overrides",
    [
        (),
        SPLIT,
        (*SPLIT, "network.placement.float_filter_input=sign"),
        ("network.placement.weight_bits=2", "network.placement.activation_bits=3"),
        ("network.placement.full_precision=[all]",),
    ],
    ids=["binary", "split", "split, sign", "2 and 3 bits", "float"],
)
def test_a_resnet_agrees(overrides: tuple[str, ...]) -> None:
    agrees(network_of(tiny_recipe(*overrides)))


def test_a_residual_vgg_agrees() -> None:
    agrees(network_of(load_recipe("hybrid_vgg_a", ["network.width=0.0625"])))


@pytest.mark.fuzz
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(networks(widths=(0.0625, 0.25)))
def test_any_network_agrees(network: Network) -> None:
    agrees(network)


def test_a_wrong_precision_is_named() -> None:
    network = network_of(tiny_recipe())
    layers = layers_of_keras(build_model(network_of(tiny_recipe("network.placement.weight_bits=2"))))
    with pytest.raises(ConversionError, match="'stage1_block1_conv1' was to be packed but is 2-bit weights with 1-bit"):
        check_agreement(expected_layers(network), layers, "the Keras model")


def test_two_float_convolutions_side_by_side_are_one_layer() -> None:
    image = keras.Input((8, 8, 3))
    halves = [keras.layers.Conv2D(filters, 3, padding="same", use_bias=False)(image) for filters in (2, 5)]
    (found,) = layers_of_keras(keras.Model(image, keras.layers.Concatenate(name="both")(halves)))
    assert (found.name, found.out_channels, found.is_float, found.weights) == ("both", 7, True, 7 * 27)


def test_three_convolutions_side_by_side_stay_three_layers() -> None:
    image = keras.Input((8, 8, 3))
    parts = [keras.layers.Conv2D(2, 3)(image) for _ in range(3)]
    assert len(layers_of_keras(keras.Model(image, keras.layers.Concatenate()(parts)))) == 3


def test_refuses_weights_that_are_not_counted() -> None:
    image = keras.Input((8, 3))
    with pytest.raises(ConversionError, match="has weights that are not counted"):
        layers_of_keras(keras.Model(image, keras.layers.LSTM(2, name="memory")(image)))


def test_bits_are_read_from_the_quantizers() -> None:
    seed = random.randrange(2**32)
    bits = random.Random(seed).randint(1, 8)
    image = keras.Input((8, 8, 3))
    layer = larq.layers.QuantConv2D(4, 3, kernel_quantizer=larq.quantizers.DoReFa(k_bit=bits))
    (found,) = layers_of_keras(keras.Model(image, layer(image)))
    assert (found.weight_bits, found.activation_bits) == (bits, 32), f"seed {seed}"
