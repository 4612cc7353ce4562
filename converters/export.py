"""Keras model → flatbuffer bytes. The only file that calls a converter."""

import re
import tempfile
from collections.abc import Iterator
from importlib.metadata import version
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgehybrid.census.formats import Format
from edgehybrid.errors import ConversionError
from edgehybrid.model.compat import tf
from edgehybrid.runtime.quiet_start import held_back

# As TensorFlow Lite's converter names what it has no operator for.
_WITHOUT_OPERATOR = re.compile(r"'tf\.(\w+)' op is neither a custom op nor a flex op")


def export(model: Any, file_format: Format, representative: NDArray[np.float32] | None = None) -> bytes:
    """The flatbuffer of a Keras model: float32 input (1, side, side, channels), float32 logits (1, classes).

    packed and float32: TensorFlow Lite's own operators; ``pack.py`` packs what is binary. int8: those again, with
    filters (a scale each) and maps (a scale and a zero point each) in 8 bits; one QUANTIZE behind the input and one
    DEQUANTIZE before the logits, so that it reads and gives what the others do.

    Args:
        representative: normalised images (n, side, side, channels) for int8, whose maps give the ranges.

    Raises:
        ConversionError: int8 without images; or there are no operators for the model, in int8 where it was asked for.
    """
    with tempfile.TemporaryDirectory(prefix="edgehybrid-") as folder:
        save(model, folder)
        converter = tf.lite.TFLiteConverter.from_saved_model(folder)
        if file_format == "int8":
            if representative is None:
                raise ConversionError("An int8 flatbuffer needs representative images.", received="none")
            _quantise(converter, representative)
            # It prints each type that it infers.
            with held_back():
                return _converted(converter)
        return _converted(converter)


def _converted(converter: Any) -> bytes:
    from tensorflow.lite.python.convert_phase import ConverterError

    try:
        return bytes(converter.convert())
    except ConverterError as error:
        lines = [line for line in str(error).splitlines() if "error:" in line] or str(error).strip().splitlines()
        missing = sorted(set(_WITHOUT_OPERATOR.findall(str(error))))
        raise ConversionError(
            "TensorFlow Lite has no operators for a part of the model."
            if missing
            else "TensorFlow Lite cannot convert the model.",
            received=", ".join(f"tf.{name}" for name in missing) or lines[0][:300],
            allowed="layers that become builtin operators: convolutions, dense layers, pools, BatchNorm, activations …",
            next_step="Replace the layers that use these operators.",
        ) from error


def converter_versions() -> dict[str, str]:
    """Versions of the packages that make flatbuffers."""
    return {name: version(name) for name in ("tensorflow", "larq")}


def save(model: Any, folder: str) -> None:
    """Writes a SavedModel of the inference function alone.

    A model that is saved, as Keras' own or as a part of a module, is traced layer by layer several times over, which
    takes longer than the conversion. Its variables are all that the function needs.
    """
    module = tf.Module()
    module.variables_of_model = list(model.variables)
    signature = tf.TensorSpec([1, *model.input_shape[1:]], tf.float32, name="image")
    module.infer = tf.function(lambda image: model(image, training=False), input_signature=[signature])
    tf.saved_model.save(module, folder, signatures=module.infer)


def _quantise(converter: Any, representative: NDArray[np.float32]) -> None:
    """Full-integer quantisation: an operator without an integer kernel is refused, not left in float32."""

    def samples() -> Iterator[list[NDArray[np.float32]]]:
        for index in range(len(representative)):
            yield [representative[index : index + 1]]

    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = samples
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
