"""Which layer gets which precision. The paper's placements are data in recipes/; here is what they mean."""

import math
from collections.abc import Mapping
from dataclasses import replace

from edgehybrid.errors import RecipeError, did_you_mean
from edgehybrid.networks.network import FLOAT_BITS, Layer
from edgehybrid.recipe import Placement

# The names of the layers that each selector means.
Selectors = Mapping[str, set[str]]


def place(layers: tuple[Layer, ...], placement: Placement) -> tuple[Layer, ...]:
    """Gives each layer its precision and the reason for it.

    A quantised 3×3 convolution keeps ``floor(float_fraction · O)`` filters in full precision (the paper's
    intra-layer sectioning); shortcuts and dense layers are not split.

    Raises:
        RecipeError: a selector that names nothing in this network.
    """
    selectors = _selectors(layers)
    for name in placement.full_precision:
        if name not in selectors:
            raise RecipeError(
                "A selector of network.placement.full_precision names nothing in this network.",
                received=name, allowed=", ".join(selectors),
                next_step=did_you_mean(name, selectors),
            )  # fmt: skip
    return tuple(_place_one(layer, placement, selectors) for layer in layers)


def _selectors(layers: tuple[Layer, ...]) -> Selectors:
    first, last = layers[0].name, layers[-1].name
    selectors = {
        "all": {layer.name for layer in layers},
        "first": {first},
        "last": {last},
        "dense": {layer.name for layer in layers if layer.kind == "dense"},
    }
    if shortcuts := {layer.name for layer in layers if layer.kind == "shortcut"}:
        selectors["shortcuts"] = shortcuts
    for stage in sorted({layer.stage for layer in layers if layer.stage}):
        convolutions = {layer.name for layer in layers if layer.kind == "conv" and layer.stage == stage}
        selectors[f"stage{stage}"] = convolutions - {first}
    return selectors | {layer.name: {layer.name} for layer in layers}


def _place_one(layer: Layer, placement: Placement, selectors: Selectors) -> Layer:
    for name in placement.full_precision:
        if layer.name in selectors[name]:
            return replace(
                layer, weight_bits=FLOAT_BITS, activation_bits=FLOAT_BITS, float_filters=layer.out_channels,
                reason=name,
            )  # fmt: skip
    # The small number keeps 0.1 · 10 · k at k although 0.1 has no exact binary form.
    split = math.floor(placement.float_fraction * layer.out_channels + 1e-9) if layer.kind == "conv" else 0
    if split == layer.out_channels:
        return replace(
            layer, weight_bits=FLOAT_BITS, activation_bits=FLOAT_BITS, float_filters=split,
            reason="float_fraction",
        )  # fmt: skip
    return replace(
        layer, weight_bits=placement.weight_bits, activation_bits=placement.activation_bits,
        float_filters=split, float_filter_input=placement.float_filter_input,
        reason="float_fraction" if split else "quantised",
    )  # fmt: skip
