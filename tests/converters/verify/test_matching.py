import numpy as np
import pytest
from small_chain import computed, images, small_chain, taps

from converters.taps import Tap
from converters.verify.keras_graph import KerasGraph
from converters.verify.matching import Pairs, candidates, pair

IMAGE = images(1)


@pytest.fixture(scope="module")
def graph() -> KerasGraph:
    return KerasGraph(small_chain())


def test_each_value_finds_its_layer(graph: KerasGraph) -> None:
    found = pair(graph, taps(), 3, IMAGE, computed(graph, IMAGE))
    assert found.of_tensor == {step.outputs[0]: [step.index] for step in graph.steps}


def test_a_name_without_the_batch_norm_that_was_joined_finds_it(graph: KerasGraph) -> None:
    values = computed(graph, IMAGE)
    found = pair(graph, [Tap(0, "net/conv/Conv2D1"), Tap(1, "")], 1, IMAGE, [values[1], values[3]])
    assert found.of_tensor == {graph.steps[1].outputs[0]: [0], graph.output: [1]}


def test_a_clipped_value_stands_for_the_later_of_two_that_it_may(graph: KerasGraph) -> None:
    values = computed(graph, IMAGE)
    # Both the map before its ReLU and the one behind agree with it.
    joined = Tap(0, "net/relu/Relu;net/bn/FusedBatchNormV3;net/conv/Conv2D", clip=(0.0, np.inf))
    found = pair(graph, [joined, Tap(1, "")], 1, IMAGE, [values[2], values[3]])
    assert found.of_tensor == {graph.steps[2].outputs[0]: [0], graph.output: [1]}


def test_a_value_that_no_layer_has_is_left_out(graph: KerasGraph) -> None:
    values = computed(graph, IMAGE)
    found = pair(graph, [Tap(0, "net/conv/Conv2D"), Tap(1, "")], 1, IMAGE, [np.sign(values[0]), values[3]])
    assert found.of_tensor == {graph.output: [1]}


def test_logits_are_a_pair_however_wrong_they_are(graph: KerasGraph) -> None:
    found = pair(graph, [Tap(0, "")], 0, IMAGE, [computed(graph, IMAGE)[3] + 100])
    assert found.of_tensor == {graph.output: [0]}


def test_candidates_have_the_size_of_the_value(graph: KerasGraph) -> None:
    size = graph.size(graph.output)
    tensors = [step.outputs[0] for step in graph.steps]
    assert candidates(graph, [Tap(0, "net/conv/Conv2D")], [size], -1) == [tensors[:3]]
    assert candidates(graph, [Tap(0, "net/conv/Conv2D")], [size + 1], -1) == [[]]
    assert candidates(graph, [Tap(0, "other/name")], [size], -1) == [[]]


def test_a_number_behind_a_name_that_was_taken_does_not_hide_the_layer(graph: KerasGraph) -> None:
    size = graph.size(graph.output)
    plain, numbered = (candidates(graph, [Tap(0, name)], [size], -1) for name in ("net/conv", "other/name7;net/conv12"))
    assert plain == numbered != [[]]


def test_without_takes_one_pair_out() -> None:
    assert Pairs({1: [0, 2], 3: [4]}).without(1, 2) == Pairs({1: [0], 3: [4]})
    assert Pairs({1: [0], 3: [4]}).without(1, 0) == Pairs({3: [4]})
