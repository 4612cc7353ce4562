"""Turns a recipe into a ``Network``: topology (resnet20.py, vgg19.py), then precision (placement.py)."""

from edgehybrid.errors import RecipeError
from edgehybrid.networks import resnet20, vgg19
from edgehybrid.networks.network import FLOAT_BITS, Layer, Network, Node
from edgehybrid.networks.placement import place
from edgehybrid.recipe import NetworkRecipe, Placement, Recipe
from edgehybrid.recipe_training import Bop

__all__ = ["FLOAT_BITS", "Layer", "Network", "Node", "build_network", "check_trainable", "float_twin", "network_of"]

FULL_PRECISION = Placement(full_precision=("all",))


def network_of(recipe: Recipe) -> Network:
    """The network that a recipe describes.

    Raises:
        RecipeError: a network that cannot exist: a layer without filters, an unknown stage or layer.
    """
    return build_network(recipe.name, recipe.network, recipe.data.image_side, recipe.data.channels, recipe.data.classes)


def check_trainable(recipe: Recipe) -> None:
    """Refuses a recipe that cannot be trained: an impossible network, or a quantised layer that would learn nothing.

    The mean over one input channel is the weight itself, so centring leaves 0 of each weight; and the gradient scale of
    XNOR-Net, ``(1 - 1/I)·n``, is 0 for I = 1. 1-bit weights that Bop trains know neither.

    Raises:
        RecipeError: as ``network_of``, or such a layer.
    """
    network, training = network_of(recipe), recipe.training
    faults = {}
    if training.latent_weights.centre:
        faults["training.latent_weights.centre=false"] = "centring makes every weight 0"
    if training.latent_weights.gradient_scale == "xnor_net":
        faults["training.latent_weights.gradient_scale=none"] = "XNOR-Net's scale makes every gradient 0"
    for layer in network:
        flips = isinstance(training.optimizer, Bop) and layer.weight_bits == 1
        if faults and layer.quantised_filters and layer.in_channels == 1 and not flips:
            settings = " ".join(f"--set {setting}" for setting in faults)
            raise RecipeError(
                f"The quantised layer '{layer.name}' reads a single channel, so {' and '.join(faults.values())}.",
                received=f"layer '{layer.name}' with 1 input channel",
                allowed="2 input channels or more for a quantised layer with latent weights treated like this",
                next_step=f"Add {settings}, or keep '{layer.name}' in full precision.",
            )


def float_twin(recipe: Recipe) -> Recipe:
    """The recipe of the same topology with every layer in full precision and every quantiser a ReLU (or RPReLU)."""
    network = recipe.network.model_copy(update={"placement": FULL_PRECISION})
    return recipe.model_copy(
        update={
            "name": f"{recipe.name}_float",
            "description": f"Full-precision twin of {recipe.name}",
            "published": None,
            "network": network,
        }
    )


def build_network(name: str, part: NetworkRecipe, image_side: int, image_channels: int, classes: int) -> Network:
    """``network_of`` for the network part of a recipe and an input that may differ from the recipe's own."""
    if part.architecture == "resnet20":
        if part.residual:
            raise RecipeError(
                "network.residual adds shortcuts to a network without; ResNet-20 has its own.",
                received="residual: true", allowed="residual: false, or architecture: vgg19",
            )  # fmt: skip
        bare = resnet20.layers(part.width, image_side, image_channels, classes)
    else:
        span = _shortcut_span(part)
        bare = vgg19.layers(part.width, image_side, image_channels, classes, residual=span > 0)
    for layer in bare:
        if layer.out_channels < 1:
            raise RecipeError(
                f"The width leaves layer '{layer.name}' without a filter.",
                received=f"network.width: {part.width}",
                allowed="a width that gives every layer at least 1 filter",
            )  # fmt: skip
    layers = place(bare, part.placement)
    if part.standardise_weights:
        _refuse_filters_of_one_weight(layers)
    if part.architecture == "resnet20":
        # It has a shortcut round every convolution already.
        graph = resnet20.graph(layers, part.activation)
    else:
        graph = vgg19.graph(layers, span, part.activation)
    return Network(
        name, part.architecture, part.width, image_side, image_channels, classes, part.pad_value, layers, graph,
        learned_thresholds=part.thresholds == "learned", standardised_weights=part.standardise_weights,
    )  # fmt: skip


def _shortcut_span(part: NetworkRecipe) -> int:
    """How many convolutions of a VGG-19 each shortcut leads around; 0 without shortcuts."""
    if part.shortcut == "topology":
        return 2 if part.residual else 0
    if part.residual:
        raise RecipeError(
            "network.residual asks for a shortcut round every two convolutions, network.shortcut for one round each.",
            received="residual: true, shortcut: every_convolution", allowed="one of the two",
        )  # fmt: skip
    return 1


def _refuse_filters_of_one_weight(layers: tuple[Layer, ...]) -> None:
    for layer in layers:
        if layer.quantised_filters and layer.weights == layer.out_channels:
            raise RecipeError(
                f"Layer '{layer.name}' has filters of one weight: standardised, each is 0, and so is alpha.",
                received="network.standardise_weights: true",
                allowed="a greater network.width, or the layer in full precision",
            )
