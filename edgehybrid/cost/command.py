"""What the ``cost`` command does, without the command line: inputs → rows, and rows → CSV and text."""

import csv
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgehybrid.cost import NetworkCost, cost_of
from edgehybrid.cost.agreement import Format
from edgehybrid.cost.moons import PJ_PER_UJ, MoonsModel, moons_model
from edgehybrid.cost.rules import Rules, load_rules
from edgehybrid.cost.tables import EnergyTable, find_table, load_table, table_names
from edgehybrid.errors import EdgehybridError, UsageError
from edgehybrid.recipe import Recipe, load_recipe
from edgehybrid.text_table import text_table

_COLUMNS = {
    "rules": "rules", "table": "table", "energy_uj": "µJ", "energy_compute_uj": "compute", "energy_memory_uj": "memory",
    "memory_bits": "weight bits", "peak_activation_float_bits": "peak bits", "peak_activation_packed_bits": "packed",
    "macs": "MACs", "binary_macs": "binary MACs", "energy_efficiency_fp": "E.E. (FP)",
    "energy_efficiency_xnor": "E.E. (XNOR)", "memory_compression_fp": "M.C. (FP)",
    "memory_compression_xnor": "M.C. (XNOR)",
}  # fmt: skip
_MOONS_COLUMNS = {"moons_energy_uj": "Moons µJ"}
_LAYER_COLUMNS = {
    "name": "layer", "kind": "kind", "weight_bits": "weight", "activation_bits": "act. bits", "float_filters": "float",
    "macs": "MACs", "memory_bits": "weight bits", "energy_uj": "µJ", "energy_input_uj": "input",
    "energy_weight_uj": "weights", "energy_output_uj": "output", "energy_alpha_uj": "scales", "energy_mac_uj": "MACs",
    "energy_alpha_mac_uj": "scale MACs", "energy_full_precision_uj": "full precision",
    "energy_quantised_uj": "quantised",
}  # fmt: skip
_PAPER_COLUMNS = ["table", "recipe", "ratio", "published", "computed", "relative_error_percent", "agreement"]

# The recipe and format that the sidecar of a model file names; None without a sidecar.
Sidecar = Callable[[Path], tuple[Recipe, Format] | None]


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
    sidecar: Sidecar,
) -> Counted:
    """Counts recipes and model files (``….tflite``) in the order given.

    Without ``rules``, recipes follow the paper's with the paper's table, else the full ones; models the full ones.

    Raises:
        EdgehybridError: see ``cost_of``, ``cost_of_model``, ``load_rules``, ``find_table``, ``moons_model``.
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
        is_model = name.endswith(".tflite")
        chosen = load_rules(rules or ("paper" if shipped and not is_model else "full"), changes)
        if is_model:
            row, network = _count_model(Path(name), chosen, found, allow_uncounted, sidecar)
        else:
            cost = cost_of(load_recipe(name, overrides), chosen, table)
            row, network = dict(cost.as_dict()), cost.network
        if moons is not None:
            row = _with_moons(row, network, moons)
        found.rows.append(row)
        found.networks.append((name if is_model else row["recipe"], network))
        found.rules.append(chosen)
    return found


def _count_model(
    path: Path, rules: Rules, found: Counted, allow_uncounted: bool, sidecar: Sidecar
) -> tuple[dict[str, Any], NetworkCost]:
    # NumPy and the FlatBuffer reader are for models only: recipes must be counted at once.
    from edgehybrid.cost.model_cost import cost_of_model
    from edgehybrid.flatbuffer import read_model

    model = read_model(path)
    recipe, file_format = sidecar(path) or (None, "packed")
    cost = cost_of_model(
        model, rules, found.table, recipe=recipe, file_format=file_format, allow_uncounted=allow_uncounted
    )
    if cost.count.uncounted_ops:
        ops = ", ".join(f"{number} {name}" for name, number in cost.count.uncounted_ops.items())
        found.notes.append(f"{path}: not counted: {ops}.")
    return {"model": str(path), **cost.as_dict()}, cost.network


def _with_moons(row: dict[str, Any], network: NetworkCost, moons: MoonsModel) -> dict[str, Any]:
    energy = moons.energy_of([cost.layer for cost in network.layers])
    layers = row.pop("layers")
    row["moons_energy_uj"] = energy.total_pj / PJ_PER_UJ
    row |= {f"moons_{part.removesuffix('_pj')}_uj": pj / PJ_PER_UJ for part, pj in energy._asdict().items()}
    return {**row, "layers": layers}


def sensitivity(counted: Counted) -> dict[str, Any]:
    """``cost --sensitivity``: the counted table first, then every shipped one.

    Raises:
        UsageError: fewer than two networks, one named twice, or counted by different rules.
    """
    from edgehybrid.cost.sensitivity import sensitivity_of

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
    return sensitivity_of(networks, counted.rules[0], [counted.table, *others]).as_dict()


def sensitivity_text(found: Mapping[str, Any]) -> str:
    """The order under each variant, and the sentence."""
    cells = [[v["table"], v["constant"], v["factor"], " < ".join(v["order"])] for v in found["variants"]]
    return f"{text_table(['table', 'constant', 'factor', 'order'], cells)}\n\n{found['sentence']}"


def write_plot(path: Path, counted: Counted) -> None:
    """``cost --plot``: an SVG file.

    Raises:
        MissingExtraError: matplotlib is not installed.
        EdgehybridError: the file cannot be written.
    """
    from edgehybrid.cost.plot import energy_svg

    drawing = energy_svg(counted.networks)
    try:
        path.write_text(drawing, encoding="utf-8")
    except OSError as error:
        raise EdgehybridError(f"The plot cannot be written: {error}.", received=path) from error


def paper_tables() -> list[dict[str, Any]]:
    """``cost --paper-tables``: a row for each printed figure."""
    from edgehybrid.cost.paper_tables import figures

    return [figure.as_dict() for figure in figures()]


def paper_text(rows: Sequence[Mapping[str, Any]]) -> str:
    """The figures, how many agree, and a line for each one that differs or rests on an assumption."""
    against_fp = [row for row in rows if row["ratio"].endswith("_fp") and row["published"] != "1"]
    matching = sum(row["agreement"] != "differs" for row in against_fp)
    lines = [
        text_table(_PAPER_COLUMNS, [[row[key] for key in _PAPER_COLUMNS] for row in rows]),
        "",
        f"{matching} of {len(against_fp)} figures against full precision agree to the printed digit.",
    ]
    for row in rows:
        if row["agreement"] == "differs" or row["hypothesis"]:
            lines.append(
                f"{row['recipe']}, {row['ratio']}: {row['published']} / {row['computed']:.4f}. {row['hypothesis']}"
            )
    return "\n".join(lines)


def counted_text(counted: Counted, layers: bool) -> str:
    """A line a network, what no rule counts, and with ``layers`` a table of each network's layers."""
    names = [name for name, _ in counted.networks]
    columns = _COLUMNS | (_MOONS_COLUMNS if "moons_energy_uj" in counted.rows[0] else {})
    cells = [[name, *(row[key] for key in columns)] for name, row in zip(names, counted.rows, strict=True)]
    text = text_table(["", *columns.values()], cells) + "\nEvery number is modelled, none is measured."
    for row in counted.rows:
        if "listed_ops" in row:
            listed = ", ".join(f"{number} {op}" for op, number in row["listed_ops"].items())
            text += f"\n{row['model']} also has, counted by no rule: {listed or 'nothing'}."
    for name, row in zip(names, counted.rows, strict=True) if layers else []:
        parts = [*row["layers"], {**row, "name": "total"}]
        cells = [[part.get(key) for key in _LAYER_COLUMNS] for part in parts]
        text += f"\n\n{name}\n" + text_table(list(_LAYER_COLUMNS.values()), cells)
    return text


def layer_rows(rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """A row for each layer, with the input it belongs to, the rules and the table."""
    return [
        {"input": row.get("model", row["recipe"]), "rules": row["rules"], "table": row["table"], **layer}
        for row in rows
        for layer in row["layers"]
    ]


def to_csv(rows: Sequence[Mapping[str, Any]]) -> str:
    """One line a row, one column a key; lists and operators are left to JSON, null is an empty cell."""
    keys = dict.fromkeys(key for row in rows for key, value in row.items() if not isinstance(value, list | dict))
    text = io.StringIO()
    writer = csv.DictWriter(text, list(keys), extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().rstrip("\n")
