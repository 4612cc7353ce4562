"""Which layer gets which precision. The paper's placements are data in recipes/; here is what they mean."""

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Literal, NamedTuple

from edgehybrid.errors import RecipeError, did_you_mean
from edgehybrid.networks.network import Layer
from edgehybrid.recipe import Placement
from edgehybrid.recipe.network import FLOAT_BITS

_ROUNDING_SLACK = 1e-9
# The selectors of layers that are quantised by half.
_HALF_QUANTISED = ("weights_only", "activations_only")
# The names of the layers that each selector means.
Selectors = Mapping[str, set[str]]


def place(layers: tuple[Layer, ...], placement: Placement) -> tuple[Layer, ...]:
    """Gives each layer its precision and the reason for it.

    A quantised 3×3 convolution keeps ``floor(float_fraction · O)`` filters in full precision (the paper's
    intra-layer sectioning); shortcuts, dense layers and layers whose weights alone are quantised are not split.

    Raises:
        RecipeError: a selector that names nothing in this network, or one that decides nothing.
    """
    selectors = _selectors(layers)
    for field in ("full_precision", "bits", *_HALF_QUANTISED):
        for name in getattr(placement, field):
            if name not in selectors:
                raise RecipeError(
                    f"A selector of network.placement.{field} names nothing in this network.",
                    received=name,
                    allowed=", ".join(selectors),
                    next_step=did_you_mean(name, selectors),
                )
    decisions = [_decision(layer, placement, selectors) for layer in layers]
    for name in placement.bits:
        if not any(decision.by_bits and decision.reason == name for decision in decisions):
            raise RecipeError(
                "A selector of network.placement.bits decides nothing: others decide all of its layers.",
                received=f"{name}: {placement.bits[name]}",
                allowed="a selector with a layer that full_precision does not name, and no later selector of bits",
                next_step=f"Remove it, or what names {', '.join(sorted(selectors[name]))}.",
            )
    decisions = [
        _half_quantised(layer, placement, selectors, each) for layer, each in zip(layers, decisions, strict=True)
    ]
    for field in _HALF_QUANTISED:
        for name in getattr(placement, field):
            if not any(decision.half == (field, name) for decision in decisions):
                raise RecipeError(
                    f"A selector of network.placement.{field} decides nothing: others decide its layers.",
                    received=name,
                    allowed="a selector with a layer that neither full_precision nor a selector before it names",
                    next_step="Remove it, or what names its layers.",
                )
    return tuple(_place_one(layer, placement, decision) for layer, decision in zip(layers, decisions, strict=True))


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


class _Decision(NamedTuple):
    weight_bits: int
    activation_bits: int
    reason: str
    by_bits: bool = False
    half: tuple[str, str] | None = None


def _decision(layer: Layer, placement: Placement, selectors: Selectors) -> _Decision:
    """By the first selector of ``full_precision`` that names the layer, else the last of ``bits``, else for all."""
    for name in placement.full_precision:
        if layer.name in selectors[name]:
            return _Decision(FLOAT_BITS, FLOAT_BITS, name)
    for name, bits in reversed(placement.bits.items()):
        if layer.name in selectors[name]:
            return _Decision(bits, bits, name, by_bits=True)
    return _Decision(placement.weight_bits, placement.activation_bits, "quantised")


def _half_quantised(layer: Layer, placement: Placement, selectors: Selectors, decision: _Decision) -> _Decision:
    """With the weights or the activations alone quantised, where a selector says so."""
    named = [
        (field, name)
        for field in _HALF_QUANTISED
        for name in getattr(placement, field)
        if layer.name in selectors[name]
    ]
    if decision.weight_bits == FLOAT_BITS or not named:
        return decision
    if len({field for field, _ in named}) > 1:
        raise RecipeError(
            f"Layer '{layer.name}' is to have weights alone and activations alone quantised.",
            received=", ".join(f"{field}: {name}" for field, name in named),
            allowed="one of the two; neither is quantised in a layer of full_precision",
        )
    field, name = named[0]
    if field == "weights_only":
        return decision._replace(activation_bits=FLOAT_BITS, reason=name, half=(field, name))
    return decision._replace(weight_bits=FLOAT_BITS, reason=name, half=(field, name))


def _place_one(layer: Layer, placement: Placement, decision: _Decision) -> Layer:
    if decision.half:
        return replace(
            layer,
            weight_bits=decision.weight_bits,
            activation_bits=decision.activation_bits,
            float_filters=layer.out_channels if decision.weight_bits == FLOAT_BITS else 0,
            reason=decision.reason,
        )
    split = split_filters(placement.float_fraction, layer.out_channels) if layer.kind == "conv" else 0
    if decision.weight_bits == FLOAT_BITS or split == layer.out_channels:
        return replace(
            layer,
            weight_bits=FLOAT_BITS,
            activation_bits=FLOAT_BITS,
            float_filters=layer.out_channels,
            reason=decision.reason if decision.weight_bits == FLOAT_BITS else "float_fraction",
        )
    return replace(
        layer,
        weight_bits=decision.weight_bits,
        activation_bits=decision.activation_bits,
        float_filters=split,
        float_filter_input=placement.float_filter_input,
        reason="float_fraction" if split else decision.reason,
    )


def split_filters(fraction: float, filters: int, rounding: Literal["floor", "round", "ceil"] = "floor") -> int:
    """How many of a layer's filters are in full precision; networks round down.

    The small number keeps 0.1 · 10 · k at k although 0.1 has no exact binary form.
    """
    exact = fraction * filters
    if rounding == "floor":
        return math.floor(exact + _ROUNDING_SLACK)
    rounded = round if rounding == "round" else math.ceil
    return min(filters, rounded(exact - _ROUNDING_SLACK))
