"""Checks the flatbuffer of a network of levels: every layer of Keras against its integers, then the runtime's logits.

``IntegerNetwork`` stands between the two. The runtime must give its logits to the bit. Keras computes in float32, where
a level may turn at its edge; so each layer is compared by itself: convolutions on random levels, of which each weight
changes a sum, and thresholds on the integers on both sides of each.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from converters.integer.integer_network import Convolution, IntegerNetwork, Levels, Thresholds, convolve
from converters.integer.level_thresholds import LEVELS_A_UNIT, MOST_LEVEL, apply_thresholds
from converters.verify.agreement import RELATIVE_TOLERANCE, Agreement, agreement, disagreement, keras_logits
from converters.verify.bounds import Floats
from edgehybrid.data.arrays import Labels
from edgehybrid.runtime.interpreter import Interpreter

SEED = 0
# Of each convolution's own largest sum. Some 5,000 float32 products are added, whose roundings are of 6e-8 each.
SUM_TOLERANCE = 1e-5
# Of a level's width. The float32 BatchNorm rounds what it adds and multiplies, which are a few units in size.
EDGE_TOLERANCE = 1e-4
# The integers of a map of 32×32 take 0.1 s for 4 images; those of 224×224, seconds.
MOST_PIXELS = 1 << 14


def verify_integers(
    model: Any, integers: IntegerNetwork, content: bytes, images: Floats, labels: Labels | None
) -> Agreement:
    """Runs all on images (n, side, side, channels), pixels / 255: the integers on the first of them.

    Raises:
        ConversionError: the runtime's logits are not those of the integers, or a layer of Keras gives other sums or
            levels than rounding can explain.
    """
    first = images[: max(2, MOST_PIXELS // images.shape[1] ** 2)]
    values = integers.values(first)
    _check_layers(model, integers, values)
    interpreter = Interpreter(content)
    converted = interpreter.predict(images)
    expected = np.asarray(values[integers.steps[-1].name], np.float32)
    wrong = converted[: len(first)] != expected
    if wrong.any():
        image, category = np.argwhere(wrong)[0]
        raise disagreement(
            f"class {category} of image {image} is {converted[image, category]:.9g} in the native runtime",
            f"{expected[image, category]:.9g}, as the integers have it",
        )
    logits = keras_logits(model, images)
    differs = ~(np.abs(converted - logits).max(axis=1) <= RELATIVE_TOLERANCE * np.abs(logits).max())
    return agreement(logits, converted, interpreter, labels, int(differs.sum()))


def _check_layers(model: Any, integers: IntegerNetwork, values: Mapping[str, NDArray[Any]]) -> None:
    random = np.random.default_rng(SEED)
    for step in integers.steps:
        if isinstance(step, Convolution):
            levels = random.integers(0, MOST_LEVEL + 1, values[step.source][:1].shape)
            _check_convolution(model.get_layer(step.name), step, levels)
        if isinstance(step, Convolution | Levels) and isinstance(step.thresholds, Thresholds):
            _check_thresholds(model.get_layer(step.thresholds.normalisation), step.thresholds)


def _check_convolution(layer: Any, step: Convolution, levels: NDArray[np.int64]) -> None:
    """Keras' layer quantises what it reads: it gets the middle of each level."""
    y = np.asarray(layer(levels.astype(np.float32) / np.float32(LEVELS_A_UNIT)))
    expected = convolve(levels, step.filters, step.stride) * step.scales
    error, tolerance = np.abs(y - expected).max(), SUM_TOLERANCE * np.abs(expected).max()
    if not error <= tolerance:
        raise disagreement(f"sums of layer '{layer.name}' differ by {error:.3g}", f"at most {tolerance:.3g}")


def _check_thresholds(layer: Any, thresholds: Thresholds) -> None:
    """Keras' BatchNorm of the integers on both sides of each threshold must lie in these levels, or at their edge."""
    table = thresholds.table
    direction, columns = table[:, MOST_LEVEL], table[:, :MOST_LEVEL].T
    x = np.clip(np.concatenate([columns, columns - 1]) * direction, thresholds.least, thresholds.most)
    y = np.asarray(layer((x * thresholds.scales).astype(np.float32)[None, None]))[0, 0].astype(np.float64)
    place = np.clip(y, 0, MOST_LEVEL / LEVELS_A_UNIT) * LEVELS_A_UNIT + 0.5
    is_near = np.abs(place - np.rint(place)) <= EDGE_TOLERANCE * (1 + np.abs(y))
    wrong = (np.floor(place) != apply_thresholds(x, table)) & ~is_near
    if wrong.any():
        raise disagreement(
            f"thresholds of '{layer.name}' in {int(wrong.any(axis=0).sum())} of {len(table)} channels are others",
            "those of its formula, but where a number lies at the edge of its level",
        )
