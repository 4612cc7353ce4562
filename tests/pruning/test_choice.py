"""How many filters stay, and which."""

import numpy as np
import pytest
from tiny_runs import tiny_recipe

from edgehybrid.errors import UsageError
from edgehybrid.networks import network_of
from edgehybrid.pruning.allotment import Scored
from edgehybrid.pruning.choice import (
    by_chance,
    by_sensitivity,
    float_weights,
    pruned_recipe,
    under_one_bound,
    uniformly,
)
from edgehybrid.pruning.pairs import Pair, pairs_of

RECIPE = tiny_recipe("network.shortcut=none", "network.placement.full_precision=[all]")
PAIRS: list[Pair] = pairs_of(network_of(RECIPE))[0]


def scores() -> dict[str, Scored]:
    random = np.random.default_rng(7)
    return {pair.layer.name: Scored(random.uniform(0.01, 1, pair.layer.out_channels), 64, 9) for pair in PAIRS}


@pytest.mark.parametrize("keep", [0.9, 0.5, 0.2])
def test_no_more_weights_are_left_than_asked_for(keep: float) -> None:
    for kept in (under_one_bound(RECIPE, PAIRS, scores(), keep), uniformly(RECIPE, PAIRS, keep)):
        left = float_weights(network_of(pruned_recipe(RECIPE, kept))) / float_weights(network_of(RECIPE))
        assert 0.7 * keep < left <= keep


def test_less_than_a_filter_a_layer_is_refused() -> None:
    with pytest.raises(UsageError, match=r"(?s)without filters.*--keep 0.001.*more than 0\."):
        under_one_bound(RECIPE, PAIRS, scores(), 0.001)


def test_by_sensitivity_the_largest_stay() -> None:
    scored = scores()
    for name, places in by_sensitivity(scored, uniformly(RECIPE, PAIRS, 0.5)).items():
        values = scored[name].sensitivities
        assert values[places].min() > np.delete(values, places).max(initial=0)
        assert (np.diff(places) > 0).all()


def test_chance_is_repeatable_and_keeps_as_many_others_with_another_seed() -> None:
    kept = uniformly(RECIPE, PAIRS, 0.5)
    one, again, other = by_chance(PAIRS, kept), by_chance(PAIRS, kept), by_chance(PAIRS, kept, 1)
    assert {name: len(places) for name, places in other.items()} == kept
    assert all((one[name] == again[name]).all() and (np.diff(one[name]) > 0).all() for name in kept)
    assert any((one[name] != other[name]).any() for name in kept)


def test_weights_of_split_and_quantised_filters_count_by_the_filter() -> None:
    recipe = tiny_recipe("network.placement.full_precision=[first, last]", "network.placement.float_fraction=0.5")
    network = network_of(recipe)
    split = network.layer("stage1_block1_conv1")
    assert split.is_split
    floats = sum(layer.weights for layer in network if layer.is_float)
    halves = sum(layer.weights // 2 for layer in network if layer.is_split)
    assert float_weights(network) == floats + halves
