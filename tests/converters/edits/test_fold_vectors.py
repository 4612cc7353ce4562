"""Scales, BatchNorm and ReLU within the binary convolution."""

import numpy as np
import pytest
from small_graphs import SAME, Floats, SmallGraph, edited, maps, ops, run, signs

from converters.edits.fold_vectors import fold_vectors
from converters.edits.pack_layers import pack_layers

FILTERS = 12


def layer(*behind: str, negative: bool = False, padding: int = 1, bias: bool = False) -> SmallGraph:
    """A binary convolution, and MUL, ADD and RELU behind it."""
    random = np.random.default_rng(0)
    small = SmallGraph(1, 6, 6, 40)
    scales = random.uniform(0.5, 2, (FILTERS, 1, 1, 1)).astype(np.float32)
    weights = signs(random, FILTERS, 3, 3, 40) * (scales if not negative else -scales)
    value = small.conv(small.sign(small.image), weights, vector(random) if bias else None, padding=padding)
    for op in behind:
        value = small.add(op, value, vector(random)) if op != "RELU" else small.add(op, value)
    return small


def vector(random: np.random.Generator) -> Floats:
    return random.normal(size=FILTERS).astype(np.float32)


def folded(small: SmallGraph) -> list[str]:
    """Edits a copy, which must compute the same; its operators behind the quantiser."""
    copy = edited(small.graph, pack_layers, fold_vectors)
    images = maps(np.random.default_rng(1), small.image.shape)
    expected = run(small.graph, images)
    # Two roundings of sums up to 360 become one, and scales multiply.
    np.testing.assert_allclose(run(copy, images), expected, rtol=0, atol=1e-6 * 360 * 2)
    return ops(copy)[1:]


@pytest.mark.parametrize("behind", [["MUL", "ADD"], ["ADD"], ["RELU"], ["RELU", "MUL", "ADD"], ["MUL", "ADD", "MUL"]])
def test_everything_moves_in(behind: list[str]) -> None:
    assert folded(layer(*behind)) == ["LceBconv2d"]


def test_a_relu_behind_a_bias_stays() -> None:
    assert folded(layer("RELU", "MUL", bias=True)) == ["LceBconv2d", "RELU", "MUL"]


def test_a_relu_stays_where_a_border_holds_zeros() -> None:
    assert folded(layer("RELU", padding=SAME)) == ["LceBconv2d", "RELU"]


def test_filters_turned_round_change_nothing() -> None:
    """The sign goes into the filter: scales are never negative."""
    assert folded(layer("RELU", "MUL", negative=True)) == ["LceBconv2d"]


def test_what_another_node_reads_stays() -> None:
    small = layer("MUL")
    small.add("ADD", small.graph.outputs[0], small.graph.nodes[-2].output)
    assert folded(small) == ["LceBconv2d", "MUL", "ADD"]
