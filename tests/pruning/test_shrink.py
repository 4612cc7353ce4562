"""Fewer filters compute what the network computes without those that went."""

from collections.abc import Sequence

import numpy as np
import pytest
from tiny_runs import random_model, tiny_recipe

from edgehybrid.model.build import build_model
from edgehybrid.networks import network_of
from edgehybrid.pruning.pairs import pairs_of
from edgehybrid.pruning.shrink import shrink
from edgehybrid.recipe import Recipe

FLOAT = "network.placement.full_precision=[all]"
VGG = ("network.architecture=vgg19", "network.width=0.0625")
# float32 sums in another order; logits are near 1.
CLOSE = 2e-4


@pytest.mark.parametrize(
    "overrides",
    [
        ("network.shortcut=none", FLOAT),
        ("network.shortcut=none", FLOAT, "network.activation=rprelu"),
        # Behind five pools a map of 64 pixels has 2×2: a channel of it is four inputs of the dense layer.
        (*VGG, "data.image_side=64", FLOAT),
        (*VGG, "data.image_side=32", "network.placement.full_precision=[first, dense]"),
    ],
)
def test_without_the_weights_on_what_went_both_compute_the_same(overrides: Sequence[str]) -> None:
    recipe = tiny_recipe(*overrides)
    network, model = network_of(recipe), random_model(recipe)
    pairs = [pair for pair in pairs_of(network)[0] if pair.reader.is_float]
    dice = np.random.default_rng(7)
    kept = {}
    for pair in pairs:
        count = pair.layer.out_channels
        kept[pair.layer.name] = np.sort(dice.choice(count, max(1, 2 * count // 3), replace=False))
        gone = np.setdiff1d(np.arange(count), kept[pair.layer.name])
        variable = model.get_layer(pair.reader.name).weights[0]
        kernel = variable.numpy()
        # The inputs of a dense layer behind a flattened map are its channels, pixel by pixel.
        kernel.reshape(*kernel.shape[:-2], -1, count, kernel.shape[-1])[..., gone, :] = 0
        variable.assign(kernel)
    smaller = build_model(network_of(with_filters(recipe, {name: len(places) for name, places in kept.items()})))
    shrink(model, smaller, kept)
    images = dice.normal(size=(3, *model.input_shape[1:])).astype(np.float32)
    assert smaller.count_params() < model.count_params()
    np.testing.assert_allclose(smaller(images), model(images), atol=CLOSE)


def with_filters(recipe: Recipe, filters: dict[str, int]) -> Recipe:
    return recipe.model_copy(update={"network": recipe.network.model_copy(update={"filters": filters})})


def test_with_all_filters_it_is_the_same_network() -> None:
    recipe = tiny_recipe()
    model, copy = random_model(recipe, 1), random_model(recipe, 2)
    shrink(model, copy, {})
    images = np.random.default_rng(1).normal(size=(2, *model.input_shape[1:])).astype(np.float32)
    np.testing.assert_array_equal(copy(images), model(images))
