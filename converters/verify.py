"""Compares a flatbuffer with its Keras model on images, and knows a sign flip from a mistake."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from edgehybrid.errors import ConversionError
from edgehybrid.model.compat import keras, tf
from edgehybrid.model.layers import ScaledQuantConv2D
from edgehybrid.runtime.interpreter import Interpreter

Floats = NDArray[np.float32]

# Both sides compute in float32 and add in another order: about 20 layers of relative error 2^-24 each, times some
# hundreds of terms. A wrong weight, pad or scale moves logits by whole units.
RELATIVE_TOLERANCE = 1e-3
# A quantiser's input this near to a threshold may fall on either side of it, for the same reason. BatchNorm gives
# these inputs unit size.
NEAR_THRESHOLD = 1e-5
# One flipped bit of a sum of hundreds seldom changes the class; a mistake changes most of them.
LEAST_AGREEMENT_PERCENT = 99.0
BATCH = 50


class Agreement(NamedTuple):
    """How well flatbuffer and Keras agree. The fields are the keys of the command's output.

    ``near_zero_flips`` counts images whose logits differ because a quantiser's input lies at its threshold.
    """

    images: int
    top1_agreement_percent: float
    max_abs_difference: float
    near_zero_flips: int


def verify(model: Any, content: bytes, images: Floats) -> Agreement:
    """Runs both on normalised images (n, side, side, channels).

    An image agrees if no logit differs by more than ``RELATIVE_TOLERANCE`` of the largest. One that does not is
    excused only if, in Keras, some quantiser's input lies within ``NEAR_THRESHOLD`` of a threshold.

    Raises:
        ConversionError: an image differs without excuse, or fewer than ``LEAST_AGREEMENT_PERCENT`` keep their class.
    """
    logits, margins = _keras_side(model, images)
    converted = Interpreter(content).predict(images)
    difference = np.abs(converted - logits).max(axis=1)
    # Not "difference > tolerance": a NaN must count as different.
    differs = ~(difference <= RELATIVE_TOLERANCE * np.abs(logits).max())
    agreement = Agreement(
        images=len(images),
        top1_agreement_percent=100 * float(np.mean(logits.argmax(axis=1) == converted.argmax(axis=1))),
        max_abs_difference=float(difference.max()),
        near_zero_flips=int(np.sum(differs & (margins <= NEAR_THRESHOLD))),
    )
    unexcused = int(np.sum(differs & ~(margins <= NEAR_THRESHOLD)))
    if unexcused:
        raise ConversionError(
            "The flatbuffer does not compute what the Keras model computes.",
            received=f"{unexcused} of {len(images)} images differ without a quantiser's input near its threshold; "
            f"top-1 agreement {agreement.top1_agreement_percent:.2f} %, largest difference "
            f"{agreement.max_abs_difference:.3g}",
            allowed="0 images",
            next_step="Nothing was written. Please report the recipe: the converter changes this network.",
        )
    if agreement.top1_agreement_percent < LEAST_AGREEMENT_PERCENT:
        advice = "Compare more images with --images." if len(images) < 100 else "Please report the recipe."
        raise ConversionError(
            "Too many images change their class, though rounding explains each.",
            received=f"top-1 agreement {agreement.top1_agreement_percent:.2f} % of {len(images)} images",
            allowed=f"at least {LEAST_AGREEMENT_PERCENT:.0f} %",
            next_step=f"Nothing was written. {advice}",
        )
    return agreement


def _keras_side(model: Any, images: Floats) -> tuple[Floats, Floats]:
    """Logits (n, classes), and for each image the smallest distance of a quantiser's input to a threshold (n,)."""
    quantised = [layer for layer in model.layers if isinstance(layer, ScaledQuantConv2D)]
    probe = keras.Model(model.input, [model.output, *(layer.input for layer in quantised)])
    logits, margins = [], []
    for begin in range(0, len(images), BATCH):
        batch_logits, *inputs = _as_list(probe(images[begin : begin + BATCH], training=False))
        nearest = [
            tf.reduce_min(threshold_distance(x, layer.input_quantizer.precision), axis=[1, 2, 3])
            for x, layer in zip(inputs, quantised, strict=True)
        ]
        logits.append(np.asarray(batch_logits))
        margins.append(np.min(nearest, axis=0) if nearest else np.full(len(batch_logits), np.inf, np.float32))
    return np.concatenate(logits), np.concatenate(margins)


def _as_list(outputs: Any) -> list[Any]:
    return outputs if isinstance(outputs, list) else [outputs]


def threshold_distance(x: Any, bits: int) -> Any:
    """Distance of x to the nearest threshold of the k-bit quantizer, elementwise; 1/n for all |x| ≥ 1.

    The thresholds are where n (x + 1) / 2 + 1/2 is whole, n = 2^k - 1 (``edgehybrid.model.quantizers.quantize_k``);
    0 for the sign.
    """
    levels = 2.0**bits - 1.0
    position = (tf.clip_by_value(x, -1.0, 1.0) + 1.0) * (levels / 2.0) + 0.5
    return tf.abs(position - tf.round(position)) * (2.0 / levels)
