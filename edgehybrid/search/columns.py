"""The columns that a search can improve or limit, and what a recipe has in those that need no training."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from edgehybrid.census.activation_memory import peak_activation_bits
from edgehybrid.cost.energy import PJ_PER_UJ
from edgehybrid.cost.moons import MoonsConstants, moons_constants
from edgehybrid.cost.network_cost import NetworkCost
from edgehybrid.cost.recipe_cost import network_cost_of
from edgehybrid.cost.rules import Rules, load_rules
from edgehybrid.cost.tables import EnergyTable, find_table
from edgehybrid.device.calibration import Calibration, read_calibration
from edgehybrid.device.prediction import Prediction, predict
from edgehybrid.device.work import work_of_network
from edgehybrid.errors import UsageError, did_you_mean
from edgehybrid.networks import network_of
from edgehybrid.recipe import Recipe
from edgehybrid.search.settings import Search

ACCURACY, MEASURED = "top1_percent", "latency_ms_median"


class Column(NamedTuple):
    """A figure of a network.

    Attributes:
        words: what it is, with its unit.
        more_is_better: downwards is better for all but accuracy.
        needs: the key of the space that must be there for it, if one must.
    """

    words: str
    more_is_better: bool = False
    needs: str | None = None


COLUMNS: Mapping[str, Column] = {
    ACCURACY: Column("top-1 accuracy of the validation images, %", more_is_better=True),
    "energy_model_uj": Column("energy of one image, µJ (modelled)"),
    "moons_energy_uj": Column("energy of one image by the model of Moons et al., µJ (modelled)", needs="moons"),
    "memory_model_bits": Column("weights and scales, bits (modelled)"),
    "peak_activation_packed_bits": Column("largest maps alive at once, packed, bits (modelled)"),
    "latency_ms_predicted": Column("latency, ms (modelled by a calibration)", needs="calibration"),
    MEASURED: Column("latency of networks of the front, ms (measured)", needs="--device"),
}


def check_columns(settings: Search, device: str | None) -> None:
    """Refuses columns that are unknown, or that lack what they are made of.

    Raises:
        UsageError: also of an objective named twice.
    """
    if len(set(settings.objectives)) < len(settings.objectives):
        raise UsageError("An objective is named twice.", received=", ".join(settings.objectives))
    there = {
        "moons": settings.moons is not None,
        "calibration": settings.calibration is not None,
        "--device": device is not None,
    }
    for name in (*settings.objectives, *settings.limits):
        if name not in COLUMNS:
            raise UsageError(
                "A search has no column of that name.",
                received=name,
                allowed=", ".join(COLUMNS),
                next_step=did_you_mean(name, COLUMNS),
            )
        needs = COLUMNS[name].needs
        if needs is not None and not there[needs]:
            raise UsageError(
                f"The column '{name}' needs what the search was not given: {needs}.",
                received=f"{name} among the {'objectives' if name in settings.objectives else 'limits'}",
                next_step=_HOW[needs],
            )
    if MEASURED in settings.objectives and not there["calibration"]:
        raise UsageError(
            f"Only networks of the front are measured, so '{MEASURED}' needs a prediction for the others.",
            received=f"{MEASURED} among the objectives, and no calibration",
            next_step=_HOW["calibration"],
        )


_HOW = {
    "moons": "Add 'moons:' with its constants to the section 'search' (edgehybrid cost --moons names them).",
    "calibration": "Calibrate the board, 'edgehybrid calibrate MODELS --out FILE', and add 'calibration: FILE'.",
    "--device": "Add --device local, or a name of 'edgehybrid devices'.",
}


@dataclass(frozen=True)
class CostModel:
    """What gives a recipe's figures without training.

    Args:
        settings: of the space.
        folder: that a calibration or table is looked for in.
    """

    settings: Search
    folder: Path

    @property
    def columns(self) -> list[str]:
        """The cost columns among objectives and limits, in the order of COLUMNS; energy and memory always."""
        used = {*sampled_objectives(self.settings), *self.settings.limits, "energy_model_uj", "memory_model_bits"}
        if self.settings.calibration is not None:
            used.add("latency_ms_predicted")
        return [name for name in COLUMNS if name in used - {ACCURACY, MEASURED}]

    def costs(self, recipe: Recipe) -> dict[str, float]:
        """The recipe's figure in each of ``columns``; of a predicted latency its interval, too.

        Raises:
            RecipeError: an impossible network.
            EdgehybridError: a network that the calibration says nothing of.
        """
        counted = network_cost_of(recipe, self._rules, self._table)
        found: dict[str, float] = {}
        for name in self.columns:
            found[name] = _FIGURES[name](self, recipe, counted)
            if name == "latency_ms_predicted":
                predicted = self._predicted(recipe)
                found |= {"latency_ms_low": predicted.latency_ms_low, "latency_ms_high": predicted.latency_ms_high}
        return found

    def check(self) -> None:
        """Reads what the figures are made of.

        Raises:
            UsageError, EdgehybridError: unknown rules, table or constants, or a calibration that cannot be read.
        """
        _ = self._rules, self._table
        if self.settings.moons is not None:
            _ = self._moons
        if self.settings.calibration is not None:
            _ = self._calibration

    @cached_property
    def _rules(self) -> Rules:
        return load_rules(self.settings.rules)

    @cached_property
    def _table(self) -> EnergyTable:
        beside = self.folder / self.settings.table
        return find_table(str(beside) if beside.is_file() else self.settings.table)

    @cached_property
    def _moons(self) -> MoonsConstants:
        return moons_constants(f"{name}={value}" for name, value in (self.settings.moons or {}).items())

    @cached_property
    def _calibration(self) -> Calibration:
        return read_calibration(self.folder / str(self.settings.calibration))

    def _predicted(self, recipe: Recipe) -> Prediction:
        return predict(self._calibration, work_of_network(network_of(recipe), "packed"), recipe.name, "packed")

    def _moons_uj(self, counted: NetworkCost) -> float:
        return self._moons.energy_of([cost.layer for cost in counted.layers]).total_pj / PJ_PER_UJ


_FIGURES: Mapping[str, Callable[[CostModel, Recipe, NetworkCost], float]] = {
    "energy_model_uj": lambda model, recipe, counted: counted.energy_uj,
    "moons_energy_uj": lambda model, recipe, counted: model._moons_uj(counted),
    "memory_model_bits": lambda model, recipe, counted: counted.memory_bits,
    "peak_activation_packed_bits": lambda model, recipe, counted: peak_activation_bits(network_of(recipe))[1],
    "latency_ms_predicted": lambda model, recipe, counted: model._predicted(recipe).latency_ms_predicted,
}


def sampled_objectives(settings: Search) -> list[str]:
    """The objectives while networks are trained: a latency that only the front's are measured in is predicted."""
    names = ["latency_ms_predicted" if name == MEASURED else name for name in settings.objectives]
    return list(dict.fromkeys(names))


def is_better_or_equal(name: str, one: float, other: float) -> bool:
    """Whether a figure of a column is as good as another, or as a limit of it."""
    return one >= other if COLUMNS[name].more_is_better else one <= other


def cost_objectives(names: Sequence[str]) -> list[str]:
    """Those of the objectives that are known before training."""
    return [name for name in names if name != ACCURACY]
