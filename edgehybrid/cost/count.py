"""What the ``cost`` command does, without the command line: inputs → counted networks."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgehybrid.cost.energy import PJ_PER_UJ
from edgehybrid.cost.moons import MoonsModel, moons_model
from edgehybrid.cost.network_cost import NetworkCost
from edgehybrid.cost.recipe_cost import cost_of
from edgehybrid.cost.rules import Rules, load_rules
from edgehybrid.cost.sensitivity import Sensitivity, sensitivity_of
from edgehybrid.cost.tables import EnergyTable, find_table, load_table, table_names
from edgehybrid.errors import EdgehybridError, UsageError
from edgehybrid.files import write_atomically
from edgehybrid.recipe import load_recipe


@dataclass(frozen=True)
class Counted:
    """The inputs of one call, counted.

    Attributes:
        rows: what is printed, keys of the command contract.
        networks: the same as (name, cost).
        rules: by which each network was counted.
    """

    rows: list[dict[str, Any]]
    networks: list[tuple[str, NetworkCost]]
    rules: list[Rules]
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
    """Counts recipes and model files (``….tflite``) in the order given.

    Without ``rules``, recipes follow the paper's with the paper's table, else the full ones; models the full ones.

    Raises:
        EdgehybridError: see ``cost_of``, ``cost_of_flatbuffer``, ``load_rules``, ``find_table``, ``moons_model``.
    """
    if not inputs:
        raise UsageError(
            "Name a recipe or a model to count.", received="none", next_step="edgehybrid cost hybrid_res_a"
        )
    table = find_table(table_name or "paper")
    shipped = table.name == "paper" and table is load_table("paper")
    moons = moons_model(moons_settings) if moons_settings else None
    found = Counted([], [], [], table, [])
    for name in inputs:
        is_model = is_flatbuffer(name)
        chosen = load_rules(rules or ("paper" if shipped and not is_model else "full"), changes)
        if is_model:
            row, network = _count_model(Path(name), chosen, found, allow_uncounted)
        else:
            cost = cost_of(load_recipe(name, overrides), chosen, table)
            row, network = dict(cost.as_dict()), cost.network
        if moons is not None:
            row = _with_moons(row, network, moons)
        found.rows.append(row)
        found.networks.append((name if is_model else row["recipe"], network))
        found.rules.append(chosen)
    return found


def is_flatbuffer(name: str) -> bool:
    """Whether an input of ``cost`` is a flatbuffer, and not a recipe."""
    return name.endswith(".tflite")


def _count_model(path: Path, rules: Rules, found: Counted, allow_uncounted: bool) -> tuple[dict[str, Any], NetworkCost]:
    # NumPy and the FlatBuffer reader are for models only: recipes must be counted at once.
    from edgehybrid.cost.flatbuffer_cost import cost_of_flatbuffer
    from edgehybrid.flatbuffer import read_flatbuffer
    from edgehybrid.runs.artefact import artefact_or_none

    flatbuffer = read_flatbuffer(path)
    artefact = artefact_or_none(path)
    cost = cost_of_flatbuffer(flatbuffer, rules, found.table, artefact.sidecar if artefact else None, allow_uncounted)
    if cost.count.uncounted_ops:
        ops = ", ".join(f"{number} {name}" for name, number in cost.count.uncounted_ops.items())
        found.notes.append(f"{path}: not counted: {ops}.")
    if not cost.network.layers:
        found.notes.append(f"{path}: no operator multiplies by weights, so there is nothing to count.")
    found.notes.extend(f"{path}: {note}" for note in cost.count.notes)
    return {"model": str(path), **cost.as_dict()}, cost.network


def _with_moons(row: dict[str, Any], network: NetworkCost, moons: MoonsModel) -> dict[str, Any]:
    energy = moons.energy_of([cost.layer for cost in network.layers])
    layers = row.pop("layers")
    row["moons_energy_uj"] = energy.total_pj / PJ_PER_UJ
    row |= {f"moons_{part.removesuffix('_pj')}_uj": pj / PJ_PER_UJ for part, pj in energy._asdict().items()}
    return {**row, "layers": layers}


def sensitivity(counted: Counted) -> Sensitivity:
    """``cost --sensitivity``: the counted table first, then every shipped one.

    Raises:
        UsageError: fewer than two networks, one named twice, or counted by different rules.
    """
    names = [name for name, _ in counted.networks]
    if len(set(names)) < len(names):
        raise UsageError("A network is named twice, so it has no place in an order.", received=", ".join(names))
    if len({rules.name for rules in counted.rules}) > 1:
        raise UsageError(
            "The networks would be counted by different rules, so their order would mean nothing.",
            received=", ".join(f"{n}: {rules.name}" for n, rules in zip(names, counted.rules, strict=True)),
            next_step="Add --rules full.",
        )
    networks = {name: ([cost.layer for cost in network.layers], network.classes) for name, network in counted.networks}
    others = [load_table(name) for name in table_names() if name != counted.table.name]
    return sensitivity_of(networks, counted.rules[0], [counted.table, *others])


def write_plot(path: Path, counted: Counted) -> None:
    """``cost --plot``: an SVG file.

    Raises:
        MissingExtraError: matplotlib is not installed.
        EdgehybridError: the file cannot be written.
    """
    from edgehybrid.cost.plot import energy_svg

    drawing = energy_svg(counted.networks)
    try:
        write_atomically(path, drawing.encode())
    except OSError as error:
        raise EdgehybridError(f"The plot cannot be written: {error}.", received=path) from error


def layer_rows(rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """A row for each layer, with the input it belongs to, the rules and the table."""
    return [
        {"input": row.get("model", row["recipe"]), "rules": row["rules"], "table": row["table"], **layer}
        for row in rows
        for layer in row["layers"]
    ]
