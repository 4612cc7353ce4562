"""A trained run → P of each of its inner convolutions, and which of them are significant."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from edgehybrid.data.source import open_source
from edgehybrid.errors import EdgehybridError, UsageError
from edgehybrid.networks import Network, network_of
from edgehybrid.runs.run_folder import RunFolder
from edgehybrid.significance.components import (
    Curve,
    Moments,
    components_below,
    explained_variance,
    significant,
)


@dataclass(frozen=True)
class LayerComponents:
    """A convolution's components.

    Attributes:
        channels: C, of the map that it writes.
        components: P, below the threshold.
        rise: P less that of the convolution before; None for the first.
        is_wider: whether it has more channels than the convolution before, so that a larger P may say no more.
        curve: explained variance of 1 … C components.
    """

    name: str
    stage: int
    channels: int
    components: int
    rise: int | None
    is_wider: bool
    is_significant: bool
    curve: Curve

    @property
    def share_percent(self) -> float:
        """P / C, percent."""
        return 100 * self.components / self.channels

    def as_dict(self) -> dict[str, object]:
        """The object that ``significance`` prints of a layer."""
        return {
            "layer": self.name,
            "stage": self.stage,
            "channels": self.channels,
            "components": self.components,
            "share_percent": round(self.share_percent, 2),
            "rise": self.rise,
            "is_wider": self.is_wider,
            "is_significant": self.is_significant,
            "explained_variance": [round(float(share), 6) for share in self.curve],
        }


@dataclass(frozen=True)
class Significance:
    """Of one run. ``notes``: what to know before one believes it."""

    run: str
    recipe: str
    images: int
    threshold: float
    least_rise: int
    layers: tuple[LayerComponents, ...]
    notes: tuple[str, ...]

    @property
    def significant(self) -> tuple[str, ...]:
        """Names of the significant layers, in forward order."""
        return tuple(layer.name for layer in self.layers if layer.is_significant)

    def as_dict(self) -> dict[str, object]:
        """The object that ``significance`` prints."""
        return {
            "run": self.run,
            "recipe": self.recipe,
            "images": self.images,
            "threshold": self.threshold,
            "least_rise": self.least_rise,
            "significant": list(self.significant),
            "layers": [layer.as_dict() for layer in self.layers],
            "notes": list(self.notes),
        }


def significance_of(run: RunFolder, images: int, threshold: float, least_rise: int) -> Significance:
    """Looks at the maps that the run's convolutions write for test images, before BatchNorm and activation.

    Args:
        images: at most so many test images, spread evenly over all.
        threshold: R, a share of the variance.

    Raises:
        RunError: no checkpoint, or a damaged one.
        DataError: there are no test images.
        UsageError: a network without inner convolutions, or too few images for its channels.
        EdgehybridError: a map with a number that is not finite.
    """
    from edgehybrid.model.variables import trained_model
    from edgehybrid.runs.checkpoint import warnings_of

    network = network_of(run.recipe)
    layers = [layer for layer in network if layer.kind == "conv"][1:]
    if not layers:
        raise UsageError("The network has no convolution between the first and the last.", received=network.name)
    model, checkpoint = trained_model(run)
    seen, moments = _moments(model, [layer.name for layer in layers], run, images)
    curves = []
    for layer, found in zip(layers, moments, strict=True):
        if found.points <= layer.out_channels:
            raise UsageError(
                f"Too few images: '{layer.name}' has {layer.out_channels} channels, and more components are not seen.",
                received=f"{found.points} points of a map of {layer.out_side}² pixels in {seen} images",
                next_step="Look at more --images.",
            )
        curves.append(explained_variance(found.covariance()))
    counts = [components_below(curve, threshold) for curve in curves]
    return Significance(
        run.name,
        run.recipe.name,
        seen,
        threshold,
        least_rise,
        tuple(
            LayerComponents(
                layer.name,
                layer.stage,
                layer.out_channels,
                counts[place],
                counts[place] - counts[place - 1] if place else None,
                bool(place) and layer.out_channels > layers[place - 1].out_channels,
                is_significant,
                curves[place],
            )
            for place, (layer, is_significant) in enumerate(zip(layers, significant(counts, least_rise), strict=True))
        ),
        (*warnings_of(run, checkpoint), *_notes(network)),
    )


def _moments(model: Any, names: list[str], run: RunFolder, limit: int) -> tuple[int, list[Moments]]:
    from edgehybrid.model.compat import keras

    outputs = [model.get_layer(name).output for name in names]
    probe = keras.Model(model.input, outputs)
    moments = [Moments(int(output.shape[-1])) for output in outputs]
    seen = 0
    for images, _ in open_source(run.recipe.data).evaluation_batches("test", limit=limit):
        maps = probe.predict_on_batch(images)
        seen += len(images)
        for name, found, values in zip(names, moments, maps if len(names) > 1 else [maps], strict=True):
            if not np.isfinite(values).all():
                raise EdgehybridError(
                    f"The map of '{name}' holds numbers that are not finite.",
                    received=run.path,
                    next_step="'edgehybrid evaluate RUN --keras' tells whether the trained weights are sound.",
                )
            found.add(values)
    return seen, moments


def _notes(network: Network) -> list[str]:
    if not any(node.op == "add" for node in network.graph):
        return []
    return [
        "The network has shortcuts, which carry information round a layer; the rule was published for plain ones "
        "(network.shortcut: none)."
    ]
