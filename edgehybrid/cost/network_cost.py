"""The cost of a network: energy, memory and operations of each layer, and their sums."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from edgehybrid.census.logical_layers import LogicalLayer, layers_of_network
from edgehybrid.cost.energy import PARTS, PJ_PER_UJ, LayerEnergy, energy_of_layer, prices
from edgehybrid.cost.memory import memory_bits_of_layer
from edgehybrid.cost.rules import PAPER, Rules
from edgehybrid.cost.tables import EnergyTable, load_table
from edgehybrid.errors import EdgehybridError, UsageError
from edgehybrid.networks import Network
from edgehybrid.recipe import DATASETS

# Table 7 was computed with 100 outputs: XNOR's energy efficiency is 25.56 with them, 23.29 with 1000.
COUNTED_IMAGENET_CLASSES = 100
# Parts that come in both precisions; scales are in full precision always.
SPLIT_PARTS = ("input", "weight", "output", "mac")


class Energy(NamedTuple):
    """Energy for one image: of operations on 32-bit numbers, and on quantised ones."""

    full_precision: LayerEnergy
    quantised: LayerEnergy

    @property
    def both(self) -> LayerEnergy:
        """Of all operations."""
        return LayerEnergy(*(wide + narrow for wide, narrow in zip(*self, strict=True)))

    def as_dict(self) -> dict[str, float]:
        """The keys ``energy_…_uj`` of a row: the total, compute and memory, each part, each precision."""
        both = self.both
        found = {"energy_uj": both.total_pj, "energy_compute_uj": both.compute_pj, "energy_memory_uj": both.memory_pj}
        found |= {f"energy_{part}_uj": getattr(both, f"{part}_pj") for part in PARTS}
        for name, energy in zip(("full_precision", "quantised"), self, strict=True):
            found[f"energy_{name}_uj"] = energy.total_pj
            found |= {f"energy_{part}_{name}_uj": getattr(energy, f"{part}_pj") for part in SPLIT_PARTS}
        return {key: pj / PJ_PER_UJ for key, pj in found.items()}


NO_ENERGY = Energy(LayerEnergy(*[0.0] * len(PARTS)), LayerEnergy(*[0.0] * len(PARTS)))
# What is printed of a layer itself, under its own names.
_LAYER_FIELDS = (
    *("name", "kind", "weight_bits", "activation_bits", "float_filters", "reason"),
    *("weights", "macs", "binary_macs"),
)
# All that is printed of a layer.
LAYER_KEYS = (*_LAYER_FIELDS, "memory_bits", *NO_ENERGY.as_dict())


@dataclass(frozen=True)
class LayerCost:
    """One layer's energy for one image, and the bits of its weights."""

    layer: LogicalLayer
    split_energy: Energy
    memory_bits: int

    @property
    def energy(self) -> LayerEnergy:
        """Energy in both precisions."""
        return self.split_energy.both

    def as_dict(self) -> dict[str, object]:
        """The layer's row in ``layers`` of the ``cost`` command: keys LAYER_KEYS."""
        printed = {key: getattr(self.layer, key) for key in _LAYER_FIELDS}
        return printed | {"memory_bits": self.memory_bits, **self.split_energy.as_dict()}


@dataclass(frozen=True)
class NetworkCost:
    """The layers' costs and their sums for one image.

    Attributes:
        classes: outputs that were counted; for ImageNet 100 by the paper's rules.
        rules, table: names of what was counted by.
    """

    layers: tuple[LayerCost, ...]
    classes: int
    rules: str
    table: str

    @property
    def energy(self) -> Energy:
        """Sums over the layers."""
        columns = zip(NO_ENERGY, *(cost.split_energy for cost in self.layers), strict=True)
        return Energy(*(LayerEnergy(*map(sum, zip(*column, strict=True))) for column in columns))

    @property
    def energy_uj(self) -> float:
        """Energy of MACs and memory accesses, µJ."""
        return sum(cost.energy.total_pj for cost in self.layers) / PJ_PER_UJ

    @property
    def memory_bits(self) -> int:
        """Bits of weights and scales."""
        return sum(cost.memory_bits for cost in self.layers)

    def as_dict(self) -> dict[str, object]:
        """The totals of the ``cost`` command's object."""
        layers = [cost.layer for cost in self.layers]
        return {
            "rules": self.rules,
            "table": self.table,
            **self.energy.as_dict(),
            "memory_bits": self.memory_bits,
            "counted_classes": self.classes,
            "weights": sum(layer.weights for layer in layers if not layer.is_stored_elsewhere),
            "macs": sum(layer.macs for layer in layers),
            "binary_macs": sum(layer.binary_macs for layer in layers),
        }


def cost_of_network(network: Network, rules: Rules = PAPER, table: EnergyTable | None = None) -> NetworkCost:
    """Counts a network for one image. Layers stand in forward order. Without a table: the paper's.

    Split layers are counted as the network has them, whatever ``rules.split_filters`` says: the fraction that it rounds
    is the recipe's.

    Raises:
        UsageError: the table lacks a constant.
        EdgehybridError: a network without layers.
    """
    return cost_of_layers(layers_of_network(network), network.classes, rules, table)


def cost_of_layers(
    layers: Sequence[LogicalLayer], classes: int, rules: Rules = PAPER, table: EnergyTable | None = None
) -> NetworkCost:
    """Counts layers for one image. Without a table: the paper's.

    Raises:
        UsageError: the table lacks a constant.
        EdgehybridError: no layers.
    """
    if not layers:
        raise EdgehybridError(
            "The network is empty: it has no layer with weights, so there is nothing to count.",
            allowed="at least one convolution or dense layer",
        )
    table = table or load_table("paper")
    price = prices(table, rules)
    counted = []
    for layer in _with_counted_classes(layers, classes, rules):
        try:
            energy = Energy(*energy_of_layer(layer, rules, price))
        except UsageError as error:
            raise UsageError(
                f"Layer '{layer.name}': {error.what}", received=error.received, next_step=error.next_step
            ) from error
        counted.append(LayerCost(layer, energy, memory_bits_of_layer(layer, rules)))
    return NetworkCost(tuple(counted), counted[-1].layer.out_channels, rules.name, table.name)


def _with_counted_classes(layers: Sequence[LogicalLayer], classes: int, rules: Rules) -> Sequence[LogicalLayer]:
    if rules.imagenet_classes == "own" or classes != DATASETS["imagenet2012"].classes:
        return layers
    *hidden, last = layers
    counted = COUNTED_IMAGENET_CLASSES
    # A dense layer is never split: all of its filters are in full precision, or none.
    return [*hidden, replace(last, out_channels=counted, float_filters=counted if last.is_float else 0)]
