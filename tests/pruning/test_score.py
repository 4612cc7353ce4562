"""The scores of filters are those of the maps and weights that the Keras model of the reader has."""

from collections.abc import Sequence

import numpy as np
import pytest
from tiny_runs import random_model, tiny_recipe

from edgehybrid.model.compat import keras
from edgehybrid.networks import network_of
from edgehybrid.pruning.pairs import pairs_of
from edgehybrid.pruning.score import score
from edgehybrid.pruning.sensitivity import sensitivities

PLAIN = "network.shortcut=none"
VGG = ("network.architecture=vgg19", "network.width=0.0625", "data.image_side=32")


def images(side: int) -> np.ndarray:
    return np.random.default_rng(3).normal(size=(4, side, side, 1)).astype(np.float32)


@pytest.mark.parametrize(
    ("overrides", "side", "reader"),
    [
        # A float, a binary and a split convolution, and a binary dense layer read floats' maps.
        ((PLAIN, "network.placement.full_precision=[all]"), 8, "stage1_block1_conv2"),
        ((PLAIN, "network.placement.full_precision=[first, last]"), 8, "stage1_block1_conv1"),
        (
            (PLAIN, "network.placement.full_precision=[first, last]", "network.placement.float_fraction=0.5"),
            8,
            "stage1_block1_conv1",
        ),
        ((*VGG, "network.placement.full_precision=[first, fc1, last]"), 32, "fc2"),
    ],
    ids=["float", "binary", "split", "dense"],
)
def test_each_filter_has_a_score_between_0_and_1(overrides: Sequence[str], side: int, reader: str) -> None:
    recipe = tiny_recipe(*overrides)
    network, model = network_of(recipe), random_model(recipe)
    (pair,) = [pair for pair in pairs_of(network)[0] if pair.reader.name == reader]
    found = score(model, network, pair, [images(side)])
    assert found.sensitivities.shape == (pair.layer.out_channels,)
    assert ((found.sensitivities >= 0) & (found.sensitivities <= 1 + 1e-6)).all()
    assert found.sensitivities.max() > 0
    assert (found.patches, found.positions) == (pair.reader.out_side**2, pair.reader.kernel_side**2)


def test_behind_a_flattened_map_a_filter_counts_at_its_best_pixel() -> None:
    recipe = tiny_recipe(*VGG[:2], "data.image_side=64", "network.placement.full_precision=[all]")
    network, model = network_of(recipe), random_model(recipe)
    (pair,) = [pair for pair in pairs_of(network)[0] if pair.reader.name == "fc1"]
    found = score(model, network, pair, [images(64)])
    fc1 = model.get_layer("fc1")
    seen = keras.Model(model.input, fc1.input)(images(64)).numpy()
    of_inputs = sensitivities([seen[:, None]], fc1.weights[0].numpy()[None])
    np.testing.assert_array_equal(found.sensitivities, of_inputs.reshape(4, -1).max(axis=0))
    assert found.positions == 4
