"""How many filters of each layer stay, and which: by sensitivity under one error bound, and of the control."""

from collections.abc import Mapping, Sequence

import numpy as np

from edgehybrid.errors import UsageError
from edgehybrid.networks import Network, build_network, network_of
from edgehybrid.pruning.allotment import Scored, allot, allot_uniformly, largest
from edgehybrid.pruning.pairs import Pair
from edgehybrid.pruning.shrink import Places
from edgehybrid.recipe import Recipe

_CONTROL_SEED = 0


def under_one_bound(recipe: Recipe, pairs: Sequence[Pair], scored: Mapping[str, Scored], keep: float) -> dict[str, int]:
    """How many filters each layer keeps under one error bound.

    Args:
        recipe: of the network before pruning.
        scored: of each pair's layer, by its name.
        keep: share of the network's full-precision weights that is left at most.

    Raises:
        UsageError: even one filter a layer is more than ``keep``.
    """
    weights = float_weights(network_of(recipe))
    fewest = _weights_with(recipe, {pair.layer.name: 1 for pair in pairs})
    if fewest > keep * weights:
        raise UsageError(
            "So few weights would leave a layer without filters.",
            received=f"--keep {keep:g}: {keep * weights:,.0f} of {weights:,} full-precision weights",
            allowed=f"more than {fewest / weights:.4f}: one filter in each of {len(pairs)} layers; the others are tied",
        )
    return allot(scored, lambda filters: _weights_with(recipe, filters), keep * weights)


def by_sensitivity(scored: Mapping[str, Scored], kept: Mapping[str, int]) -> dict[str, Places]:
    """Places of the filters whose readers get most from them, ascending."""
    return {name: largest(scored[name].sensitivities, count) for name, count in kept.items()}


def uniformly(recipe: Recipe, pairs: Sequence[Pair], keep: float) -> dict[str, int]:
    """How many filters the control keeps: the same share of each layer's, with as many weights as ``keep`` allows."""
    filters = {pair.layer.name: pair.layer.out_channels for pair in pairs}
    most = keep * float_weights(network_of(recipe))
    return allot_uniformly(filters, lambda counts: _weights_with(recipe, counts), most)


def by_chance(pairs: Sequence[Pair], kept: Mapping[str, int], seed: int = _CONTROL_SEED) -> dict[str, Places]:
    """Places of the filters of the control, drawn at random, ascending."""
    dice = np.random.default_rng(seed)
    return {
        pair.layer.name: np.sort(dice.choice(pair.layer.out_channels, kept[pair.layer.name], replace=False))
        for pair in pairs
    }


def float_weights(network: Network) -> int:
    """Weights of filters in full precision."""
    return sum(layer.weights // layer.out_channels * layer.float_filters for layer in network)


def pruned_recipe(recipe: Recipe, filters: Mapping[str, int]) -> Recipe:
    """The recipe of the network with so many filters, to be trained on from its own weights."""
    network = recipe.network.model_copy(update={"filters": {**recipe.network.filters, **filters}})
    training = recipe.training.model_copy(update={"start_from": None})
    return recipe.model_copy(
        update={
            "name": f"{recipe.name}_pruned",
            "description": f"{recipe.description}, with fewer filters",
            "published": None,
            "network": network,
            "training": training,
        }
    )


def _weights_with(recipe: Recipe, filters: Mapping[str, int]) -> int:
    part, data = pruned_recipe(recipe, filters).network, recipe.data
    return float_weights(build_network(recipe.name, part, data.image_side, data.channels, data.classes))
