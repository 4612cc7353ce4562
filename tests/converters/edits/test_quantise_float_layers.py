"""Layers of 8 bits: against sums in float64 of what the stored numbers stand for."""

import numpy as np
import pytest
from small_graphs import SAME, VALID, Floats, SmallGraph, edited, ops, run, signs

from converters.edits.pack_layers import pack_layers
from converters.edits.quantise_float_layers import float_layers, quantise_float_layers
from converters.graph import Graph, Node

SEED = 3
# A result is rounded to the nearest step; what float32 makes of a tie may go to either.
HALF = 0.501


def numbers_of(node: Node, place: int, filters: int) -> Floats:
    """What a constant of 8 or 32 bits stands for, filters first."""
    value = node.inputs[place]
    assert value is not None
    assert value.data is not None
    scales = np.broadcast_to(value.quantization.scale, filters)
    shape = (-1, *(1,) * (value.data.ndim - 1))
    return np.asarray(value.data * scales.reshape(shape), np.float64)


def stored_map(value_range: tuple[float, float], numbers: Floats) -> tuple[Floats, float]:
    """Numbers as 8 bits hold them, and half a step beside; written once more, from the specification."""
    low, high = min(0.0, value_range[0]), max(0.0, value_range[1])
    scale = np.float32(high / 127 if low == -high else (high - low) / 255)
    zero = 0 if low == -high else round(-128 - low / float(scale))
    return (np.clip(np.rint(numbers / scale) + zero, -128, 127) - zero) * float(scale), float(scale)


def assert_rounded(found: Floats, sums: Floats, value_range: tuple[float, float]) -> None:
    """Sums that lie beyond the steps are held to the last."""
    nearest, step = stored_map(value_range, sums)
    inside = np.abs(nearest - sums) <= step / 2
    np.testing.assert_allclose(found[inside], sums[inside], rtol=0, atol=HALF * step)
    np.testing.assert_allclose(found[~inside], nearest[~inside], rtol=0, atol=1e-3 * step)
    assert inside.mean() > 0.5


def in_8_bits(small: SmallGraph, ranges: list[tuple[float, float]]) -> tuple[Graph, Node]:
    """A copy with its one layer edited, ranges of what that reads and writes."""

    def edit(graph: Graph) -> None:
        (layer,) = float_layers(graph)
        assert layer.inputs[0] is not None
        quantise_float_layers(graph, {id(layer.inputs[0]): ranges[0], id(layer.output): ranges[1]})

    copy = edited(small.graph, edit)
    (node,) = [node for node in copy.nodes if node.op in ("CONV_2D", "FULLY_CONNECTED")]
    return copy, node


@pytest.mark.parametrize("read", [(-2.0, 3.0), (0.0, 2.5), (-3.0, 3.0), (0.5, 3.0)])
def test_a_dense_layer_computes_what_its_stored_numbers_say(read: tuple[float, float]) -> None:
    random = np.random.default_rng(SEED)
    weights, bias = random.normal(size=(10, 40)).astype(np.float32), random.normal(size=10).astype(np.float32)
    small = SmallGraph(1, 40)
    small.add("FULLY_CONNECTED", small.image, weights, bias, shape=(1, 10))
    copy, node = in_8_bits(small, [read, (-20, 20)])
    assert ops(copy) == ["QUANTIZE", "FULLY_CONNECTED", "DEQUANTIZE"]
    # Near a stored number, so that no runtime rounds it to another.
    stored, _ = stored_map(read, random.uniform(*read, (50, 40)))
    images = stored.astype(np.float32)
    sums = stored @ numbers_of(node, 1, 1).reshape(10, 40).T + numbers_of(node, 2, 1)
    assert_rounded(run(copy, images), sums, (-20, 20))


@pytest.mark.parametrize("padding", [SAME, VALID])
@pytest.mark.parametrize("activation", [0, 1])
def test_a_convolution_computes_what_its_stored_numbers_say(padding: int, activation: int) -> None:
    """The same layer in float32, of the stored numbers."""
    random = np.random.default_rng(SEED)
    sizes = np.geomspace(0.01, 10, 6).reshape(-1, 1, 1, 1)
    weights = (random.normal(size=(6, 3, 3, 5)) * sizes).astype(np.float32)
    bias = random.normal(size=6).astype(np.float32)
    small, expected = SmallGraph(1, 7, 6, 5), SmallGraph(1, 7, 6, 5)
    small.conv(small.image, weights, bias, padding, activation=activation)
    copy, node = in_8_bits(small, [(-3, 4), (0 if activation else -200, 200)])
    of_stored = numbers_of(node, 1, 6).astype(np.float32), numbers_of(node, 2, 6).astype(np.float32)
    expected.conv(expected.image, *of_stored, padding, activation=activation)
    images = stored_map((-3, 4), random.uniform(-3, 4, (8, 7, 6, 5)))[0].astype(np.float32)
    sums = run(expected.graph, images)
    assert_rounded(run(copy, images), sums, (0 if activation else -200, 200))


def test_filters_have_a_scale_each_and_lose_half_a_step() -> None:
    random = np.random.default_rng(SEED)
    weights = random.normal(size=(6, 1, 1, 33)).astype(np.float32)
    weights[2] *= 1e-6
    small = SmallGraph(1, 1, 1, 33)
    small.conv(small.image, weights)
    _, node = in_8_bits(small, [(-1, 1), (-9, 9)])
    error = np.abs(numbers_of(node, 1, 6) - weights).max(axis=(1, 2, 3))
    assert np.all(error <= HALF * np.abs(weights).max(axis=(1, 2, 3)) / 127)


def test_signs_and_zero_are_exact() -> None:
    """A layer of ones that reads -1, 0 and +1, and writes numbers of its own steps."""
    small = SmallGraph(1, 1, 1, 8)
    small.conv(small.image, np.ones((1, 1, 1, 8), np.float32))
    copy, _ = in_8_bits(small, [(-1, 1), (-127, 127)])
    images = np.random.default_rng(SEED).integers(-1, 2, (20, 1, 1, 8)).astype(np.float32)
    np.testing.assert_array_equal(run(copy, images).ravel(), images.sum(axis=-1).ravel())


@pytest.mark.parametrize(("weight", "bias"), [(0.0, 0.0), (0.0, 1.5), (1e-12, 1.5)])
def test_a_bias_fits_however_small_its_filter_is(weight: float, bias: float) -> None:
    small = SmallGraph(1, 1, 1, 4)
    small.conv(small.image, np.full((2, 1, 1, 4), weight, np.float32), np.full(2, bias, np.float32))
    copy, _ = in_8_bits(small, [(-1, 1), (0, 2)])
    np.testing.assert_allclose(run(copy, np.ones((1, 1, 1, 4), np.float32)).ravel(), bias, atol=HALF * 2 / 255)


def test_a_map_of_zeros_stays_one() -> None:
    small = SmallGraph(1, 1, 1, 4)
    small.conv(small.image, np.ones((2, 1, 1, 4), np.float32))
    copy, _ = in_8_bits(small, [(0, 0), (0, 0)])
    np.testing.assert_array_equal(run(copy, np.zeros((1, 1, 1, 4), np.float32)).ravel(), 0)


def test_a_map_that_two_layers_read_is_stored_once() -> None:
    random = np.random.default_rng(SEED)
    small = SmallGraph(1, 4, 4, 8)
    one = small.conv(small.image, random.normal(size=(8, 1, 1, 8)).astype(np.float32))
    two = small.conv(small.image, random.normal(size=(8, 1, 1, 8)).astype(np.float32))
    small.add("ADD", one, two)

    def edit(graph: Graph) -> None:
        values = {id(value) for node in float_layers(graph) for value in (node.inputs[0], node.output)}
        quantise_float_layers(graph, dict.fromkeys(values, (-4.0, 4.0)))

    assert ops(edited(small.graph, edit)).count("QUANTIZE") == 1


def test_the_half_beside_a_packed_half_stays() -> None:
    random = np.random.default_rng(SEED)
    small = SmallGraph(1, 4, 4, 32)
    wide = small.add("RELU", small.conv(small.image, random.normal(size=(8, 1, 1, 32)).astype(np.float32)))
    narrow = small.add("MUL", small.conv(small.sign(small.image), signs(random, 8, 1, 1, 32)), 0.5)
    small.add("CONCATENATION", wide, narrow, shape=(1, 4, 4, 16), axis=3)
    copy = edited(small.graph, pack_layers)
    assert "LceBconv2d" in ops(copy)
    assert not float_layers(copy)


def test_computed_filters_stay() -> None:
    small = SmallGraph(1, 1, 1, 4)
    filters = small.add("RESHAPE", small.image, np.array([1, 1, 1, 4], np.int32), shape=(1, 1, 1, 4))
    small.add("CONV_2D", small.image, filters, np.zeros(1, np.float32), shape=(1, 1, 1, 1), stride_h=1, stride_w=1)
    assert not float_layers(small.graph)
