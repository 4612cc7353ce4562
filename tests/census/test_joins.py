"""Joins: what belongs to one layer becomes one, and what does not stays apart."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from random_networks import networks
from tiny_layers import Writer, packed_file

from edgehybrid.census.agreement import check_agreement, expected_layers
from edgehybrid.census.flatbuffer_layers import count_flatbuffer
from edgehybrid.census.logical_layers import LogicalLayer
from edgehybrid.flatbuffer import parse_flatbuffer
from edgehybrid.networks import Layer, Network

# 8×8 map of 40 channels, 3×3, 10 filters.
BINARY = Layer("conv", "conv", 40, 10, 3, 1, 8, 8, 8, stage=1, weight_bits=1, activation_bits=1)


def layers_of(writer: Writer, output: int) -> list[LogicalLayer]:
    return [stored.layer for stored in count_flatbuffer(parse_flatbuffer(writer.bytes(0, output), "model")).layers]


def with_map() -> tuple[Writer, int]:
    writer = Writer()
    return writer, writer.value((1, 8, 8, 40))


@pytest.mark.parametrize("weight_bits", [1, 2, 3])
@pytest.mark.parametrize("activation_bits", [1, 2, 4])
def test_planes_of_one_layer_become_one(weight_bits: int, activation_bits: int) -> None:
    writer, real = with_map()
    layer = replace(BINARY, weight_bits=weight_bits, activation_bits=activation_bits)
    (found,) = layers_of(writer, writer.planes(real, layer, 10))
    assert (found.weight_bits, found.activation_bits) == (weight_bits, activation_bits)
    assert (found.weights, found.macs) == (layer.weights, layer.macs)


def test_planes_may_be_scaled_by_an_operator_of_their_own() -> None:
    writer, real = with_map()
    bits = writer.quantize(real)
    low, high = (writer.bconv(bits, 40, 10, 3, 8) for _ in range(2))
    high = writer.op("MUL", [high, writer.constant(np.full(10, 2.0, np.float32))], writer.shape(high))
    (found,) = layers_of(writer, writer.op("ADD", [low, high], writer.shape(low)))
    assert (found.weight_bits, found.activation_bits) == (2, 1)


def test_the_halves_of_ternary_weights_are_two_bits() -> None:
    """-1, 0 and +1 as half the sum of two signs."""
    writer, real = with_map()
    bits = writer.quantize(real)
    low, high = (writer.bconv(bits, 40, 10, 3, 8) for _ in range(2))
    (found,) = layers_of(writer, writer.op("ADD", [low, high], writer.shape(low)))
    assert (found.weight_bits, found.activation_bits) == (2, 1)


@pytest.mark.parametrize("bits", [2, 3])
def test_comparisons_with_thresholds_are_bits_of_the_map(bits: int) -> None:
    """2^k - 1 planes of one worth."""
    writer, real = with_map()
    planes = [writer.bconv(writer.quantize(real), 40, 10, 3, 8) for _ in range(2**bits - 1)]
    total = planes[0]
    for plane in planes[1:]:
        total = writer.op("ADD", [total, plane], writer.shape(plane))
    (found,) = layers_of(writer, total)
    assert (found.weight_bits, found.activation_bits) == (1, bits)


@pytest.mark.parametrize("ratio", [3.0, 2.1])
def test_a_sum_whose_scales_are_no_powers_of_two_apart_stays_two_layers(ratio: float) -> None:
    # A residual network adds the outputs of two binary convolutions too.
    writer, real = with_map()
    bits = writer.quantize(real)
    low, high = (writer.bconv(bits, 40, 10, 3, 8, scale) for scale in (np.ones(10), np.full(10, ratio)))
    assert len(layers_of(writer, writer.op("ADD", [low, high], writer.shape(low)))) == 2


def test_convolutions_of_different_maps_stay_two_layers() -> None:
    writer, real = with_map()
    other = writer.value((1, 8, 8, 40))
    terms = [writer.bconv(writer.quantize(m), 40, 10, 3, 8, np.full(10, s)) for m, s in ((real, 1.0), (other, 2.0))]
    assert len(layers_of(writer, writer.op("ADD", terms, writer.shape(terms[0])))) == 2


def test_a_plane_that_is_used_elsewhere_is_a_layer() -> None:
    writer, real = with_map()
    bits = writer.quantize(real)
    low, high = (writer.bconv(bits, 40, 10, 3, 8, np.full(10, scale)) for scale in (1.0, 2.0))
    total = writer.op("ADD", [low, high], writer.shape(low))
    writer.op("RELU", [low], writer.shape(low))
    assert len(layers_of(writer, total)) == 2


def test_planes_inside_a_residual_sum_are_joined() -> None:
    writer, real = with_map()
    total = writer.planes(real, replace(BINARY, weight_bits=2), 10)
    (found,) = layers_of(writer, writer.op("ADD", [total, writer.value(writer.shape(total))], writer.shape(total)))
    assert found.weight_bits == 2


@pytest.mark.parametrize("float_first", [True, False])
def test_the_halves_of_a_split_layer_become_one(float_first: bool) -> None:
    writer, real = with_map()
    wide, narrow = writer.conv(real, 3, 3, 8), writer.bconv(writer.quantize(real), 40, 7, 3, 8)
    halves = [wide, narrow] if float_first else [narrow, wide]
    (found,) = layers_of(writer, writer.op("CONCATENATION", halves, (1, 8, 8, 10)))
    assert (found.float_filters, found.out_channels, found.reads_real) == (3, 10, True)
    assert (found.weights, found.macs) == (BINARY.weights, BINARY.macs)


@pytest.mark.parametrize("steps", ["LceDequantize", "FLOOR", "FLOOR MUL SUB"])
def test_float_filters_that_read_the_quantised_map_are_known(steps: str) -> None:
    writer, real = with_map()
    bits = writer.quantize(real)
    quantised = bits if steps == "LceDequantize" else real
    for name in steps.split():
        quantised = writer.op(name, [quantised], writer.shape(real))
    wide = writer.conv(quantised, 3, 3, 8)
    halves = [wide, writer.bconv(bits, 40, 7, 3, 8)]
    (found,) = layers_of(writer, writer.op("CONCATENATION", halves, (1, 8, 8, 10)))
    assert not found.reads_real


def test_convolutions_with_different_kernels_side_by_side_are_two_layers() -> None:
    writer, real = with_map()
    halves = [writer.conv(real, 3, 1, 8), writer.bconv(writer.quantize(real), 40, 7, 3, 8)]
    assert len(layers_of(writer, writer.op("CONCATENATION", halves, (1, 8, 8, 10)))) == 2


def test_convolutions_one_above_the_other_are_two_layers() -> None:
    writer, real = with_map()
    halves = [writer.conv(real, 5, 3, 8), writer.conv(real, 5, 3, 8)]
    assert len(layers_of(writer, writer.op("CONCATENATION", halves, (1, 16, 8, 5)))) == 2


def test_one_convolution_twice_side_by_side_is_one_layer() -> None:
    writer, real = with_map()
    once = writer.conv(real, 5, 3, 8)
    (found,) = layers_of(writer, writer.op("CONCATENATION", [once, once], (1, 8, 8, 10)))
    assert found.out_channels == 5


# k bits are k² planes a layer, which take a while to write.
@settings(max_examples=12, deadline=None)
@given(networks(widths=(0.0625,), max_bits=2))
def test_any_network_in_the_packed_form_agrees_with_itself(network: Network) -> None:
    agrees(network)


@pytest.mark.fuzz
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(networks(widths=(0.0625, 0.25), max_bits=4))
def test_many_networks_in_the_packed_form_agree_with_themselves(network: Network) -> None:
    agrees(network)


def agrees(network: Network) -> None:
    found = [stored.layer for stored in count_flatbuffer(parse_flatbuffer(packed_file(network), "model")).layers]
    pairs = check_agreement(expected_layers(network), found, "the flatbuffer")
    assert sorted(pairs) == list(range(len(network.layers)))


@pytest.mark.parametrize("weight_bits", [2, 3, 4])
@pytest.mark.parametrize("activation_bits", [1, 3])
def test_the_planes_of_twos_complement_are_its_bits(weight_bits: int, activation_bits: int) -> None:
    """Its digits, and a plane of -1 that is worth as much as the last one."""
    writer, real = with_map()
    maps = [writer.quantize(real) for _ in range(2**activation_bits - 1)]
    exponents = (*range(weight_bits), 0)
    planes = [writer.bconv(bits, 40, 10, 3, 8, np.full(10, 2.0**e)) for e in exponents for bits in maps]
    total = planes[0]
    for plane in planes[1:]:
        total = writer.op("ADD", [total, plane], writer.shape(plane))
    (found,) = layers_of(writer, total)
    assert (found.weight_bits, found.activation_bits) == (weight_bits, activation_bits)
