"""Significant layers → the recipe of a network of mixed precision."""

from edgehybrid.errors import EdgehybridError
from edgehybrid.networks import build_network
from edgehybrid.recipe import Recipe
from edgehybrid.significance.significance import Significance


def proposed_recipe(recipe: Recipe, found: Significance, bits: int) -> Recipe:
    """The recipe with ``bits`` for weights and activations of the significant layers; the others stay as they are.

    A plain network, which was trained to look at, gets its topology's shortcuts. A shortcut's convolution has as many
    bits as the convolution that it leads round. Source: Chakraborty et al. 2020, their code.

    Raises:
        EdgehybridError: no layer is significant.
    """
    if not found.significant:
        raise EdgehybridError(
            "No layer is significant, so there is no other network to propose.",
            received=f"--threshold {found.threshold:g} --rise {found.least_rise}",
            next_step="Try another --threshold, or a smaller --rise.",
        )
    shortcut = "topology" if recipe.network.shortcut == "none" else recipe.network.shortcut
    network = recipe.network.model_copy(update={"shortcut": shortcut})
    data = recipe.data
    built = build_network(recipe.name, network, data.image_side, data.channels, data.classes)
    chosen = dict.fromkeys(found.significant, bits)
    names = [layer.name for layer in built]
    for layer in built:
        # The shortcut of a block stands behind the convolution that it leads round.
        if layer.kind == "shortcut" and not layer.is_float and names[names.index(layer.name) - 1] in chosen:
            chosen[layer.name] = bits
    placement = network.placement.model_copy(update={"bits": {**network.placement.bits, **chosen}})
    return recipe.model_copy(
        update={
            "name": f"{recipe.name}_hybrid",
            "description": f"{bits} bits for the significant layers of {recipe.name}, by principal components of "
            f"{found.run}",
            "published": None,
            "network": network.model_copy(update={"placement": placement}),
        }
    )
