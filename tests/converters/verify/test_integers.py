"""Networks of levels: what is right passes, and every planted mistake is found."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from small_level_networks import images_of, model_of, small_network

from converters.integer.from_keras import integer_network
from converters.integer.integer_file import integer_flatbuffer
from converters.integer.integer_network import Convolution, IntegerNetwork, Levels, Scores, Thresholds
from converters.verify.integers import verify_integers
from edgehybrid.errors import ConversionError

NETWORK = small_network()


@pytest.fixture(scope="module")
def model() -> Any:
    return model_of(NETWORK)


@pytest.fixture(scope="module")
def integers(model: Any) -> IntegerNetwork:
    return integer_network(NETWORK, model)


def test_the_right_file_agrees(model: Any, integers: IntegerNetwork) -> None:
    found = verify_integers(model, integers, integer_flatbuffer(integers), images_of(NETWORK, 8), None)
    assert found.images == 8
    assert found.top1_agreement_percent == 100
    assert found.max_abs_difference < 1e-4


def one_weight(step: Convolution) -> Convolution:
    filters = step.filters.copy()
    filters[0, 0, 0, 0] *= -1
    return replace(step, filters=filters)


def one_threshold(step: Convolution | Levels) -> Convolution | Levels:
    if not isinstance(step.thresholds, Thresholds):
        raise ValueError("it has none")
    table = step.thresholds.table.copy()
    # Of a channel with integers between its levels.
    table[np.argmax(table[:, 2] - table[:, 0]), 1] -= 1
    return replace(step, thresholds=replace(step.thresholds, table=table))


def planted(integers: IntegerNetwork, name: str, mistake: Callable[[Any], Any]) -> IntegerNetwork:
    return replace(integers, steps=tuple(mistake(step) if step.name == name else step for step in integers.steps))


@pytest.mark.parametrize(
    ("name", "mistake", "told"),
    [
        ("stem2", one_weight, "sums of layer 'stem2'"),
        ("stage1_block1_shortcut", one_weight, "sums of layer 'stage1_block1_shortcut'"),
        ("stage2_block1_conv2", one_weight, "sums of layer 'stage2_block1_conv2'"),
        ("stem1", one_threshold, "thresholds of 'stem1_bn' in 1 of 8"),
        ("stage1_block2_input_bn", one_threshold, "thresholds of 'stage1_block2_input_bn' in 1 of 8"),
    ],
)
def test_a_mistake_in_the_integers_is_found(
    model: Any, integers: IntegerNetwork, name: str, mistake: Callable[[Any], Any], told: str
) -> None:
    wrong = planted(integers, name, mistake)
    with pytest.raises(ConversionError) as caught:
        verify_integers(model, wrong, integer_flatbuffer(wrong), images_of(NETWORK, 8), None)
    assert told in str(caught.value.received)


def test_a_file_that_is_not_of_the_integers_is_found(model: Any, integers: IntegerNetwork) -> None:
    scores = integers.steps[-1]
    assert isinstance(scores, Scores)
    other = planted(
        integers, scores.name, lambda step: replace(step, multipliers=np.nextafter(step.multipliers, np.float32(9)))
    )
    with pytest.raises(ConversionError) as caught:
        verify_integers(model, integers, integer_flatbuffer(other), images_of(NETWORK, 8), None)
    assert "in the native runtime" in str(caught.value.received)
