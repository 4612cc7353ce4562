from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from small_chain import computed, images, pairs, small_chain, taps

from converters.filter_planes import packed_words
from converters.taps import Tap
from converters.verify.keras_graph import KerasGraph
from converters.verify.matching import Pairs
from converters.verify.replay import ROUNDING, Mistake, Replayed, failing, replay


@pytest.fixture(scope="module")
def graph() -> KerasGraph:
    return KerasGraph(small_chain())


def followed(graph: KerasGraph, values: list[NDArray[Any]], place: int, change: float) -> list[NDArray[Any]]:
    """The values with one number changed, and all behind it computed from that."""
    values[place][1, 2, 3, 1] += change
    run: dict[int, Any] = {graph.steps[place].outputs[0]: values[place]}
    for step in graph.steps[place + 1 :]:
        run.update(zip(step.outputs, step(run), strict=True))
        values[step.index] = run[step.outputs[0]]
    return values


def test_what_keras_computes_has_no_mistake(graph: KerasGraph) -> None:
    replayed = replay(graph, taps(), pairs(graph), images(), computed(graph, images()), find_flips=True)
    assert isinstance(replayed, Replayed)
    assert replayed.largest[0] == 0
    assert not replayed.flips.any()


@pytest.mark.parametrize("place", range(4))
def test_a_mistake_is_named_with_its_place_and_goes_no_further(graph: KerasGraph, place: int) -> None:
    values = followed(graph, computed(graph, images()), place, 0.01)
    mistake = replay(graph, taps(), pairs(graph), images(), values)
    assert isinstance(mistake, Mistake)
    assert (mistake.layers, mistake.image, mistake.place) == ((graph.steps[place].name,), 1, (2, 3, 1))
    assert (mistake.wrong, mistake.converted - mistake.expected) == (1, pytest.approx(0.01, rel=1e-3))
    assert failing(graph, taps(), pairs(graph), images(), values) == [(graph.steps[place].outputs[0], place)]


def test_rounding_is_no_mistake(graph: KerasGraph) -> None:
    values = computed(graph, images())
    size = float(np.abs(values[3]).max())
    values[3][1, 2, 3, 1] += 0.9 * ROUNDING * size
    assert isinstance(replay(graph, taps(), pairs(graph), images(), values), Replayed)


def test_a_mistake_between_pairs_names_all_layers_between(graph: KerasGraph) -> None:
    values = followed(graph, computed(graph, images()), 1, 0.01)
    known = Pairs({graph.steps[place].outputs[0]: [place] for place in (0, 3)})
    mistake = replay(graph, taps(), known, images(), values)
    assert isinstance(mistake, Mistake)
    assert mistake.layers == ("bn", "relu", "last")


def test_not_a_number_is_a_mistake(graph: KerasGraph) -> None:
    values = computed(graph, images())
    values[2][0, 0, 0, 0] = np.nan
    assert isinstance(replay(graph, taps(), pairs(graph), images(), values), Mistake)


def bits_behind_batch_norm(graph: KerasGraph) -> tuple[list[Tap], list[NDArray[Any]]]:
    """As if the flatbuffer had the signs of BatchNorm's map only."""
    values = computed(graph, images())
    signs = np.where(values[1] >= 0, 1, -1).astype(np.int8)
    values[1] = packed_words(signs)
    return [*taps()[:1], Tap(1, "net/bn/Op", threshold=0.0, channels=signs.shape[-1]), *taps()[2:]], values


def test_bits_that_are_right_are_no_mistake_where_the_layer_behind_has_the_numbers(graph: KerasGraph) -> None:
    tapped, values = bits_behind_batch_norm(graph)
    assert isinstance(replay(graph, tapped, pairs(graph), images(), values), Replayed)


def test_a_bit_on_the_wrong_side_is_a_mistake(graph: KerasGraph) -> None:
    tapped, values = bits_behind_batch_norm(graph)
    values[1][2, 1, 1, 0] ^= 1
    mistake = replay(graph, tapped, pairs(graph), images(), values)
    assert isinstance(mistake, Mistake)
    assert (mistake.layers, mistake.image, mistake.place) == (("bn",), 2, (1, 1, 0))


def test_signs_read_in_place_of_numbers_are_a_mistake(graph: KerasGraph) -> None:
    """Bits alone must not hide that Keras' next layer reads the map itself."""
    tapped, values = bits_behind_batch_norm(graph)
    values[2] = (computed(graph, images())[1] >= 0).astype(np.float32)
    mistake = replay(graph, tapped, pairs(graph), images(), values)
    assert isinstance(mistake, Mistake)
    assert mistake.layers == ("relu",)


def test_a_few_numbers_are_no_quantised_ones() -> None:
    from edgehybrid.model.compat import keras

    image = keras.Input((6,))
    few = KerasGraph(keras.Model(image, keras.layers.Dense(10, name="logits")(image)))
    batch = np.random.default_rng(5).standard_normal((2, 6)).astype(np.float32)
    (logits,) = few.steps[0]({0: batch})
    tap = Tap(0, "logits/MatMul")
    moved = logits * np.float32(1 + 1e-7)
    replayed = replay(few, [tap], Pairs({few.output: [0]}), batch, [moved], find_flips=True)
    assert isinstance(replayed, Replayed)
    assert not np.array_equal(moved, logits)
    assert not replayed.flips.any()
