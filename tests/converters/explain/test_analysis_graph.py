"""What other converters write is put in the packer's words."""

import numpy as np
from explained import LayerWriter, reals, signs
from lce_layers import BinaryConv
from tiny_flatbuffers import packed_flatbuffer

from converters.explain.analysis_graph import analysis_graph
from converters.quantisers import Quantiser, quantiser_of
from edgehybrid.flatbuffer import Subgraph, parse_flatbuffer


def part_of(data: bytes) -> Subgraph:
    return parse_flatbuffer(data, "model.tflite").subgraphs[0]


def test_bits_that_are_unpacked_are_the_sign_of_what_was_packed() -> None:
    writer = LayerWriter()
    image = writer.value((1, 2, 2, 40))
    result = writer.unpacked(image)
    graph, _ = analysis_graph(part_of(writer.bytes(image, result)))
    found = quantiser_of(graph, graph.outputs[0])
    assert isinstance(found, Quantiser)
    assert found.is_sign
    assert found.source is graph.inputs[0]


def test_bits_of_a_binary_convolution_are_a_sign_too() -> None:
    graph, _ = analysis_graph(part_of(BinaryConv(output="packed", padding=1).flatbuffer()))
    found = quantiser_of(graph, graph.outputs[0])
    assert isinstance(found, Quantiser)
    assert found.is_sign


def test_each_operator_has_its_node() -> None:
    part = part_of(packed_flatbuffer())
    graph, nodes = analysis_graph(part)
    assert [[value.name for value in node.outputs] for node in nodes] == [["map"], ["binary_conv"]]
    assert nodes[1] is graph.producer(graph.outputs[0])


def test_weights_in_float16_become_those_in_float32() -> None:
    writer = LayerWriter()
    image = writer.value((1, 3, 3, 2))
    half = writer.constant(reals(4, 3, 3, 2).astype(np.float16))
    weights = writer.op("DEQUANTIZE", [half], (4, 3, 3, 2))
    writer.op("CONV_2D", [image, weights, -1], (1, 1, 1, 4))
    _, nodes = analysis_graph(part_of(writer.bytes(image, -1)))
    found = nodes[1].constant(1)
    assert found is not None
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, reals(4, 3, 3, 2).astype(np.float16))


def test_constants_that_numpy_cannot_read_are_no_constants() -> None:
    writer = LayerWriter()
    image = writer.value((1, 3, 3, 2))
    writer.convolution(image, signs(4, 3, 3, 2))
    writer.tensors[1].is_sparse = True
    _, nodes = analysis_graph(part_of(writer.bytes(image, -1)))
    assert nodes[0].constant(1) is None
