"""Refuses recipes whose network would learn nothing."""

from edgehybrid.errors import RecipeError
from edgehybrid.networks.build import network_of
from edgehybrid.networks.network import Network
from edgehybrid.recipe import Recipe
from edgehybrid.recipe.training import Bop


def check_trainable(recipe: Recipe) -> None:
    """Refuses a recipe that cannot be trained: an impossible network, or a quantised layer that would learn nothing.

    The mean over one input channel is the weight itself, so centring leaves 0 of each weight; and the gradient scale of
    XNOR-Net, ``(1 - 1/I)·n``, is 0 for I = 1. 1-bit weights that Bop trains know neither.

    Raises:
        RecipeError: as ``network_of``, or such a layer.
    """
    network, training = network_of(recipe), recipe.training
    if training.memory == "low":
        _check_low_memory(network)
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


def _check_low_memory(network: Network) -> None:
    """Refuses what ``training.memory: low`` has no backward pass for."""
    layers = list(network)
    faults = {
        "network.activation: rprelu": any(node.op == "rprelu" for node in network.graph),
        "network.thresholds: learned": network.learned_thresholds,
        "network.standardise_weights: true": network.standardised_weights,
        "network.placement.float_fraction above 0": any(layer.is_split for layer in layers),
        "quantised layers of more than 1 bit": any(
            layer.quantised_filters and (layer.weight_bits, layer.activation_bits) != (1, 1) for layer in layers
        ),
    }
    for received, is_there in faults.items():
        if is_there:
            raise RecipeError(
                "Training in low memory knows 1-bit and full-precision layers, BatchNorm, ReLU and pools only.",
                received=received,
                allowed="networks of those, or training.memory: standard",
            )
