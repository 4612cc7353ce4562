"""A small Keras model, what it computes at each layer, and taps that stand for those: a flatbuffer without a file."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from converters.taps import Tap
from converters.verify.keras_graph import KerasGraph
from converters.verify.matching import Pairs

LAYERS = ("conv", "bn", "relu", "last")
SIDE, CHANNELS = 6, 4


def small_chain() -> Any:
    """Convolution, BatchNorm with a shift, ReLU, convolution."""
    from edgehybrid.model.compat import keras

    keras.utils.set_random_seed(1)
    image = keras.Input((SIDE, SIDE, 2))
    x = keras.layers.Conv2D(CHANNELS, 3, padding="same", name="conv")(image)
    bn = keras.layers.BatchNormalization(name="bn")
    x = keras.layers.ReLU(name="relu")(bn(x))
    model = keras.Model(image, keras.layers.Conv2D(CHANNELS, 3, padding="same", name="last")(x), name="net")
    bn.beta.assign([0.3, -0.2, 0.1, 0.2])
    bn.moving_mean.assign([0.1, 0.2, -0.2, 0.0])
    bn.gamma.assign([0.7, 1.3, 0.8, 1.2])
    return model


def images(count: int = 3) -> NDArray[np.float32]:
    return np.random.default_rng(2).standard_normal((count, SIDE, SIDE, 2)).astype(np.float32)


def computed(graph: KerasGraph, batch: NDArray[np.float32]) -> list[NDArray[Any]]:
    """What Keras has behind each layer."""
    values: dict[int, Any] = {0: batch}
    for step in graph.steps:
        values.update(zip(step.outputs, step(values), strict=True))
    return [values[step.outputs[0]].copy() for step in graph.steps]


def taps() -> list[Tap]:
    return [Tap(place, f"net/{layer}/Op") for place, layer in enumerate(LAYERS)]


def pairs(graph: KerasGraph) -> Pairs:
    return Pairs({step.outputs[0]: [step.index] for step in graph.steps})
