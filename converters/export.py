"""Keras model → flatbuffer bytes. The only file that calls a converter."""

import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

from converters.targets import TARGETS
from edgehybrid.census.formats import Format
from edgehybrid.errors import MissingExtraError
from edgehybrid.model.compat import tf
from edgehybrid.runs.sidecar import Target


def export(model: Any, file_format: Format, target: Target) -> bytes:
    """The flatbuffer of a Keras model: float32 input (1, side, side, channels), float32 logits (1, classes).

    packed: Larq Compute Engine, 1-bit convolutions as LceBconv2d. float32: TensorFlow Lite's own operators.
    """
    with tempfile.TemporaryDirectory(prefix="edgehybrid-") as folder:
        _save(model, folder)
        if file_format == "packed":
            return _packed(folder, target)
        return bytes(tf.lite.TFLiteConverter.from_saved_model(folder).convert())


def converter_versions() -> dict[str, str]:
    """Versions of the packages that make flatbuffers."""
    return {name: version(name) for name in ("tensorflow", "larq", "larq-compute-engine")}


def _save(model: Any, folder: str) -> None:
    """Only the inference function. Keras' own save traces every layer several times over, which takes longer
    than the conversion.
    """
    module = tf.Module()
    module.model = model
    signature = tf.TensorSpec([1, *model.input_shape[1:]], tf.float32, name="image")
    module.infer = tf.function(lambda image: model(image, training=False), input_signature=[signature])
    tf.saved_model.save(module, folder, signatures=module.infer)


def _packed(folder: str, target: Target) -> bytes:
    try:
        import larq_compute_engine
    except ModuleNotFoundError as error:
        raise MissingExtraError("larq_compute_engine", "train") from error
    return bytes(larq_compute_engine.convert_saved_model(Path(folder), target=TARGETS[target].lce_target))
