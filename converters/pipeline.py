"""The ordered steps from a model, of a run folder or foreign, to a verified flatbuffer with its JSON sidecar."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from converters.edits.pack_layers import NotPacked
from converters.export import converter_versions, export
from converters.float_parts import with_int8_float_parts
from converters.graph_file import flatbuffer_of, graph_of
from converters.integer.from_keras import integer_network
from converters.integer.integer_file import integer_flatbuffer
from converters.integer.integer_network import IntegerNetwork
from converters.pack import Packed, pack
from converters.placement_check import check_placement
from converters.substitute import digits_instead
from converters.taps import Tap
from converters.targets import check_target, default_format
from converters.verify import Agreement, verify, verify_int8, verify_integers
from edgehybrid import __version__
from edgehybrid.census.formats import Format, Target
from edgehybrid.census.operators import CensusRow
from edgehybrid.data.arrays import Labels, normalise
from edgehybrid.data.source import EvaluationPart, open_source
from edgehybrid.errors import ConversionError, DataError
from edgehybrid.flatbuffer import Flatbuffer, parse_flatbuffer
from edgehybrid.model.build import build_model
from edgehybrid.model.compat import keras
from edgehybrid.model.variables import trained_model
from edgehybrid.networks import Layer, Network, float_twin, network_of, without_batch_norm
from edgehybrid.networks.parts import quantised_part
from edgehybrid.recipe import Data, Recipe
from edgehybrid.runs.checkpoint import Record, warnings_of
from edgehybrid.runs.run_folder import RunFolder
from edgehybrid.runs.sidecar import Sidecar, flatbuffer_name, write_with_sidecar

# In the flatbuffer, of the recipe that its network was trained by.
RECIPE_METADATA = "edgehybrid_recipe_sha256"
# TensorFlow's guide to post-training quantisation asks for 100 to 500. The ranges of ResNet-20's maps move little.
REPRESENTATIVE_IMAGES = 100
# Of accuracy, by which an int8 flatbuffer may be worse than Keras. Of 500 images whose classes change by rounding in
# 3 of 100 cases, as often for the better as for the worse, the standard deviation is 0.8.
MAX_DROP_POINTS = 2.0


def convert(
    run: RunFolder,
    target: Target,
    file_format: Format | None = None,
    images: int = 500,
    overwrite: bool = False,
    twin: bool = False,
    max_drop_points: float = MAX_DROP_POINTS,
) -> Sidecar:
    """Writes a flatbuffer and its ``.json`` into the run folder, named by ``flatbuffer_name``.

    Args:
        images: how many test images the flatbuffer is compared with Keras on.
        twin: convert the full-precision twin in place of the run's network. int8 of a network with quantised layers
            is always that of its twin, because a sign has no use for 256 steps.
        max_drop_points: of accuracy, by which int8 and packed_int8 of a trained network may be worse than Keras.

    Returns:
        the sidecar.

    Raises:
        ConversionError: the file exists, a packed twin, a layer is not in the promised form, or the results differ;
            nothing is written then.
        RunError: a missing or damaged checkpoint.
    """
    own = network_of(run.recipe)
    file_format = file_format or ("float32" if twin else default_format(own))
    twin = becomes_twin(own, file_format, twin)
    if twin and file_format.startswith("packed"):
        raise ConversionError(
            "A full-precision twin has nothing to pack.", received=file_format, allowed="float32 or int8"
        )
    path = run.path / flatbuffer_name(file_format, target, twin)
    refuse_existing(path, overwrite)
    subject = _twin(run) if twin else _trained(run, own)
    return convert_subject(subject, path, target, file_format, images, max_drop_points)


def becomes_twin(network: Network, file_format: Format | None, twin: bool = False) -> bool:
    """Whether what ``convert`` makes of a run is its full-precision twin; never of a network in full precision."""
    return not all(layer.is_float for layer in network) and (twin or file_format == "int8")


def refuse_existing(path: Path, overwrite: bool) -> None:
    """Raises ConversionError for a flatbuffer that is there already, unless it may be replaced."""
    if path.exists() and not overwrite:
        raise ConversionError(
            "The flatbuffer exists already.", received=path, next_step="Add --overwrite to replace it."
        )


# With their labels; without, in place of others.
Images = tuple[NDArray[np.float32], Labels | None]
# The operators of each layer, and warnings.
Checked = tuple[dict[str, CensusRow], list[str]]


@dataclass(frozen=True)
class Subject:
    """What is converted.

    Attributes:
        model: of Keras 2, or a ``FrozenModel``.
        export: its flatbuffer before it is packed, see ``converters.export``.
        integers: what it is on integers; of a network of levels, whose packed form has no float layers to pack.
        metadata: of the flatbuffer.
        check: of a flatbuffer in that format, with the layers that were not packed; raises ConversionError where it
            does not hold what was promised.
        images: so many normalised ones of a part; adds warnings of what they are, which begin as the text does, to a
            list.
        origin: the sidecar's fields that say where it comes from.
    """

    model: Any
    export: Callable[[Format, NDArray[np.float32] | None], bytes]
    metadata: Mapping[str, bytes]
    check: Callable[[Flatbuffer, Format, Sequence[NotPacked]], Checked]
    images: Callable[[EvaluationPart, int, str, list[str]], Images]
    origin: Mapping[str, Any]
    warnings: Sequence[str]
    integers: Callable[[], IntegerNetwork] | None = None

    @property
    def is_trained(self) -> bool:
        """Whether an accuracy means something."""
        return not self.origin.get("twin", False)


def convert_subject(
    subject: Subject,
    path: Path,
    target: Target,
    file_format: Format,
    images: int,
    max_drop_points: float = MAX_DROP_POINTS,
) -> Sidecar:
    """Exports, packs, checks, compares, and writes the flatbuffer and its sidecar; see ``convert``."""
    warnings = list(subject.warnings)
    exported = _exported(subject, file_format, warnings)
    flatbuffer = parse_flatbuffer(exported.content, path.name)
    check_target(flatbuffer, target)
    operators, of_layers = subject.check(flatbuffer, file_format, exported.left)
    warnings += of_layers
    seen, labels = subject.images("test", images, "Compared on", warnings)
    agreement = _compared(subject.model, exported, file_format, seen, labels if subject.is_trained else None)
    _check_drop(agreement, file_format, max_drop_points)
    if agreement.images < len(seen):
        warnings.append(f"Compared on {agreement.images} of {len(seen)} images, which are large.")
    sidecar = Sidecar(
        model=path.name,
        model_sha256=hashlib.sha256(exported.content).hexdigest(),
        target=target,
        format=file_format,
        size_bytes=len(exported.content),
        packed_layers=sum(row.precision == "packed" for row in operators.values()),
        float_layers=sum(row.precision == "float32" for row in operators.values()),
        **agreement._asdict(),
        verified_on="substitute" if labels is None else "test",
        warnings=tuple(warnings),
        tool_versions={"edgehybrid": __version__, **converter_versions()},
        layers=operators,
        **subject.origin,
    )
    try:
        write_with_sidecar(path.parent, exported.content, sidecar)
    except OSError as error:
        raise ConversionError(
            f"The flatbuffer cannot be written: {error.strerror or error}.",
            received=path,
            next_step="Make room, or write access, and convert again.",
        ) from error
    return sidecar


def _trained(run: RunFolder, network: Network) -> Subject:
    model, checkpoint = trained_model(run)
    return _of_run(run, run.recipe, network, model, checkpoint, warnings_of(run, checkpoint))


def _twin(run: RunFolder) -> Subject:
    """The twin as fast as it could be: without its BatchNorm, much of which no converter could fold."""
    recipe = float_twin(run.recipe)
    network = without_batch_norm(network_of(recipe))
    keras.utils.set_random_seed(recipe.training.seed)
    warning = "This is the full-precision twin, untrained: measure its speed and size; it has no accuracy."
    return _of_run(run, recipe, network, build_model(network), None, [warning])


def _of_run(
    run: RunFolder, recipe: Recipe, network: Network, model: Any, checkpoint: Record | None, warnings: Sequence[str]
) -> Subject:
    """``checkpoint`` is None without trained weights, of a twin."""

    def check(flatbuffer: Flatbuffer, file_format: Format, left: Sequence[NotPacked]) -> Checked:
        operators = check_placement(network, model, flatbuffer, file_format, left)
        return operators, _warnings(network.layers, operators)

    recipe_sha256 = recipe.sha256 if checkpoint is None else run.recipe_sha256
    return Subject(
        model=model,
        export=partial(export, model),
        metadata={RECIPE_METADATA: recipe_sha256.encode()},
        check=check,
        images=partial(images_of, run.recipe.data),
        origin={
            "run": run.name,
            "recipe": recipe,
            "recipe_sha256": recipe_sha256,
            "checkpoint_sha256": None if checkpoint is None else checkpoint.sha256,
            "epochs": 0 if checkpoint is None else checkpoint.epoch,
            "twin": checkpoint is None,
        },
        warnings=warnings,
        integers=partial(integer_network, network, model) if network.thermometer_channels else None,
    )


class _Exported(NamedTuple):
    """A flatbuffer and what is known of it.

    Attributes:
        before: with its full-precision layers still in float32, where they are in 8 bits.
        integers: what it computes, of a network of levels.
    """

    content: bytes
    left: Sequence[NotPacked] = ()
    taps: Sequence[Tap] | None = None
    before: Packed | None = None
    integers: IntegerNetwork | None = None


def _exported(subject: Subject, file_format: Format, warnings: list[str]) -> _Exported:
    metadata, representative = subject.metadata, None
    if file_format in ("int8", "packed_int8"):
        representative, _ = subject.images("training", REPRESENTATIVE_IMAGES, "Quantised by", warnings)
    if subject.integers is not None and file_format.startswith("packed"):
        integers = subject.integers()
        return _Exported(integer_flatbuffer(integers, metadata), integers=integers)
    if file_format == "packed":
        return _Exported(*pack(subject.export("packed", None), metadata))
    if file_format == "packed_int8" and representative is not None:
        before = pack(subject.export("packed", None), metadata)
        return _Exported(*with_int8_float_parts(before, representative, metadata), before)
    return _Exported(flatbuffer_of(graph_of(subject.export(file_format, representative)), metadata))


def _compared(
    model: Any, exported: _Exported, file_format: Format, images: NDArray[np.float32], labels: Labels | None
) -> Agreement:
    if exported.integers is not None:
        return verify_integers(model, exported.integers, exported.content, images, labels)
    if file_format in ("packed", "float32"):
        return verify(model, exported.content, images, exported.taps, labels)
    if exported.before is not None:
        # Everything but the rounding to 8 bits.
        verify(model, exported.before.content, images, exported.before.taps)
    return verify_int8(model, exported.content, images, exported.taps, labels)


def _check_drop(agreement: Agreement, file_format: Format, most_points: float) -> None:
    drop = agreement.top1_drop_points
    if file_format in ("int8", "packed_int8") and drop is not None and drop > most_points:
        raise ConversionError(
            "The int8 flatbuffer is less accurate than the Keras model.",
            received=f"{drop:.2f} points less on {agreement.images} test images",
            allowed=f"at most {most_points:g} points",
            next_step="Allow it by --max-drop; try more images by --images; or leave the layers in float32.",
        )


def _warnings(layers: tuple[Layer, ...], operators: dict[str, CensusRow]) -> list[str]:
    """What makes the file larger than its weights' bits: input channels are packed 32 to a word."""
    wasted = [
        layer.name
        for layer in layers
        if any(operators[n].precision == "packed" for n in (layer.name, quantised_part(layer.name)) if n in operators)
        and layer.in_channels % 32
    ]
    return warnings_of_words(wasted)


def warnings_of_words(layers: Sequence[str]) -> list[str]:
    """At most one warning, of packed layers whose words of 32 input channels are not full."""
    if not layers:
        return []
    return [
        f"{len(layers)} packed layers have a number of input channels that is no multiple of 32; the rest of their "
        f"words is unused: {', '.join(layers)}."
    ]


def images_of(data: Data, part: EvaluationPart, count: int, what: str, warnings: list[str]) -> Images:
    """``count`` normalised images of a part with their labels; scanned digits without labels where the data set is not
    at hand, with a warning.
    """
    try:
        batches = list(open_source(data, download=False).evaluation_batches(part, count, limit=count))
        return np.concatenate([images for images, _ in batches]), np.concatenate([labels for _, labels in batches])
    except DataError as error:
        warnings.append(f"{what} {count} scanned digits, because the {part} images are not at hand: {error.what}")
        return normalise(digits_instead(count, data.image_side, data.image_side, data.channels), data), None
