"""What ``edgehybrid cost`` prints for a person."""

from collections.abc import Sequence

from edgehybrid.console.tables import text_table
from edgehybrid.cost.count import Counted
from edgehybrid.cost.paper_tables import Figure
from edgehybrid.cost.recipe_cost import RecipeCost
from edgehybrid.cost.sensitivity import Sensitivity

_COLUMNS = {
    "rules": "rules",
    "table": "table",
    "energy_uj": "µJ",
    "energy_compute_uj": "compute",
    "energy_memory_uj": "memory",
    "memory_bits": "weight bits",
    "peak_activation_float_bits": "peak bits",
    "peak_activation_packed_bits": "packed",
    "macs": "MACs",
    "binary_macs": "binary MACs",
    "energy_efficiency_fp": "E.E. (FP)",
    "energy_efficiency_xnor": "E.E. (XNOR)",
    "memory_compression_fp": "M.C. (FP)",
    "memory_compression_xnor": "M.C. (XNOR)",
}
_MOONS_COLUMNS = {"moons_energy_uj": "Moons µJ"}
_LAYER_COLUMNS = {
    "name": "layer",
    "kind": "kind",
    "weight_bits": "weight",
    "activation_bits": "act. bits",
    "float_filters": "float",
    "macs": "MACs",
    "memory_bits": "weight bits",
    "energy_uj": "µJ",
    "energy_input_uj": "input",
    "energy_weight_uj": "weights",
    "energy_output_uj": "output",
    "energy_alpha_uj": "scales",
    "energy_mac_uj": "MACs",
    "energy_alpha_mac_uj": "scale MACs",
    "energy_full_precision_uj": "full precision",
    "energy_quantised_uj": "quantised",
}
_PAPER_COLUMNS = ["table", "recipe", "ratio", "published", "computed", "relative_error_percent", "agreement"]


def counted_text(counted: Counted, layers: bool) -> str:
    """A line a network, what no rule counts, and with ``layers`` a table of each network's layers."""
    columns = _COLUMNS | (_MOONS_COLUMNS if counted.inputs[0].moons else {})
    rows = [one.as_dict() for one in counted.inputs]
    cells = [[one.name, *(row[key] for key in columns)] for one, row in zip(counted.inputs, rows, strict=True)]
    text = text_table(["", *columns.values()], cells) + "\nEvery number is modelled, none is measured."
    for one in counted.inputs:
        if not isinstance(one.cost, RecipeCost):
            listed = ", ".join(f"{number} {op}" for op, number in one.cost.count.listed_ops.items())
            text += f"\n{one.source} also has, counted by no rule: {listed or 'nothing'}."
    for one in counted.inputs if layers else []:
        parts = [*(layer.as_dict() for layer in one.network.layers), one.network.as_dict() | {"name": "total"}]
        cells = [[part.get(key) for key in _LAYER_COLUMNS] for part in parts]
        text += f"\n\n{one.name}\n" + text_table(list(_LAYER_COLUMNS.values()), cells)
        if isinstance(one.cost, RecipeCost):
            between = one.cost.elementwise
            text += (
                f"\nBetween the layers, counted by no rule: {between.macs:,} multiply-adds and {between.numbers:,} "
                f"learned numbers, {one.cost.elementwise_uj:.4g} µJ without reads and writes of maps."
            )
    return text


def sensitivity_text(found: Sensitivity) -> str:
    """The order under each variant, and the sentence."""
    cells = [[v.table, v.constant, v.factor, " < ".join(v.order)] for v in found.variants]
    return f"{text_table(['table', 'constant', 'factor', 'order'], cells)}\n\n{found.sentence()}"


def paper_text(figures: Sequence[Figure]) -> str:
    """The figures, how many agree, and a line for each one that differs or rests on an assumption."""
    against_fp = [figure for figure in figures if figure.ratio.endswith("_fp") and figure.published != "1"]
    matching = sum(figure.agreement != "differs" for figure in against_fp)
    lines = [
        text_table(_PAPER_COLUMNS, [[getattr(figure, key) for key in _PAPER_COLUMNS] for figure in figures]),
        "",
        f"{matching} of {len(against_fp)} figures against full precision agree to the printed digit.",
    ]
    for figure in figures:
        if figure.agreement == "differs" or figure.hypothesis:
            lines.append(
                f"{figure.recipe}, {figure.ratio}: {figure.published} / {figure.computed:.4f}. {figure.hypothesis}"
            )
    return "\n".join(lines)
