"""Scales and BatchNorm of a split layer within its two convolutions."""

import numpy as np
import pytest
from small_graphs import SAME, Floats, SmallGraph, edited, maps, ops, run, signs

from converters.edits.fold_split_layers import fold_split_layers
from converters.edits.fold_vectors import fold_vectors
from converters.edits.pack_layers import pack_layers
from converters.graph import Value

CHANNELS, REAL, BINARY = 40, 3, 9
EVERY = REAL + BINARY


def vector(random: np.random.Generator, size: int = EVERY) -> Floats:
    return random.normal(size=size).astype(np.float32)


def layer(*behind: str, activation: int = 0, reads: int = 1) -> SmallGraph:
    """A split layer, and MUL, ADD and RELU behind it. The constants may come first."""
    random = np.random.default_rng(0)
    small = SmallGraph(1, 6, 6, CHANNELS)
    filters = random.normal(size=(REAL, 3, 3, CHANNELS)).astype(np.float32)
    real = small.conv(small.image, filters, vector(random, REAL), padding=SAME, activation=activation)
    binary = small.conv(small.sign(small.image), signs(random, BINARY, 3, 3, CHANNELS), padding=SAME)
    value = small.add("CONCATENATION", real, binary, shape=(1, 6, 6, EVERY), axis=3)
    joined = value
    for number, op in enumerate(behind):
        operands: list[Value | Floats] = [value] if op == "RELU" else [value, vector(random)]
        value = small.add(op, *(operands if number % 2 == 0 else operands[::-1]), shape=joined.shape)
    if reads > 1:
        small.add("ADD", value, joined)
    return small


def folded(small: SmallGraph) -> list[str]:
    """Edits a copy, which must compute the same; its operators behind the quantiser and the convolutions."""
    copy = edited(small.graph, pack_layers, fold_split_layers, fold_vectors)
    images = maps(np.random.default_rng(1), small.image.shape)
    # Sums of 360 products are rounded in another order, and scaled.
    np.testing.assert_allclose(run(copy, images), run(small.graph, images), rtol=0, atol=1e-6 * 360 * 4)
    names = ops(copy)
    return names[names.index("CONCATENATION") + 1 :]


@pytest.mark.parametrize("behind", [["MUL"], ["ADD"], ["MUL", "ADD"], ["ADD", "MUL"], ["MUL", "ADD", "MUL", "ADD"]])
def test_vectors_move_into_both_halves(behind: list[str]) -> None:
    assert folded(layer(*behind)) == []


def test_what_stands_behind_an_activation_stays() -> None:
    assert folded(layer("MUL", "ADD", "RELU", "MUL")) == ["RELU", "MUL"]


@pytest.mark.parametrize(("number", "name"), [(1, "RELU"), (2, "RELU_N1_TO_1"), (3, "RELU6")])
def test_an_activation_of_the_last_vector_is_left(number: int, name: str) -> None:
    small = layer("MUL")
    small.add("ADD", small.graph.outputs[0], vector(np.random.default_rng(2)), fused_activation_function=number)
    small.add("MUL", small.graph.outputs[0], vector(np.random.default_rng(3)))
    assert folded(small) == [name, "MUL"]


def test_what_another_node_reads_stays() -> None:
    assert folded(layer("MUL", reads=2)) == ["MUL", "ADD"]


def test_an_activation_of_the_real_half_keeps_vectors_outside() -> None:
    assert folded(layer("MUL", "ADD", activation=1)) == ["MUL", "ADD"]


def test_a_map_that_is_joined_twice_stays() -> None:
    random = np.random.default_rng(0)
    small = SmallGraph(1, 6, 6, CHANNELS)
    half = small.conv(small.sign(small.image), signs(random, 4, 3, 3, CHANNELS), padding=SAME)
    small.add("MUL", small.add("CONCATENATION", half, half, shape=(1, 6, 6, 8), axis=3), vector(random, 8))
    assert folded(small) == ["MUL"]


def test_maps_that_are_joined_one_below_the_other_keep_vectors_outside() -> None:
    random = np.random.default_rng(0)
    small = SmallGraph(1, 6, 6, CHANNELS)
    halves = [small.conv(small.sign(small.image), signs(random, 4, 3, 3, CHANNELS), padding=SAME) for _ in range(2)]
    small.add("MUL", small.add("CONCATENATION", *halves, shape=(1, 12, 6, 4), axis=1), vector(random, 4))
    assert folded(small) == ["MUL"]


def test_one_number_for_all_channels_stays() -> None:
    small = layer()
    small.add("MUL", small.graph.outputs[0], 0.5)
    assert folded(small) == ["MUL"]


def test_joins_of_convolutions_in_full_precision_are_left_to_other_tools() -> None:
    random = np.random.default_rng(0)
    small = SmallGraph(1, 6, 6, CHANNELS)
    halves = [small.conv(small.image, random.normal(size=(2, 1, 1, CHANNELS)).astype(np.float32)) for _ in range(2)]
    small.add("MUL", small.add("CONCATENATION", *halves, shape=(1, 6, 6, 4), axis=3), vector(random, 4))
    assert folded(small) == ["MUL"]
