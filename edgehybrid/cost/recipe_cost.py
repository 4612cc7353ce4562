"""The cost of a recipe's network beside those of its two reference networks."""

from dataclasses import dataclass, replace
from functools import cache

from edgehybrid.census.activation_memory import peak_activation_bits
from edgehybrid.cost.elementwise import Elementwise, elementwise_of
from edgehybrid.cost.network_cost import NetworkCost, cost_of_network
from edgehybrid.cost.rules import PAPER, Rules
from edgehybrid.cost.tables import EnergyTable, load_table
from edgehybrid.networks import FULL_PRECISION, Network, build_network, network_of
from edgehybrid.networks.placement import split_filters
from edgehybrid.recipe import NetworkRecipe, Placement, Recipe
from edgehybrid.recipe.network import Ern

RATIOS = ("energy_efficiency_fp", "energy_efficiency_xnor", "memory_compression_fp", "memory_compression_xnor")
XNOR = Placement(full_precision=("first", "last"), weight_bits=1, activation_bits=1)


@dataclass(frozen=True)
class RecipeCost:
    """The cost of a recipe's network beside its two references.

    The references are the full-precision and the XNOR network of the same architecture, input and classes, of
    width 1 and without added residual connections, whatever the recipe has; those of an ERN have its depth and
    stages. A ratio above 1 means that the recipe needs less than the reference. Source: the 1.5x to 3x rows of the
    paper's Table 4 and Hybrid-VGG A of Table 6 were computed so; section 3.1 of its text does not name the width, and
    has the ratios upside down.

    Attributes:
        peak_activation_bits: see edgehybrid/census/activation_memory.py; (every number in 32 bits, packed).
        elementwise: what lies between the layers, which no rule counts; ``elementwise_uj``: its energy.
    """

    recipe: str
    network: NetworkCost
    full_precision: NetworkCost
    xnor: NetworkCost
    peak_activation_bits: tuple[int, int]
    elementwise: Elementwise
    elementwise_uj: float

    def as_dict(self) -> dict[str, object]:
        """The object that the ``cost`` command prints."""
        own = self.network
        return {
            "recipe": self.recipe,
            **own.as_dict(),
            "peak_activation_float_bits": self.peak_activation_bits[0],
            "peak_activation_packed_bits": self.peak_activation_bits[1],
            "elementwise_macs": self.elementwise.macs,
            "elementwise_numbers": self.elementwise.numbers,
            "elementwise_energy_uj": self.elementwise_uj,
            **ratios(own, self.full_precision, self.xnor),
            "layers": [cost.as_dict() for cost in own.layers],
        }


def ratios(own: NetworkCost, full_precision: NetworkCost, xnor: NetworkCost) -> dict[str, float]:
    """Energy efficiency and memory compression against both references: keys RATIOS of the command contract."""
    references = (full_precision, xnor)
    energy = [reference.energy_uj / own.energy_uj for reference in references]
    memory = [reference.memory_bits / own.memory_bits for reference in references]
    return dict(zip(RATIOS, (*energy, *memory), strict=True))


def cost_of(recipe: Recipe, rules: Rules = PAPER, table: EnergyTable | None = None) -> RecipeCost:
    """Counts a recipe's network and its two references. Without a table: the paper's.

    Raises:
        RecipeError: the recipe describes an impossible network.
        UsageError: the table lacks a constant.
    """
    own, network, table = network_cost_of(recipe, rules, table), network_of(recipe), table or load_table("paper")
    between = elementwise_of(network)
    return RecipeCost(
        recipe.name,
        own,
        *references_of(recipe, rules, table),
        peak_activation_bits(network),
        between,
        between.energy_uj(table),
    )


def network_cost_of(recipe: Recipe, rules: Rules = PAPER, table: EnergyTable | None = None) -> NetworkCost:
    """``cost_of`` without the references. Raises the same."""
    split = _with_split(network_of(recipe), recipe.network.placement.float_fraction, rules)
    return cost_of_network(split, rules, table)


def references_of(recipe: Recipe, rules: Rules, table: EnergyTable | None) -> tuple[NetworkCost, NetworkCost]:
    """The costs of the full-precision and of the XNOR network that a recipe is compared with, see ``RecipeCost``."""
    data = recipe.data
    own = recipe.network
    topology = (own.architecture, own.ern, own.block_convolutions, own.block_filters)
    key = (*topology, data.image_side, data.channels, data.classes)
    fp, xnor = (cost_of_network(_reference_network(name, *key), rules, table) for name in ("fp", "xnor"))
    return fp, xnor


def _with_split(network: Network, fraction: float, rules: Rules) -> Network:
    """The network with ``fraction`` of each split layer's filters rounded as the rules say; networks round down."""
    if rules.split_filters == "floor":
        return network
    layers = [
        replace(layer, float_filters=split_filters(fraction, layer.out_channels, rules.split_filters))
        if layer.kind == "conv" and not layer.is_float
        else layer
        for layer in network.layers
    ]
    return replace(network, layers=tuple(layers))


@cache
def _reference_network(
    name: str,
    architecture: str,
    ern: Ern,
    block_convolutions: tuple[int, ...],
    block_filters: tuple[int, ...],
    image_side: int,
    channels: int,
    classes: int,
) -> Network:
    part = NetworkRecipe.model_validate(
        {
            "architecture": architecture,
            "ern": ern,
            "block_convolutions": block_convolutions,
            "block_filters": block_filters,
            "placement": FULL_PRECISION if name == "fp" else XNOR,
        }
    )
    return build_network(f"{architecture}_{name}", part, image_side, channels, classes)
