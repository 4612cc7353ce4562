"""Foreign models: files of Keras and SavedModels, read without running anything that they bring along."""

import hashlib
import io
import json
import math
import re
import zipfile
from pathlib import Path
from typing import Any, NamedTuple

from converters.foreign_code import WAY_OUT, mixed_precision, refuse_code, refuse_mixed_precision, refuse_operators
from converters.frozen import FrozenModel
from converters.graph_file import branches_or_loops
from edgehybrid.errors import ConversionError
from edgehybrid.runtime.quiet_start import held_back

KERAS = ".keras"
SAVED_MODEL = "saved_model.pb"
_OF_TRAINING = ("_constraint", "_initializer", "_regularizer")
_CAUSE = re.compile(r"((?:Unknown|Could not locate|Unrecognized) [^.]*)")
_NAME = re.compile(r"'name': '([^']*)'")
_SIGNATURE = "serving_default"
# How TensorFlow writes branches and loops.
_OF_LOOPS = frozenset(
    (
        "Case",
        "Enter",
        "If",
        "Merge",
        "NextIteration",
        "StatelessCase",
        "StatelessIf",
        "StatelessWhile",
        "Switch",
        "While",
    )
)
# What Keras, h5py and TensorFlow raise for files that they cannot read.
_LOADING_ERRORS = (ValueError, TypeError, OSError, KeyError, AttributeError, IndexError, ImportError, RuntimeError)


class Foreign(NamedTuple):
    """A model that was not trained here.

    Attributes:
        name: of its file or folder.
        sha256: of the file, or of all files of the folder with their names.
        model: of Keras 2, whose layers can be replayed one by one; or frozen.
        input_shape: (height, width, channels).
        outputs: numbers for an image.
    """

    name: str
    sha256: str
    model: Any
    input_shape: tuple[int, int, int]
    outputs: int


def open_foreign(path: Path) -> Foreign:
    """Loads a model.

    Raises:
        ConversionError: missing, damaged, of another format, with code of its own, not in float32, or without one
            input of fixed size and one output.
    """
    if not path.exists():
        raise ConversionError("There is no such model file.", received=path, allowed="a .h5, .keras or SavedModel")
    if path.is_dir():
        model, shape = _saved_model(path)
    else:
        config, version = _keras_file(path) if path.suffix == KERAS else _hdf5(path)
        _forget_training(config)
        refuse_code(config, path)
        refuse_mixed_precision(config, path)
        model, shape = _keras_model(path, config, version or "")
    return Foreign(path.resolve().name, _sha256(path), model, shape, _outputs(path, model))


def _hdf5(path: Path) -> tuple[Any, str | None]:
    """Configuration and version of Keras."""
    import h5py

    try:
        with h5py.File(path, "r") as file:
            text, version = file.attrs.get("model_config"), file.attrs.get("keras_version")
            elsewhere = _links(file)
    except _LOADING_ERRORS as error:
        raise _damaged(path, error) from error
    if elsewhere:
        raise ConversionError(
            "The model file leads to other files, which are never read.",
            received=f"{path}: {elsewhere[0]}",
            next_step="Save the model into one file.",
        )
    if text is None:
        raise ConversionError(
            "The file holds weights, but no model.",
            received=path,
            next_step="Save the whole model: model.save('model.h5').",
        )
    return _json(path, text), version.decode() if isinstance(version, bytes) else version


def _links(file: Any) -> list[str]:
    """What is not in the file itself."""
    import h5py

    found: list[str] = []

    def look(name: str, link: Any) -> None:
        if isinstance(link, h5py.ExternalLink):
            found.append(name)
            return
        part = file.get(name)
        if isinstance(part, h5py.Dataset) and (part.external or part.is_virtual):
            found.append(name)

    file.visititems_links(look)
    return found


def _keras_file(path: Path) -> tuple[Any, str | None]:
    """Configuration and version of Keras."""
    try:
        with zipfile.ZipFile(path) as archive:
            config = _json(path, archive.read("config.json"))
            version = _json(path, archive.read("metadata.json")).get("keras_version")
            archive.getinfo("model.weights.h5")
    except (*_LOADING_ERRORS, zipfile.BadZipFile, zipfile.LargeZipFile, NotImplementedError) as error:
        raise _damaged(path, error) from error
    return config, None if version is None else str(version)


def _forget_training(config: Any) -> None:
    """Takes out how weights were begun and held while they were trained, which may need classes that are not here.

    So may a class of the whole model, whose layers and connections the file lists all the same.
    """
    if isinstance(config, dict) and isinstance(config.get("config"), dict) and "input_layers" in config["config"]:
        config["class_name"] = "Functional"
    waiting = [config]
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            for name in [name for name in part if name.endswith(_OF_TRAINING)]:
                del part[name]
        waiting += part.values() if isinstance(part, dict) else part if isinstance(part, list) else ()


def _keras_model(path: Path, config: Any, version: str) -> tuple[Any, tuple[int, int, int]]:
    """By the Keras that wrote it: Keras 2 knows Larq's layers; a model of Keras 3 is frozen."""
    # Larq registers its layers and quantisers when it is imported.
    from edgehybrid.model.compat import keras as keras_2

    is_keras_3 = version.startswith("3.")
    try:
        if is_keras_3:
            import keras as keras_3

            model = _built(keras_3, config, path)
        else:
            model = _built(keras_2, config, path)
    except _LOADING_ERRORS as error:
        raise _not_loaded(path, error, f", written by Keras {version}" if version else "") from error
    shape = _shape_of(path, list(model.inputs or []), list(model.outputs or []))
    return (_frozen(path, lambda image: model(image, training=False), shape) if is_keras_3 else model), shape


def _built(keras: Any, config: Any, path: Path) -> Any:
    if path.suffix == KERAS:
        model = keras.models.model_from_json(json.dumps(config))
        model.load_weights(path)
        return model
    if hasattr(keras, "ops"):
        # Keras 3 reads its old format from a path alone.
        return keras.saving.load_model(path, compile=False, safe_mode=True)
    import h5py

    # A copy in memory, of whose configuration Keras takes what is needed.
    with h5py.File(io.BytesIO(path.read_bytes()), "r+") as file:
        file.attrs["model_config"] = json.dumps(config)
        return keras.models.load_model(file, compile=False)


def _saved_model(path: Path) -> tuple[Any, tuple[int, int, int]]:
    from google.protobuf.message import DecodeError
    from tensorflow.core.protobuf import saved_model_pb2

    from edgehybrid.model.compat import tf

    try:
        description = saved_model_pb2.SavedModel.FromString((path / SAVED_MODEL).read_bytes())
    except (OSError, DecodeError) as error:
        raise _damaged(path, error) from error
    refuse_operators([meta.graph_def for meta in description.meta_graphs], path)
    try:
        # It tells of gradients that were not saved.
        with held_back():
            loaded = tf.saved_model.load(str(path))
        signature = loaded.signatures[_SIGNATURE]
        _, inputs = signature.structured_input_signature
        outputs = signature.structured_outputs
    except (*_LOADING_ERRORS, tf.errors.OpError) as error:
        raise _not_loaded(path, error) from error
    shape = _shape_of(path, list(inputs.values()), list(outputs.values()))
    (read,), (given,) = inputs, outputs
    return _frozen(path, lambda image: signature(**{read: image})[given], shape), shape


def _frozen(path: Path, infer: Any, shape: tuple[int, int, int]) -> FrozenModel:
    from edgehybrid.model.compat import tf

    try:
        with held_back():
            model = FrozenModel(infer, shape, path.stem)
    except (*_LOADING_ERRORS, tf.errors.OpError) as error:
        raise _not_loaded(path, error) from error
    if found := model.operators() & _OF_LOOPS:
        raise branches_or_loops(f"{path}: {', '.join(sorted(found))}")
    for name, type_name in model.types().items():
        if type_name in ("bfloat16", "float16", "float64"):
            raise mixed_precision(f"{path}: '{name}' in {type_name}")
    return model


def _shape_of(path: Path, inputs: list[Any], outputs: list[Any]) -> tuple[int, int, int]:
    if len(inputs) != 1 or len(outputs) != 1:
        raise ConversionError(
            "The model has several inputs or outputs.",
            received=f"{path}: {len(inputs)} inputs, {len(outputs)} outputs",
            allowed="one map of images and one vector of logits",
        )
    for what, value in (("input", inputs[0]), ("output", outputs[0])):
        kind = getattr(value.dtype, "name", value.dtype)
        if kind != "float32":
            raise mixed_precision(f"{path}: {what} in {kind}")
    # Of unknown rank a shape cannot be listed.
    batch, *shape = (None,) if getattr(inputs[0].shape, "rank", 4) is None else tuple(inputs[0].shape)
    if len(shape) != 3 or batch not in (None, 1) or any(length is None for length in shape):
        raise ConversionError(
            "The model's input has no fixed size, or is no image.",
            received=f"{path}: ({', '.join('?' if length is None else str(length) for length in (batch, *shape))})",
            allowed="(?, height, width, channels), each but the first a number",
            next_step="Build the model with the size that the board will see: Input((224, 224, 3)).",
        )
    height, width, channels = (int(length) for length in shape)
    return height, width, channels


def _outputs(path: Path, model: Any) -> int:
    lengths = tuple(model.output_shape)[1:]
    if any(length is None for length in lengths):
        raise ConversionError("The model's output has no fixed size.", received=f"{path}: {lengths}")
    return math.prod(lengths)


def _json(path: Path, text: Any) -> Any:
    try:
        return json.loads(text)
    except (ValueError, TypeError, RecursionError) as error:
        raise _damaged(path, error) from error


def _damaged(path: Path, error: Exception) -> ConversionError:
    return ConversionError(
        f"The model file is damaged, or of another format: {_first_line(error)}",
        received=path,
        allowed="what model.save of Keras wrote: .h5, .keras or a SavedModel",
    )


def _not_loaded(path: Path, error: Exception, written: str = "") -> ConversionError:
    # Keras' message ends with the cause; it begins with the whole configuration.
    cause, layer = _CAUSE.findall(str(error)), _NAME.search(str(error))
    where = f": layer '{layer.group(1)}'" if cause and layer else ""
    return ConversionError(
        f"The model cannot be loaded: {cause[-1] if cause else _first_line(error)}",
        received=f"{path}{where}{written}",
        allowed="layers of Keras and Larq",
        next_step=WAY_OUT,
    )


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__


def _sha256(path: Path) -> str:
    """Of a file, or of all files of a folder with their names."""
    whole = hashlib.sha256()
    if path.is_file():
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    for file in sorted(each for each in path.rglob("*") if each.is_file()):
        whole.update(f"{file.relative_to(path)}\n{_sha256(file)}\n".encode())
    return whole.hexdigest()
