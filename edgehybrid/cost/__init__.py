"""Analytic energy, weight memory and operations of a network, by the rules and the energy table of the paper.

``cost_of`` for a recipe, with the ratios to the reference networks; ``cost_of_network`` for a network alone.
Rules are in energy.py and memory.py, constants in tables/. Every number is modelled, none is measured.
"""

from dataclasses import dataclass, replace
from functools import cache

from edgehybrid.cost.energy import LayerEnergy, energy_of_layer
from edgehybrid.cost.memory import memory_bits_of_layer
from edgehybrid.cost.tables import EnergyTable, load_table
from edgehybrid.networks import FULL_PRECISION, Layer, Network, build_network, network_of
from edgehybrid.recipe import DATASETS, NetworkRecipe, Placement, Recipe

__all__ = ["LayerCost", "NetworkCost", "RecipeCost", "cost_of", "cost_of_network"]

RULES = "paper"
TABLE = "paper"
PJ_PER_UJ = 1e6
# Table 7 was computed with 100 outputs: XNOR's energy efficiency is 25.56 with them, 23.29 with 1000.
COUNTED_IMAGENET_CLASSES = 100
XNOR = Placement(full_precision=("first", "last"), weight_bits=1, activation_bits=1)


@dataclass(frozen=True)
class LayerCost:
    """One layer's energy for one image, and the bits of its weights."""

    layer: Layer
    energy: LayerEnergy
    memory_bits: int

    def as_dict(self) -> dict[str, object]:
        """The layer's row in ``layers`` of the ``cost`` command."""
        layer = self.layer
        return {
            "name": layer.name,
            "kind": layer.kind,
            "weight_bits": layer.weight_bits,
            "activation_bits": layer.activation_bits,
            "float_filters": layer.float_filters,
            "reason": layer.reason,
            "weights": layer.weights,
            "macs": layer.macs,
            "binary_macs": layer.binary_macs,
            "energy_uj": self.energy.total_pj / PJ_PER_UJ,
            "memory_bits": self.memory_bits,
        }


@dataclass(frozen=True)
class NetworkCost:
    """The layers' costs and their sums for one image.

    Attributes:
        classes: outputs that were counted; for ImageNet 100, see ``cost_of_network``.
    """

    layers: tuple[LayerCost, ...]
    classes: int
    rules: str
    table: str

    @property
    def energy_compute_uj(self) -> float:
        """Energy of the MACs, µJ."""
        return sum(cost.energy.compute_pj for cost in self.layers) / PJ_PER_UJ

    @property
    def energy_memory_uj(self) -> float:
        """Energy of the memory accesses, µJ."""
        return sum(cost.energy.memory_pj for cost in self.layers) / PJ_PER_UJ

    @property
    def energy_uj(self) -> float:
        """Energy of MACs and memory accesses, µJ."""
        return sum(cost.energy.total_pj for cost in self.layers) / PJ_PER_UJ

    @property
    def memory_bits(self) -> int:
        """Bits of weights and scales."""
        return sum(cost.memory_bits for cost in self.layers)

    @property
    def weights(self) -> int:
        """Number of weights, of any width."""
        return sum(cost.layer.weights for cost in self.layers)

    @property
    def macs(self) -> int:
        """Multiply-accumulates of any width; those with alpha are not among them."""
        return sum(cost.layer.macs for cost in self.layers)

    @property
    def binary_macs(self) -> int:
        """Multiply-accumulates of 1-bit weights with 1-bit activations."""
        return sum(cost.layer.binary_macs for cost in self.layers)


@dataclass(frozen=True)
class RecipeCost:
    """The cost of a recipe's network beside its two references.

    The references are the full-precision and the XNOR network of the same architecture, input and classes, of
    width 1 and without added residual connections, whatever the recipe has. A ratio above 1 means that the
    recipe needs less than the reference. Source: the 1.5x to 3x rows of the paper's Table 4 and Hybrid-VGG A
    of Table 6 were computed so; section 3.1 of its text does not name the width, and has the ratios upside
    down.
    """

    recipe: str
    network: NetworkCost
    full_precision: NetworkCost
    xnor: NetworkCost

    def as_dict(self) -> dict[str, object]:
        """The object that the ``cost`` command prints."""
        own, fp, xnor = self.network, self.full_precision, self.xnor
        return {
            "recipe": self.recipe,
            "rules": own.rules,
            "table": own.table,
            "energy_uj": own.energy_uj,
            "energy_compute_uj": own.energy_compute_uj,
            "energy_memory_uj": own.energy_memory_uj,
            "memory_bits": own.memory_bits,
            "counted_classes": own.classes,
            "weights": own.weights,
            "macs": own.macs,
            "binary_macs": own.binary_macs,
            "energy_efficiency_fp": fp.energy_uj / own.energy_uj,
            "energy_efficiency_xnor": xnor.energy_uj / own.energy_uj,
            "memory_compression_fp": fp.memory_bits / own.memory_bits,
            "memory_compression_xnor": xnor.memory_bits / own.memory_bits,
            "layers": [cost.as_dict() for cost in own.layers],
        }


def cost_of(recipe: Recipe) -> RecipeCost:
    """Counts a recipe's network and its two references.

    Raises:
        RecipeError: the recipe describes an impossible network.
    """
    return RecipeCost(
        recipe.name,
        cost_of_network(network_of(recipe)),
        cost_of_network(_reference(recipe, FULL_PRECISION)),
        cost_of_network(_reference(recipe, XNOR)),
    )


def cost_of_network(network: Network) -> NetworkCost:
    """Counts a network for one image. Layers stand in forward order.

    A network for the 1000 classes of ImageNet is counted with 100 outputs. Source: Table 7 of the paper,
    energies and memory.
    """
    counted = _with_counted_classes(network)
    table = _paper_table()
    layers = tuple(
        LayerCost(layer, energy_of_layer(layer, counted, table), memory_bits_of_layer(layer)) for layer in counted
    )
    return NetworkCost(layers, counted.classes, RULES, table.name)


def _with_counted_classes(network: Network) -> Network:
    if network.classes != DATASETS["imagenet2012"].classes:
        return network
    classes = COUNTED_IMAGENET_CLASSES
    *hidden, last = network.layers
    # A dense layer is never split: all of its filters are in full precision, or none.
    last = replace(last, out_channels=classes, float_filters=classes if last.is_float else 0)
    return replace(network, classes=classes, layers=(*hidden, last))


def _reference(recipe: Recipe, placement: Placement) -> Network:
    part = NetworkRecipe(architecture=recipe.network.architecture, placement=placement)
    data = recipe.data
    return build_network(recipe.name, part, data.image_side, data.channels, data.classes)


@cache
def _paper_table() -> EnergyTable:
    return load_table(TABLE)
