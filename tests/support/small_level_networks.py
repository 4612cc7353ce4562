"""Small networks of levels with BatchNorm of all kinds of numbers."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgehybrid.model.build import build_model
from edgehybrid.model.compat import keras
from edgehybrid.networks import Network, network_of
from edgehybrid.recipe import load_recipe

SEED = 20241015


def small_network(*changes: str) -> Network:
    """Two stages on 16×16 pixels, in which a word of 32 channels is partly filled."""
    return network_of(load_recipe("ern/cifar16", ["network.ern.stages=[8, 33]", "data.image_side=16", *changes]))


def model_of(network: Network) -> Any:
    """Channels rise, fall, or are constant."""
    keras.utils.set_random_seed(SEED)
    model = build_model(network)
    rng = np.random.default_rng(SEED)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            channels = layer.gamma.shape[0]
            layer.gamma.assign(np.where(rng.random(channels) < 0.1, 0, rng.normal(0.7, 0.5, channels)))
            layer.beta.assign(rng.normal(0.8, 0.5, channels))
            layer.moving_mean.assign(rng.normal(0, 0.3, channels))
            layer.moving_variance.assign(rng.uniform(0.2, 3, channels))
    return model


def images_of(network: Network, count: int) -> NDArray[np.float32]:
    """Pixels of all brightnesses, over 255."""
    shape = (count, network.image_side, network.image_side, network.image_channels)
    pixels = np.random.default_rng(SEED).integers(0, 256, shape)
    images: NDArray[np.float32] = (pixels / 255).astype(np.float32)
    return images
