"""A graph that can be edited."""

import numpy as np
from small_graphs import SmallGraph, ops

from converters.graph import Node, Value, constant


def diamond() -> SmallGraph:
    """image → RELU → (ABS, NEG) → ADD"""
    small = SmallGraph(1, 4)
    relu = small.add("RELU", small.image)
    small.add("ADD", small.add("ABS", relu), small.add("NEG", relu))
    return small


def test_readers_and_producers() -> None:
    graph = diamond().graph
    relu, absolute, negative, total = graph.nodes
    assert graph.producer(relu.output) is relu
    assert graph.producer(graph.inputs[0]) is None
    assert graph.readers(relu.output) == [absolute, negative]
    assert graph.is_read_once(absolute.output)
    assert not graph.is_read_once(relu.output)
    assert graph.is_output(total.output)
    assert not graph.is_read_once(total.output)


def test_a_node_that_reads_a_value_twice_is_one_reader() -> None:
    small = SmallGraph(1, 4)
    small.add("MUL", small.image, small.image)
    assert len(small.graph.readers(small.image)) == 1


def test_readers_and_outputs_follow_a_replacement() -> None:
    graph = diamond().graph
    relu, _, negative, total = graph.nodes
    graph.replace(negative.output, relu.output)
    assert total.inputs[1] is relu.output
    graph.replace(total.output, relu.output)
    assert graph.outputs == [relu.output]
    graph.prune()
    assert graph.nodes == [relu]


def test_nodes_are_inserted_behind_their_place() -> None:
    graph = diamond().graph
    new = Node("RELU6", [graph.inputs[0]], [Value("new", (1, 4))])
    graph.insert_after(graph.nodes[1], [new])
    graph.insert_after(None, [Node("TANH", [graph.inputs[0]], [Value("first", (1, 4))])])
    assert ops(graph) == ["TANH", "RELU", "ABS", "RELU6", "NEG", "ADD"]


def test_what_no_output_needs_is_pruned() -> None:
    small = diamond()
    output = small.graph.outputs
    small.add("TANH", small.image)
    small.graph.outputs = output
    small.graph.prune()
    assert ops(small.graph) == ["RELU", "ABS", "NEG", "ADD"]


def test_every_value_is_met_once() -> None:
    graph = diamond().graph
    values = list(graph.values())
    assert len(values) == len(set(map(id, values))) == 5


def test_a_constant_of_one_number_has_no_axes() -> None:
    assert constant("one", np.array(1, np.float32)).data.shape == ()  # type: ignore[union-attr]
