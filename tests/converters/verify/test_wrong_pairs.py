import pytest
from small_chain import computed, images, pairs, small_chain, taps

from converters.verify.keras_graph import KerasGraph
from converters.verify.wrong_pairs import without_wrong_pairs

IMAGE = images(1)


@pytest.fixture(scope="module")
def graph() -> KerasGraph:
    return KerasGraph(small_chain())


def test_a_value_that_is_not_the_layers_is_taken_back(graph: KerasGraph) -> None:
    values = computed(graph, IMAGE)
    # The flatbuffer goes on from BatchNorm's output; what is paired with it was not shifted yet.
    values[1] += 0.01
    kept = without_wrong_pairs(graph, taps(), pairs(graph), IMAGE, values)
    assert kept == pairs(graph).without(graph.steps[1].outputs[0], 1)


def test_a_mistake_stays(graph: KerasGraph) -> None:
    values = computed(graph, IMAGE)
    values[1] += 0.01
    relu, last = graph.steps[2:]
    (values[2],) = relu({relu.inputs[0]: values[1]})
    (values[3],) = last({last.inputs[0]: values[2]})
    assert without_wrong_pairs(graph, taps(), pairs(graph), IMAGE, values) == pairs(graph)


def test_the_logits_stay(graph: KerasGraph) -> None:
    values = computed(graph, IMAGE)
    values[3] += 1
    assert without_wrong_pairs(graph, taps(), pairs(graph), IMAGE, values) == pairs(graph)


def test_where_every_pair_differs_all_stay(graph: KerasGraph) -> None:
    values = [value + 0.01 for value in computed(graph, IMAGE)]
    assert without_wrong_pairs(graph, taps(), pairs(graph), IMAGE, values) == pairs(graph)
