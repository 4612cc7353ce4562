"""Turns a recipe into a ``Network``: topology from the table of architectures, then precision from placement.py."""

from typing import Any

from edgehybrid.errors import RecipeError
from edgehybrid.networks.architectures import ARCHITECTURES
from edgehybrid.networks.ern import check_bits
from edgehybrid.networks.filters import with_filters
from edgehybrid.networks.network import Layer, Network
from edgehybrid.networks.placement import place
from edgehybrid.recipe import NetworkRecipe, Recipe
from edgehybrid.recipe.network import FLOAT_BITS, Ern

# Their blocks have an activation behind a sum, and shortcuts with a stride.
RESNETS = ("resnet20", "resnet32")


def network_of(recipe: Recipe) -> Network:
    """The network that a recipe describes.

    Raises:
        RecipeError: a network that cannot exist: a layer without filters, an unknown stage or layer.
    """
    if recipe.network.architecture == "ern":
        check_bits(recipe.network)
    return build_network(recipe.name, recipe.network, recipe.data.image_side, recipe.data.channels, recipe.data.classes)


def build_network(name: str, part: NetworkRecipe, image_side: int, image_channels: int, classes: int) -> Network:
    """``network_of`` for the network part of a recipe and an input that may differ from the recipe's own."""
    architecture = ARCHITECTURES[part.architecture]
    bare = architecture.layers(part, image_side, image_channels, classes)
    for layer in bare:
        if layer.out_channels < 1:
            raise RecipeError(
                f"The width leaves layer '{layer.name}' without a filter.",
                received=f"network.width: {part.width}",
                allowed="a width that gives every layer at least 1 filter",
            )
    if part.architecture != "moons" and (part.block_convolutions or part.block_filters):
        raise RecipeError(
            "Only the architecture moons has blocks of any size.",
            received=f"network.architecture: {part.architecture}, with block_convolutions or block_filters",
            allowed="architecture: moons, or neither of the two",
        )
    if (part.activation_place == "branch" or part.shortcut_pool) and part.architecture not in RESNETS:
        raise RecipeError(
            "network.activation_place and network.shortcut_pool are about the blocks of ResNets.",
            received=f"network.architecture: {part.architecture}, activation_place: {part.activation_place}, "
            f"shortcut_pool: {str(part.shortcut_pool).lower()}",
            allowed="activation_place: topology and shortcut_pool: false, or architecture: resnet20 or resnet32",
        )
    if part.shortcut_pool and part.shortcut == "none":
        raise RecipeError(
            "network.shortcut_pool is about shortcuts, and the network has none.",
            received="network.shortcut: none, network.shortcut_pool: true",
            allowed="one of the two",
        )
    layers = place(bare, part.placement)
    graph = architecture.graph(part, layers)
    if part.filters:
        # Placed anew: a share of other filters is another number.
        layers = place(with_filters(bare, graph, part.filters, image_channels), part.placement)
    if part.standardise_weights:
        _refuse_filters_of_one_weight(layers)
    several_bits = any(layer.activation_bits not in (1, FLOAT_BITS) for layer in layers)
    if part.quantiser == "fixed_point" and several_bits and part.pad_value:
        raise RecipeError(
            "A border of 1 is no fixed-point number: those of several bits are below 1.",
            received=f"network.pad_value: {part.pad_value}, network.quantiser: fixed_point",
            allowed="pad_value: 0, or quantiser: symmetric",
        )
    if not part.clip_activations and part.quantiser == "fixed_point":
        raise RecipeError(
            "Fixed-point activations end at the highest number that their bits hold.",
            received="network.quantiser: fixed_point, network.clip_activations: false",
            allowed="clip_activations: true, or quantiser: symmetric",
        )
    if not part.clip_activations and not several_bits:
        raise RecipeError(
            "network.clip_activations is about layers of several bits, and the network has none.",
            received="network.clip_activations: false",
            allowed="true, or 2 bits or more for a layer (network.placement.bits)",
        )
    return Network(
        name=name,
        architecture=part.architecture,
        width=part.width,
        image_side=image_side,
        image_channels=image_channels,
        classes=classes,
        pad_value=part.pad_value,
        layers=layers,
        graph=graph,
        learned_thresholds=part.thresholds == "learned",
        standardised_weights=part.standardise_weights,
        clipped_activations=part.clip_activations,
        quantiser=part.quantiser,
        scaled_weights=part.weight_scale == "alpha",
        **_of_levels(part),
    )


def _of_levels(part: NetworkRecipe) -> dict[str, Any]:
    """What a network of levels has besides."""
    if part.architecture != "ern":
        if part.ern != Ern():
            raise RecipeError(
                "network.ern is about the architecture ern.",
                received=f"architecture: {part.architecture}",
                allowed="no section ern, or architecture: ern",
            )
        return {}
    return {
        "thermometer_channels": part.ern.thermometer_channels,
        "shared_scale": part.ern.shared_scale,
        "ewgs": part.ern.ewgs,
    }


def _refuse_filters_of_one_weight(layers: tuple[Layer, ...]) -> None:
    for layer in layers:
        if layer.quantised_filters and layer.weights == layer.out_channels:
            raise RecipeError(
                f"Layer '{layer.name}' has filters of one weight: standardised, each is 0, and so is alpha.",
                received="network.standardise_weights: true",
                allowed="a greater network.width, or the layer in full precision",
            )
