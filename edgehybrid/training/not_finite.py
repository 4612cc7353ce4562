"""What a user reads when a training's numbers are no longer finite: where, what to change, which checkpoint is left."""

from typing import Any

from edgehybrid.errors import EdgehybridError
from edgehybrid.model.compat import keras, tf
from edgehybrid.runs.checkpoint import Record


def not_finite(what: str, where: str, layer: str | None, kept: str) -> EdgehybridError:
    """The error for a loss, a gradient or a map that is infinite or NaN.

    Args:
        what: as the beginning of a sentence.
        where: the epoch and step.
        layer: the first layer with such a map, if it is known.
        kept: what ``checkpoint_left`` says.
    """
    if layer is not None:
        where += f", first in layer {layer}"
    return EdgehybridError(
        f"{what} is not finite any more: {where}.",
        next_step=f"Lower training.optimizer.learning_rate, or set training.gradient_clip_norm. The run keeps {kept}.",
    )


def checkpoint_left(record: Record | None, steps: int) -> str:
    """The run's newest checkpoint in words, for epochs of so many steps."""
    if record is None:
        return "no checkpoint"
    # A record of step 0 is that of a whole epoch.
    epoch, step = (record.epoch + 1, record.step) if record.step else (record.epoch, steps)
    return f"the checkpoint of epoch {epoch}, step {step} of {steps}"


def first_layer_not_finite(model: Any, images: Any, training: bool) -> str | None:
    """Name of the first layer, in forward order, whose output for these images is not finite; None if all are.

    Args:
        training: whether BatchNorm takes the statistics of these images, or its averages.
    """
    outputs = keras.Model(model.input, [layer.output for layer in model.layers])(images, training=training)
    for layer, output in zip(model.layers, outputs, strict=True):
        if not bool(tf.reduce_all(tf.math.is_finite(output))):
            return str(layer.name)
    return None
