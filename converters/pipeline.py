"""The ordered steps from a run folder to a verified flatbuffer with its JSON sidecar."""

import hashlib
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from converters.export import converter_versions, export
from converters.placement_check import check_placement
from converters.targets import default_format
from converters.verify import verify
from edgehybrid import __version__
from edgehybrid.census.formats import Format
from edgehybrid.census.operators import CensusRow
from edgehybrid.data.arrays import normalise
from edgehybrid.data.source import open_source
from edgehybrid.errors import ConversionError, DataError
from edgehybrid.flatbuffer import parse_flatbuffer
from edgehybrid.model.variables import trained_model
from edgehybrid.networks import Layer, network_of
from edgehybrid.networks.parts import quantised_part
from edgehybrid.recipe import Data
from edgehybrid.runs.checkpoint import warnings_of
from edgehybrid.runs.run_folder import RunFolder
from edgehybrid.runs.sidecar import Sidecar, Target, flatbuffer_name, write_with_sidecar


def convert(
    run: RunFolder, target: Target, file_format: Format | None = None, images: int = 500, overwrite: bool = False
) -> Sidecar:
    """Writes ``model.<format>.<target>.tflite`` and its ``.json`` into the run folder.

    Args:
        images: how many test images the flatbuffer is compared with Keras on.

    Returns:
        the sidecar.

    Raises:
        ConversionError: the file exists, a layer is not in the promised form, or the results differ; nothing is
            written then.
        RunError: a missing or damaged checkpoint.
    """
    network = network_of(run.recipe)
    file_format = file_format or default_format(network)
    path = run.path / flatbuffer_name(file_format, target)
    if path.exists() and not overwrite:
        raise ConversionError(
            "The flatbuffer exists already.", received=path, next_step="Add --overwrite to replace it."
        )
    model, checkpoint = trained_model(run)
    content = export(model, file_format, target)
    operators = check_placement(network, model, parse_flatbuffer(content, path.name), file_format)
    warnings = [*warnings_of(run, checkpoint), *_warnings(network.layers, operators)]
    seen, verified_on = _images(run.recipe.data, images, warnings)
    agreement = verify(model, content, seen)
    sidecar = Sidecar(
        model=path.name,
        model_sha256=hashlib.sha256(content).hexdigest(),
        target=target,
        format=file_format,
        size_bytes=len(content),
        packed_layers=sum(row.precision == "packed" for row in operators.values()),
        float_layers=sum(row.precision == "float32" for row in operators.values()),
        **agreement._asdict(),
        verified_on=verified_on,
        warnings=tuple(warnings),
        run=run.name,
        recipe_sha256=run.recipe_sha256,
        checkpoint_sha256=checkpoint.sha256,
        epochs=checkpoint.epoch,
        tool_versions={"edgehybrid": __version__, **converter_versions()},
        layers=operators,
        recipe=run.recipe,
    )
    write_with_sidecar(run.path, content, sidecar)
    return sidecar


def _warnings(layers: tuple[Layer, ...], operators: dict[str, CensusRow]) -> list[str]:
    """What makes the file larger than its weights' bits: input channels are packed 32 to a word."""
    wasted = [
        layer.name
        for layer in layers
        if any(operators[n].precision == "packed" for n in (layer.name, quantised_part(layer.name)) if n in operators)
        and layer.in_channels % 32
    ]
    if not wasted:
        return []
    return [
        f"{len(wasted)} packed layers have a number of input channels that is no multiple of 32; the rest of their "
        f"words is unused: {', '.join(wasted)}."
    ]


def _images(data: Data, count: int, warnings: list[str]) -> tuple[NDArray[np.float32], Literal["test", "substitute"]]:
    """``count`` normalised test images; noise where the data set is not at hand, with a warning."""
    try:
        batches = open_source(data, download=False).evaluation_batches("test", count, limit=count)
        return np.concatenate([images for images, _ in batches]), "test"
    except DataError as error:
        warnings.append(f"Compared on {count} images of noise, because the test images are not at hand: {error.what}")
        shape = (count, data.image_side, data.image_side, data.channels)
        return normalise(np.random.default_rng(0).integers(0, 256, shape, np.uint8), data), "substitute"
