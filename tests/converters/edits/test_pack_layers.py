"""Packed layers compute what the float32 ones do, and what cannot be packed stays, with a reason."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_graphs import SAME, SmallGraph, edited, maps, ops, run, signs

from converters.edits.pack_layers import pack_layers
from converters.graph import Graph

# Sums are whole; scales and biases are rounded once or twice more, in another order.
TOLERANCE = 2e-6


def check(graph: Graph, seed: int = 0, packed: int = 1, packed_convolutions: int | None = None) -> Graph:
    """Packs a copy and compares."""
    left: list[object] = []
    copy = edited(graph, lambda g: left.extend(pack_layers(g)))
    assert not left
    assert ops(copy).count("LceBconv2d") == (packed if packed_convolutions is None else packed_convolutions)
    assert not {"CONV_2D", "FULLY_CONNECTED"} & set(ops(copy))
    layers = [node for node in graph.nodes if node.op in ("CONV_2D", "FULLY_CONNECTED")]
    images = maps(np.random.default_rng(seed), graph.inputs[0].shape)
    expected = run(graph, images)
    # Of the largest sum that there could be, for an activation may cut it off.
    largest = max(np.abs(node.constant(1)).reshape(len(node.constant(1)), -1).sum(axis=1).max() for node in layers)
    np.testing.assert_allclose(run(copy, images), expected, rtol=0, atol=TOLERANCE * max(largest, 1))
    return copy


@given(st.integers(0, 2**31), st.data())
def test_binary_convolutions(seed: int, data: st.DataObject) -> None:
    """Any kernel, stride, dilation, border, scale and number of channels."""
    random = np.random.default_rng(seed)
    channels, filters = (data.draw(st.sampled_from([1, 3, 31, 32, 33, 64, 65])) for _ in range(2))
    kernel = data.draw(st.sampled_from([1, 2, 3]))
    small = SmallGraph(1, 8, 7, channels)
    value = (small.sign if data.draw(st.booleans()) else small.where_sign)(small.image)
    weights = signs(random, filters, kernel, kernel, channels) * random.uniform(0.1, 2, (filters, 1, 1, 1))
    border = data.draw(st.sampled_from(["none", "one", "minus one", "zero", "lopsided"]))
    padding = SAME if border == "zero" else 1
    if border in ("one", "minus one"):
        value = small.pad(value, [[1, 1], [1, 1]], 1.0 if border == "one" else -1.0)
    if border == "lopsided":
        value = small.pad(value, [[2, 0], [0, 3]], 1.0)
    small.conv(
        value,
        weights.astype(np.float32),
        random.normal(size=filters).astype(np.float32),
        padding=padding,
        stride=data.draw(st.sampled_from([1, 2, 3])),
        dilation=data.draw(st.sampled_from([1, 2])),
        activation=data.draw(st.sampled_from([0, 1, 3])),
    )
    check(small.graph, seed)


@given(st.integers(0, 2**31), st.integers(1, 3), st.integers(1, 3), st.booleans())
def test_layers_of_several_bits(seed: int, activation_bits: int, weight_bits: int, half_wave: bool) -> None:
    """2^a - 1 planes of the map times w planes of the filter; borders of the highest and of the lowest value."""
    random = np.random.default_rng(seed)
    small = SmallGraph(1, 6, 6, 20)
    quantised = (small.half_wave if half_wave else small.levels)(small.image, activation_bits)
    count = 2**weight_bits - 1
    weights = (2 * random.integers(0, count + 1, (9, 3, 3, 20)) - count) / count * random.uniform(0.5, 2, (9, 1, 1, 1))
    small.conv(small.pad(quantised, [[1, 1], [1, 1]], 0.0 if half_wave else 1.0), weights.astype(np.float32))
    check(small.graph, seed, packed_convolutions=weight_bits * (2**activation_bits - 1))


def test_a_filter_of_few_weights_may_need_fewer_planes() -> None:
    """-1 and +1 alone on a scale of two bits."""
    small = SmallGraph(1, 4, 4, 32)
    small.conv(small.sign(small.image), signs(np.random.default_rng(0), 8, 3, 3, 32) / 3)
    check(small.graph)


def test_ternary_weights_are_two_planes() -> None:
    small = SmallGraph(1, 4, 4, 32)
    weights = np.random.default_rng(0).integers(-1, 2, (8, 3, 3, 32)).astype(np.float32)
    small.conv(small.sign(small.image), weights)
    check(small.graph, packed_convolutions=2)


def test_a_filter_of_zeros_gives_its_bias() -> None:
    random = np.random.default_rng(0)
    small = SmallGraph(1, 4, 4, 32)
    weights = signs(random, 8, 3, 3, 32)
    weights[3] = 0
    small.conv(small.sign(small.image), weights, random.normal(size=8).astype(np.float32))
    copy = check(small.graph)
    (convolution,) = (node for node in copy.nodes if node.op == "LceBconv2d")
    multipliers = convolution.constant(2)
    assert multipliers is not None
    assert multipliers[3] == 0


def test_groups_of_whole_words() -> None:
    small = SmallGraph(1, 5, 5, 64)
    small.conv(small.sign(small.image), signs(np.random.default_rng(0), 6, 3, 3, 32))
    check(small.graph)


@pytest.mark.parametrize("is_flattened", [False, True])
def test_dense_layers_become_convolutions(is_flattened: bool) -> None:
    random = np.random.default_rng(0)
    small = SmallGraph(1, 3, 2, 24) if is_flattened else SmallGraph(1, 144)
    value = small.sign(small.image)
    if is_flattened:
        value = small.add("RESHAPE", value, np.array([1, 144], np.int32), shape=(1, 144), new_shape=[1, 144])
    weights = signs(random, 10, 144) * np.float32(0.3)
    small.add("FULLY_CONNECTED", value, weights, random.normal(size=10).astype(np.float32), shape=(1, 10))
    copy = check(small.graph)
    # Behind a whole map no other form is needed before the convolution.
    assert ops(copy).count("RESHAPE") == (1 if is_flattened else 2)


def test_layers_share_the_planes_of_a_map() -> None:
    random = np.random.default_rng(0)
    small = SmallGraph(1, 4, 4, 32)
    value = small.levels(small.image, 2)
    first, second = (small.conv(value, signs(random, 8, 1, 1, 32)) for _ in range(2))
    small.add("ADD", first, second)
    copy = check(small.graph, packed_convolutions=6)
    assert ops(copy).count("LceQuantize") == 3


# What stays.


def refused(small: SmallGraph) -> str:
    """The reason; the graph must be as it was."""
    left: list[object] = []
    copy = edited(small.graph, lambda g: left.extend(pack_layers(g)))
    assert ops(copy) == ops(small.graph)
    (each,) = left
    return each.reason  # type: ignore[attr-defined, no-any-return]


def test_tf_sign_is_no_sign() -> None:
    """It gives 0 at 0. Packed as a sign it would be wrong there, and 0 is what a ReLU gives most often."""
    small = SmallGraph(1, 4, 4, 32)
    small.conv(small.add("SIGN", small.image), signs(np.random.default_rng(0), 8, 3, 3, 32))
    assert "0 has a value of its own" in refused(small)


def test_groups_of_parts_of_words() -> None:
    small = SmallGraph(1, 4, 4, 32)
    small.conv(small.sign(small.image), signs(np.random.default_rng(0), 8, 3, 3, 16))
    assert refused(small) == "groups of 16 input channels"


def test_weights_in_full_precision() -> None:
    small = SmallGraph(1, 4, 4, 32)
    small.conv(small.sign(small.image), np.random.default_rng(0).normal(size=(8, 3, 3, 32)).astype(np.float32))
    assert "weights in full precision" in refused(small)


def test_inputs_in_full_precision() -> None:
    small = SmallGraph(1, 4, 4, 32)
    small.conv(small.image, signs(np.random.default_rng(0), 8, 3, 3, 32))
    assert "inputs in full precision" in refused(small)


def test_a_lopsided_border_of_zeros() -> None:
    """Bits hold no 0, and Larq's operator adds zeros as padding='same' does only."""
    small = SmallGraph(1, 4, 4, 32)
    value = small.pad(small.sign(small.image), [[1, 1], [1, 1]], 0.0)
    small.conv(value, signs(np.random.default_rng(0), 8, 3, 3, 32), stride=2)
    assert "a border of 0" in refused(small)


def test_a_float_layer_is_not_spoken_of() -> None:
    small = SmallGraph(1, 4, 4, 3)
    small.conv(small.image, np.random.default_rng(0).normal(size=(8, 3, 3, 3)).astype(np.float32))
    left: list[object] = []
    edited(small.graph, lambda g: left.extend(pack_layers(g)))
    assert not left
