"""Compares an int8 flatbuffer of a network in full precision: rounding moves every number a little."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from converters.taps import Tap
from converters.verify.agreement import Agreement, agreement, keras_logits
from converters.verify.bounds import Floats, bounds
from converters.verify.tapped_file import TappedFile
from edgehybrid.data.arrays import Labels
from edgehybrid.errors import ConversionError
from edgehybrid.runtime.interpreter import Interpreter

# Root mean square of the differences, as a part of that of the logits. Each map and filter is rounded to 256 steps:
# measured 0.01 to 0.03 for ResNet-20 with random weights. Other weights of the same network give more than 1.
LARGEST_INT8_ERROR = 0.25
# The same of one layer, on the flatbuffer's own inputs.
LARGEST_LAYER_ERROR = 0.25
# A layer's error is a mean over a map: few images tell it.
LAYERWISE_IMAGES = 8


def verify_int8(
    model: Any, content: bytes, images: Floats, taps: Sequence[Tap] | None = None, labels: Labels | None = None
) -> Agreement:
    """As ``verify``, by mean errors: of each layer on the flatbuffer's own inputs, then of the logits.

    Classes that change are reported, not refused: how many do is a property of the network.

    Args:
        taps: of a packed flatbuffer whose full-precision layers are int8. Its logits are not held to a limit: a sign
            whose number lies near zero flips by the rounding of a layer before it.

    Raises:
        ConversionError: a layer, or the logits, differ by more than rounding explains, see ``LARGEST_LAYER_ERROR`` and
            ``LARGEST_INT8_ERROR``. It names the worst layer.
    """
    logits = keras_logits(model, images)
    interpreter = Interpreter(content)
    converted = interpreter.predict(images)
    errors = layer_errors(model, content, images[:LAYERWISE_IMAGES], taps)
    layer, of_layer = max(errors.items(), key=lambda item: np.nan_to_num(item[1], nan=np.inf))
    of_logits = _error(converted, logits) if taps is None else 0.0
    # Not "error > limit": a NaN must count as different.
    if not (of_layer <= LARGEST_LAYER_ERROR and of_logits <= LARGEST_INT8_ERROR):
        raise ConversionError(
            "The int8 flatbuffer does not compute what the Keras model computes.",
            received=f"differences of {100 * of_logits:.0f} % of the logits, root mean squares of {len(images)} images "
            f"of {100 * of_layer:.0f} % of layer '{layer}', from the same inputs",
            allowed=f"at most {100 * LARGEST_INT8_ERROR:.0f} %, and {100 * LARGEST_LAYER_ERROR:.0f} % of a layer",
            next_step="Nothing was written. --format float32 tells whether it is the rounding or the converter.",
        )
    return agreement(logits, converted, interpreter, labels)


def layer_errors(model: Any, content: bytes, images: Floats, taps: Sequence[Tap] | None = None) -> dict[str, float]:
    """Layer whose output is matched → root mean square of its differences, as a part of that of the output by Keras.

    As in ``replay.py`` Keras computes each output from what the flatbuffer has before it, here numbers of 8 bits.
    """
    file = TappedFile(model, content, taps, images[:1])
    values = file.values(images)
    computed: dict[int, Any] = {0: images}
    errors = {}
    for step in file.keras.steps:
        for tensor, output in zip(step.outputs, step(computed), strict=True):
            computed[tensor] = output
            for place in file.pairs.of_tensor.get(tensor, ()):
                computed[tensor] = bounds(file.taps[place], values[place], output.shape).nearest(output)
                errors[step.name] = _error(computed[tensor], output)
    return errors


def _error(converted: Floats, expected: Floats) -> float:
    size = float(np.mean(expected**2))
    difference = float(np.mean((converted - expected) ** 2))
    return 0.0 if difference == 0 else float(np.sqrt(difference / size)) if size else np.inf
