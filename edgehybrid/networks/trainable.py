"""Refuses recipes whose network would learn nothing."""

from edgehybrid.errors import RecipeError
from edgehybrid.networks.build import network_of
from edgehybrid.networks.network import Network
from edgehybrid.recipe import Recipe
from edgehybrid.recipe.network import FLOAT_BITS
from edgehybrid.recipe.training import Bop

# Steps of a network that ``training.memory: low`` can walk back without the maps between them.
LAYERWISE = ("layer", "batch_norm", "relu", "max_pool", "global_average_pool", "flatten", "add")


def check_trainable(recipe: Recipe) -> None:
    """Refuses a recipe that cannot be trained: an impossible network, or a quantised layer that would learn nothing.

    The mean over one input channel is the weight itself, so centring leaves 0 of each weight; and the gradient scale of
    XNOR-Net, ``(1 - 1/I)·n``, is 0 for I = 1. 1-bit weights that Bop trains know neither.

    Raises:
        RecipeError: as ``network_of``, or such a layer.
    """
    network, training = network_of(recipe), recipe.training
    if training.memory == "low":
        _check_layerwise(network)
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


def not_layerwise(network: Network) -> list[str]:
    """What ``training.memory: low`` has no pass for (edgehybrid/training/layerwise.py), in words."""
    faults = []
    for layer in network:
        if layer.is_split or not (layer.is_float or (layer.weight_bits, layer.activation_bits) == (1, 1)):
            faults.append(
                f"layer '{layer.name}' with {layer.weight_bits}-bit weights, {layer.activation_bits}-bit maps"
            )
        elif layer.is_float and layer.activation_bits != FLOAT_BITS:
            faults.append(f"layer '{layer.name}' in full precision, of a quantised map")
    faults += [f"{node.op} '{node.name}'" for node in network.graph if node.op not in LAYERWISE]
    switches = {
        "network.thresholds learned": network.learned_thresholds,
        "network.standardise_weights true": network.standardised_weights,
        "network.weight_scale none": not network.scaled_weights,
    }
    return faults + [name for name, is_on in switches.items() if is_on]


def _check_layerwise(network: Network) -> None:
    if faults := not_layerwise(network):
        raise RecipeError(
            "training.memory: low knows 1-bit layers and whole layers in full precision, BatchNorm and ReLU.",
            received=f"{faults[0]}" + (f", and {len(faults) - 1} more" if len(faults) > 1 else ""),
            allowed="1-bit weights with 1-bit maps, or 32 bits of both; ReLU, pools, additions",
            next_step="Add --set training.memory=standard, or change the network.",
        )
