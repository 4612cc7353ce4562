"""A trained Keras model with fewer filters: each variable keeps the channels that are left."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgehybrid.model.compat import keras, tf

Places = NDArray[np.intp]


def shrink(model: Any, smaller: Any, kept: Mapping[str, Places]) -> None:
    """Gives ``smaller``, a model of the same layers with fewer filters, the weights of ``model``.

    Args:
        kept: places of the filters that are left, ascending, by the name of a layer; of others all are.
    """
    # Which channels of each map are left, by the name of its tensor.
    left: dict[str, Places] = {}
    for layer in model.layers:
        sources = [left[tensor.name] for tensor in tf.nest.flatten(layer.input)] if left else []
        result = _channels_left(layer, sources, kept)
        left[layer.output.name] = result
        for variable, old in zip(smaller.get_layer(layer.name).weights, layer.weights, strict=True):
            value = np.asarray(getattr(old, "latent_variable", old))
            if _has_kernel(layer):
                value = np.take(value, sources[0], axis=-2)
            getattr(variable, "latent_variable", variable).assign(np.take(value, result, axis=-1))


def _has_kernel(layer: Any) -> bool:
    return isinstance(layer, keras.layers.Conv2D | keras.layers.Dense)


def _channels_left(layer: Any, sources: list[Places], kept: Mapping[str, Places]) -> Places:
    channels = layer.output.shape[-1]
    if not sources:
        return np.arange(channels)
    if _has_kernel(layer):
        return kept.get(layer.name, np.arange(channels))
    if isinstance(layer, keras.layers.Concatenate):
        first, second = sources
        return np.concatenate([first, layer.input[0].shape[-1] + second])
    if isinstance(layer, keras.layers.Flatten):
        # Pixel by pixel, each with all its channels.
        before = layer.input.shape[-1]
        pixels: Places = before * np.arange(channels // before)[:, None]
        return np.ravel(pixels + sources[0])
    return sources[0]
