"""What of a layer is quantised."""

import numpy as np
import pytest
from explained import LayerWriter, dense_of_bits, reals, sign_and_convolution, signs
from numpy.typing import NDArray

from converters.explain.analysis_graph import analysis_graph
from converters.explain.layer_view import LayerView
from converters.explain.rows import called_subgraphs
from edgehybrid.flatbuffer import parse_flatbuffer


def view_of(data: bytes) -> LayerView:
    """Of the last operator."""
    (subgraph,), _ = called_subgraphs(parse_flatbuffer(data, "model.tflite"))
    graph, nodes = analysis_graph(subgraph.graph)
    index = len(nodes) - 1
    return LayerView(graph, nodes[index], subgraph, subgraph.multiplications[index][0][0])


def test_inputs_and_weights_are_seen() -> None:
    view = view_of(sign_and_convolution().bytes(0, -1))
    assert (view.is_quantised, view.between, view.passed) == (True, (), ())
    assert view.filters is not None
    # 4 filters of 3×3 words.
    assert view.packed_bytes() == 4 * 9 * 4


def test_weights_of_three_values_take_two_planes() -> None:
    weights = np.where(signs(4, 3, 3, 32) > 0, signs(4, 3, 3, 32)[::-1], 0)
    view = view_of(sign_and_convolution(weights).bytes(0, -1))
    assert view.filters is not None
    assert view.packed_bytes() == 2 * 4 * 9 * 4


def test_a_transposition_is_looked_behind() -> None:
    writer = LayerWriter()
    image = writer.value((1, 5, 4, 32))
    turned = writer.op(
        "TRANSPOSE", [writer.sign(image), writer.constant(np.array([0, 2, 1, 3], np.int32))], (1, 4, 5, 32)
    )
    writer.convolution(turned, signs(4, 3, 3, 32))
    view = view_of(writer.bytes(image, -1))
    assert (view.is_quantised, view.passed) == (True, ("TRANSPOSE",))


def test_a_border_is_no_obstacle() -> None:
    writer = LayerWriter()
    image = writer.value((1, 5, 5, 32))
    pads = writer.constant(np.array([[0, 0], [1, 1], [1, 1], [0, 0]], np.int32))
    writer.convolution(writer.op("PAD", [writer.sign(image), pads], (1, 7, 7, 32)), signs(4, 3, 3, 32))
    view = view_of(writer.bytes(image, -1))
    assert (view.between, view.passed) == (("PAD",), ())


@pytest.mark.parametrize(
    "weights",
    [
        pytest.param(reals(10, 32), id="real"),
        pytest.param(np.full((10, 32), 0.25, np.float32), id="one value, as of a mean"),
        pytest.param(np.zeros((10, 32), np.float32), id="zeros"),
        pytest.param(np.full((10, 32), np.nan, np.float32), id="no numbers"),
    ],
)
def test_weights_are_not_quantised(weights: NDArray[np.float32]) -> None:
    assert view_of(dense_of_bits(weights)).filters is None


def test_few_weights_have_few_values_by_chance() -> None:
    writer = LayerWriter()
    image = writer.value((1, 2))
    writer.dense(image, signs(10, 2))
    assert view_of(writer.bytes(image, -1)).filters is None


def test_weights_that_are_computed_from_a_constant_are_known() -> None:
    writer = LayerWriter()
    image = writer.value((1, 3, 3, 32))
    writer.op("CONV_2D", [image, writer.sign(writer.constant(reals(4, 3, 3, 32))), -1], (1, 1, 1, 4))
    assert view_of(writer.bytes(image, -1)).is_computed_of_constants()


def test_weights_that_are_only_unpacked_are_not_computed() -> None:
    writer = LayerWriter()
    image = writer.value((1, 3, 3, 32))
    stored = writer.constant(np.ones((4, 3, 3, 32), np.int8))
    writer.op("CONV_2D", [image, writer.op("DEQUANTIZE", [stored], (4, 3, 3, 32)), -1], (1, 1, 1, 4))
    assert not view_of(writer.bytes(image, -1)).is_computed_of_constants()


def test_weights_that_are_given_are_not_computed() -> None:
    writer = LayerWriter()
    image, given = writer.value((1, 3, 3, 32)), writer.value((4, 3, 3, 32))
    writer.op("CONV_2D", [image, given, -1], (1, 1, 1, 4))
    assert not view_of(writer.bytes(image, -1)).is_computed_of_constants()
