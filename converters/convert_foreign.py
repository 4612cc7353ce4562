"""A foreign model → a verified flatbuffer beside it, by the steps of ``pipeline.py``."""

from collections.abc import Sequence
from functools import cache, partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from converters.edits.pack_layers import NotPacked
from converters.explain.explanation import explain
from converters.export import export
from converters.foreign import Foreign, open_foreign
from converters.pack import has_binary_layers
from converters.pipeline import (
    MAX_DROP_POINTS,
    Checked,
    Images,
    Subject,
    convert_subject,
    images_of,
    refuse_existing,
    warnings_of_words,
)
from converters.substitute import digits_instead
from edgehybrid.census.flatbuffer_layers import count_flatbuffer
from edgehybrid.census.formats import Format, Target
from edgehybrid.data.source import EvaluationPart
from edgehybrid.errors import ConversionError
from edgehybrid.flatbuffer import Flatbuffer
from edgehybrid.recipe import Recipe
from edgehybrid.runs.sidecar import Sidecar

# In the flatbuffer, of the model file that it was made from.
SOURCE_METADATA = "edgehybrid_source_sha256"


def convert_foreign(
    path: Path,
    target: Target,
    file_format: Format | None = None,
    images: int = 500,
    overwrite: bool = False,
    data: Recipe | None = None,
    allow_unpacked: bool = False,
    max_drop_points: float = MAX_DROP_POINTS,
) -> Sidecar:
    """Writes ``<stem>.<format>.<target>.tflite`` and its ``.json`` beside a model file or a SavedModel's folder.

    Args:
        file_format: by default packed if a layer can be packed, else float32.
        images: how many images the flatbuffer is compared with the model on.
        data: whose test images; by default scanned digits with pixels from -1 to 1, as no file tells what a network
            takes.
        allow_unpacked: write the file though layers with binary inputs and weights stay in float32.

    Raises:
        ConversionError: what cannot be loaded, see ``open_foreign``, or cannot be converted: operators that TensorFlow
            Lite has not, branches and loops, int8 of a network with binary layers, a binary layer that is not packed;
            or the results differ. Nothing is written then.
    """
    place = path.resolve()
    if file_format is not None:
        refuse_existing(_flatbuffer(place, file_format, target), overwrite)
    model = open_foreign(path)
    subject = _subject(model, data, allow_unpacked)
    if file_format in (None, "int8"):
        is_binary = has_binary_layers(subject.export("packed", None))
        if is_binary and file_format == "int8":
            raise ConversionError(
                "The model has binary layers, for which int8 is no form: a sign has no use for 256 steps, and flips "
                "when the map before it is rounded to them.",
                received=f"{path}, --format int8",
                allowed="packed, or float32; --float-parts int8 for the other layers",
                next_step="For a rival in speed, convert the model with ReLUs in place of its quantisers.",
            )
        file_format = file_format or ("packed" if is_binary else "float32")
    flatbuffer = _flatbuffer(place, file_format, target)
    refuse_existing(flatbuffer, overwrite)
    return convert_subject(subject, flatbuffer, target, file_format, images, max_drop_points)


def _flatbuffer(place: Path, file_format: Format, target: Target) -> Path:
    stem = place.name if place.is_dir() else place.stem
    return place.with_name(f"{stem}.{file_format}.{target}.tflite")


def _subject(foreign: Foreign, data: Recipe | None, allow_unpacked: bool) -> Subject:
    # The same for packed and float32, and asked for twice.
    unquantised = cache(partial(export, foreign.model, "float32"))

    def exported(file_format: Format, representative: NDArray[np.float32] | None) -> bytes:
        return export(foreign.model, "int8", representative) if file_format == "int8" else unquantised()

    return Subject(
        model=foreign.model,
        export=exported,
        metadata={SOURCE_METADATA: foreign.sha256.encode()},
        check=partial(_check, foreign.name, allow_unpacked),
        images=partial(_digits, foreign.input_shape) if data is None else partial(_images, foreign, data),
        origin={
            "source": foreign.name,
            "source_sha256": foreign.sha256,
            **dict.fromkeys(("run", "recipe", "recipe_sha256", "checkpoint_sha256", "epochs")),
        },
        warnings=(),
    )


def _check(
    name: str, allow_unpacked: bool, flatbuffer: Flatbuffer, file_format: Format, left: Sequence[NotPacked]
) -> Checked:
    """Nothing says which layers were to be packed but the model itself: all whose inputs and weights are quantised."""
    warnings: list[str] = []
    rows = [row for layer in count_flatbuffer(flatbuffer).layers for row in layer.operators]
    # Two operators may share a name, as those of a layer that is used twice.
    names: list[str] = []
    for row in rows:
        names.append(row.name if row.name not in names else f"{row.name} ({len(names)})")
    if file_format.startswith("packed"):
        why = explain(flatbuffer, name).why_not_packed
        binary = [each for each in why if not each.is_half_quantised]
        if binary and not allow_unpacked:
            raise ConversionError(
                "Layers with binary inputs and weights cannot be packed.",
                received="; ".join(f"'{each.layer}': {each.reason}" for each in binary),
                allowed="a layer without an obstacle, or in full precision",
                next_step=f"{'; '.join(dict.fromkeys(each.fix for each in binary))}. Or leave them in float32 by "
                "--allow-unpacked.",
            )
        warnings += [f"Layer '{each.layer}' is not packed: {each.reason}. To change that: {each.fix}." for each in why]
        warnings += warnings_of_words([row.name for row in rows if row.precision == "packed" and row.in_channels % 32])
    return dict(zip(names, rows, strict=True)), warnings


def _digits(shape: tuple[int, int, int], part: EvaluationPart, count: int, what: str, warnings: list[str]) -> Images:
    warnings.append(
        f"{what} {count} scanned digits with pixels from -1 to 1, because no recipe names images: add --data RECIPE."
    )
    return digits_instead(count, *shape) / np.float32(127.5) - 1, None


def _images(
    foreign: Foreign, recipe: Recipe, part: EvaluationPart, count: int, what: str, warnings: list[str]
) -> Images:
    data = recipe.data
    shape = (data.image_side, data.image_side, data.channels)
    if shape != foreign.input_shape:
        raise ConversionError(
            "The recipe's images are of another size than the model takes.",
            received=f"{recipe.name}: {shape}",
            allowed=f"{foreign.name}: {foreign.input_shape}",
            next_step="Leave --data out, or name a recipe with data.image_side as the model has it.",
        )
    seen, labels = images_of(data, part, count, what, warnings)
    if labels is not None and foreign.outputs != data.classes:
        raise ConversionError(
            "The recipe's images have another number of classes than the model.",
            received=f"{recipe.name}: {data.classes}",
            allowed=f"{foreign.name}: {foreign.outputs}",
            next_step="Leave --data out.",
        )
    return seen, labels
