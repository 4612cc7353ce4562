"""What the ``cost`` command does, without the command line: inputs → counted networks."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edgehybrid.cost.moons import MoonsConstants, MoonsEnergy, moons_constants
from edgehybrid.cost.network_cost import LAYER_KEYS, NetworkCost
from edgehybrid.cost.plot import energy_svg
from edgehybrid.cost.recipe_cost import RecipeCost, cost_of
from edgehybrid.cost.rules import Rules, load_rules
from edgehybrid.cost.sensitivity import Sensitivity, sensitivity_of
from edgehybrid.cost.tables import EnergyTable, find_table, load_table, table_names
from edgehybrid.errors import EdgehybridError, UsageError
from edgehybrid.files import write_atomically
from edgehybrid.recipe import load_recipe
from edgehybrid.runs.zoo import is_of_zoo

if TYPE_CHECKING:
    from edgehybrid.cost.flatbuffer_cost import FlatbufferCost

LAYER_COLUMNS = ("input", "rules", "table", *LAYER_KEYS)


@dataclass(frozen=True)
class CountedInput:
    """One input, counted.

    Attributes:
        name: the recipe's name; the path of a flatbuffer, as it was given.
        rules: by which it was counted.
        moons: the energy by the constants of ``--moons``; None without them.
    """

    name: str
    cost: "RecipeCost | FlatbufferCost"
    rules: Rules
    moons: MoonsEnergy | None

    @property
    def network(self) -> NetworkCost:
        """The layers' costs and their sums."""
        return self.cost.network

    @property
    def source(self) -> str:
        """The recipe's name, or the path of the flatbuffer, as rows have it."""
        return self.name if isinstance(self.cost, RecipeCost) else str(Path(self.name))

    def as_dict(self) -> dict[str, object]:
        """The object that the ``cost`` command prints."""
        path = {} if isinstance(self.cost, RecipeCost) else {"model": self.source}
        facts = self.cost.as_dict()
        layers = facts.pop("layers")
        moons = self.moons.as_dict() if self.moons else {}
        return {**path, **facts, **moons, "layers": layers}


@dataclass(frozen=True)
class Counted:
    """The inputs of one call, counted, in their order; and sentences on what was not."""

    inputs: list[CountedInput]
    table: EnergyTable
    notes: list[str]


def count(
    inputs: Sequence[str],
    overrides: Sequence[str],
    rules: str | None,
    changes: Sequence[str],
    table_name: str | None,
    moons_settings: Sequence[str],
    allow_uncounted: bool,
) -> Counted:
    """Counts recipes and flatbuffers (``….tflite``) in the order given.

    Without ``rules``, recipes follow the paper's with the paper's table, else the full ones; flatbuffers the full ones.

    Raises:
        EdgehybridError: see ``cost_of``, ``cost_of_flatbuffer``, ``load_rules``, ``find_table``, ``moons_constants``.
    """
    if not inputs:
        raise UsageError(
            "Name a recipe or a model to count.", received="none", next_step="edgehybrid cost hybrid_res_a"
        )
    table = find_table(table_name or "paper")
    shipped = table.name == "paper" and table is load_table("paper")
    constants = moons_constants(moons_settings) if moons_settings else None
    found = Counted([], table, [])
    for name in inputs:
        chosen = load_rules(rules or ("paper" if shipped and not is_flatbuffer(name) else "full"), changes)
        if is_flatbuffer(name):
            stored = _count_flatbuffer(name, chosen, found, allow_uncounted)
            found.inputs.append(CountedInput(name, stored, chosen, _moons_energy(stored.network, constants)))
        else:
            cost = cost_of(load_recipe(name, overrides), chosen, table)
            found.inputs.append(CountedInput(cost.recipe, cost, chosen, _moons_energy(cost.network, constants)))
    return found


def is_flatbuffer(name: str) -> bool:
    """Whether an input of ``cost`` is a flatbuffer, and not a recipe."""
    return name.endswith(".tflite") or is_of_zoo(name)


def _count_flatbuffer(name: str, rules: Rules, found: Counted, allow_uncounted: bool) -> "FlatbufferCost":
    # NumPy and the FlatBuffer reader are for flatbuffers only: recipes must be counted at once.
    from edgehybrid.cost.flatbuffer_cost import cost_of_flatbuffer
    from edgehybrid.flatbuffer import read_flatbuffer
    from edgehybrid.runs.artefact import artefact_or_none, find_artefact

    path = find_artefact(Path(), name).path if is_of_zoo(name) else Path(name)
    flatbuffer = read_flatbuffer(path)
    artefact = artefact_or_none(path)
    cost = cost_of_flatbuffer(flatbuffer, rules, found.table, artefact.sidecar if artefact else None, allow_uncounted)
    if cost.count.uncounted_ops:
        ops = ", ".join(f"{number} {name}" for name, number in cost.count.uncounted_ops.items())
        found.notes.append(f"{name}: not counted: {ops}.")
    if not cost.network.layers:
        found.notes.append(f"{name}: no operator multiplies by weights, so there is nothing to count.")
    found.notes.extend(f"{name}: {note}" for note in cost.count.notes)
    return cost


def _moons_energy(network: NetworkCost, constants: MoonsConstants | None) -> MoonsEnergy | None:
    return constants.energy_of([cost.layer for cost in network.layers]) if constants else None


def sensitivity(counted: Counted) -> Sensitivity:
    """``cost --sensitivity``: the counted table first, then every shipped one.

    Raises:
        UsageError: fewer than two networks, one named twice, or counted by different rules.
    """
    inputs = counted.inputs
    names = [one.name for one in inputs]
    if len(set(names)) < len(names):
        raise UsageError("A network is named twice, so it has no place in an order.", received=", ".join(names))
    if len({one.rules.name for one in inputs}) > 1:
        raise UsageError(
            "The networks would be counted by different rules, so their order would mean nothing.",
            received=", ".join(f"{one.name}: {one.rules.name}" for one in inputs),
            next_step="Add --rules full.",
        )
    networks = {one.name: ([cost.layer for cost in one.network.layers], one.network.classes) for one in inputs}
    others = [load_table(name) for name in table_names() if name != counted.table.name]
    return sensitivity_of(networks, inputs[0].rules, [counted.table, *others])


def write_plot(path: Path, counted: Counted) -> None:
    """``cost --plot``: an SVG file.

    Raises:
        EdgehybridError: the file cannot be written.
    """
    drawing = energy_svg([(one.name, one.network) for one in counted.inputs])
    try:
        write_atomically(path, drawing.encode())
    except OSError as error:
        raise EdgehybridError(f"The plot cannot be written: {error}.", received=path) from error


def layer_rows(inputs: Iterable[CountedInput]) -> list[dict[str, object]]:
    """A row for each layer, with the input it belongs to, the rules and the table: keys LAYER_COLUMNS."""
    return [
        {"input": one.source, "rules": one.network.rules, "table": one.network.table, **layer.as_dict()}
        for one in inputs
        for layer in one.network.layers
    ]
