"""The cost of a flatbuffer: what the file holds, by rules and a table; with its recipe beside its references."""

from dataclasses import dataclass, fields

from edgehybrid.census.agreement import check_agreement, expected_layers, stored_layers
from edgehybrid.census.flatbuffer_layers import FlatbufferCount, count_flatbuffer
from edgehybrid.cost.network_cost import NetworkCost, cost_of_layers
from edgehybrid.cost.recipe_cost import RATIOS, ratios, references_of
from edgehybrid.cost.rules import FULL, Rules
from edgehybrid.cost.tables import EnergyTable, load_table
from edgehybrid.errors import FlatbufferError, UsageError
from edgehybrid.flatbuffer import Flatbuffer
from edgehybrid.networks import network_of
from edgehybrid.runs.sidecar import Sidecar

SHORTCUT_RULES = [f.name for f in fields(Rules) if "shortcut" in f.name or f.name == "residual_source"]


@dataclass(frozen=True)
class FlatbufferCost:
    """The cost of a flatbuffer. Without its recipe there are no references, and no ratios."""

    sha256: str
    network: NetworkCost
    count: FlatbufferCount
    recipe: str | None
    references: tuple[NetworkCost, NetworkCost] | None

    def as_dict(self) -> dict[str, object]:
        """The object that the ``cost`` command prints, but for the key ``model``."""
        own, (float_bits, packed_bits) = self.network, self.count.peak_activation_bits
        return {
            "model_sha256": self.sha256,
            "recipe": self.recipe,
            **own.as_dict(),
            "peak_activation_float_bits": float_bits,
            "peak_activation_packed_bits": packed_bits,
            **(ratios(own, *self.references) if self.references else dict.fromkeys(RATIOS)),
            "listed_ops": dict(self.count.listed_ops),
            "uncounted_ops": dict(self.count.uncounted_ops),
            "layers": [cost.as_dict() for cost in own.layers],
        }


def cost_of_flatbuffer(
    flatbuffer: Flatbuffer,
    rules: Rules = FULL,
    table: EnergyTable | None = None,
    sidecar: Sidecar | None = None,
    allow_uncounted: bool = False,
) -> FlatbufferCost:
    """Counts what a flatbuffer holds. Without a table: the paper's.

    Args:
        sidecar: names recipe and format; the file must hold the recipe's network in that format. Layers then have the
            network's names, and are known as shortcuts.

    Raises:
        FlatbufferError: operators that are not counted, unless they are allowed; shapes that contradict each other.
        ConversionError: the file and the recipe's network disagree, by the layer's name.
        UsageError: rules for shortcuts without a recipe; the table lacks a constant.
    """
    count = count_flatbuffer(flatbuffer)
    if count.uncounted_ops and not allow_uncounted:
        raise FlatbufferError(
            "The flatbuffer has operators that are not counted.",
            received=", ".join(f"{number} {name}" for name, number in count.uncounted_ops.items()),
            next_step="Add --allow-uncounted to count the others.",
        )
    layers = [stored.layer for stored in count.layers]
    if sidecar is None or sidecar.recipe is None:
        _refuse_rules_that_need_a_recipe(rules)
        if not layers:
            nothing = NetworkCost((), count.classes, rules.name, (table or load_table("paper")).name)
            return FlatbufferCost(flatbuffer.sha256, nothing, count, None, None)
        return FlatbufferCost(flatbuffer.sha256, cost_of_layers(layers, count.classes, rules, table), count, None, None)
    recipe = sidecar.recipe
    network = network_of(recipe)
    check_agreement(expected_layers(network, sidecar.format), layers, "the flatbuffer")
    own = cost_of_layers(stored_layers(network, sidecar.format), network.classes, rules, table)
    return FlatbufferCost(flatbuffer.sha256, own, count, recipe.name, references_of(recipe, rules, table))


def _refuse_rules_that_need_a_recipe(rules: Rules) -> None:
    needed = [rule for rule in SHORTCUT_RULES if getattr(rules, rule) != getattr(FULL, rule)]
    if needed:
        raise UsageError(
            "These rules count shortcuts apart, and without a sidecar a flatbuffer does not tell which of its "
            "convolutions are shortcuts.",
            received=", ".join(f"{rule}={getattr(rules, rule)}" for rule in needed),
            next_step="Use --rules full, or count the recipe.",
        )
