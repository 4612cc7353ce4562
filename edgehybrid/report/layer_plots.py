"""Draws the modelled energy of each layer of what was measured, stacked by kind of operation."""

import math
from collections.abc import Sequence
from typing import get_args

from edgehybrid.census.agreement import stored_layers
from edgehybrid.census.formats import Format
from edgehybrid.cost import NetworkCost, cost_of_layers
from edgehybrid.cost.energy import PJ_PER_UJ
from edgehybrid.cost.plot import PANEL_WIDTH, PARTS, bars_height, energy_bars
from edgehybrid.cost.rules import RULE_SETS
from edgehybrid.cost.tables import load_table, table_names
from edgehybrid.networks import network_of
from edgehybrid.report.document import Key, Panel, Plot, few_numbers, row_numbers
from edgehybrid.report.origin import Entry
from edgehybrid.svg import element, mark

# Networks that are drawn, those of the first rows.
MOST_NETWORKS = 12
# A row's energy is a sum of the same terms in another order.
_SAME = 1e-6


def layer_plots(entries: Sequence[Entry]) -> tuple[Plot, ...]:
    """A panel for each network and format among the rows; none where no row's energy can be split.

    A row of rules or a table that do not come with this version, or whose energy is another than its recipe's
    layers add up to, is named in the caption and not drawn.
    """
    groups: dict[tuple[str, str, str, str | None, str | None, float | None], list[Entry]] = {}
    for entry in entries:
        row = entry.row
        key = (entry.recipe.name, str(row.recipe_sha256), row.format, row.rules, row.table, row.energy_model_uj)
        groups.setdefault(key, []).append(entry)
    panels: list[Panel] = []
    undrawn: list[int] = []
    for drawn in groups.values():
        numbers = [entry.number for entry in drawn]
        cost = _cost_of(drawn[0]) if len(panels) < MOST_NETWORKS else None
        if cost is None:
            undrawn += numbers
        else:
            panels.append(_panel(drawn[0], cost, few_numbers(numbers)))
    if not panels:
        return ()
    caption = "Layers in forward order. Energy is modelled by the rules and table of the rows, not measured."
    if undrawn:
        caption += f" Not drawn: #{row_numbers(sorted(undrawn))}; 'edgehybrid cost MODEL --plot' draws any network."
    legend = tuple(Key(element(14, 14, [mark(1, 7, 7, f"s{colour}")]), words) for words, colour in PARTS.values())
    return (Plot("Energy of each layer", caption, tuple(panels), legend),)


def _cost_of(entry: Entry) -> NetworkCost | None:
    """The cost of what the row's file holds, where it is that of the row."""
    row = entry.row
    file_format: Format | None = next((name for name in get_args(Format) if name == row.format), None)
    rules = RULE_SETS.get(row.rules or "")
    if rules is None or file_format is None or row.table not in table_names() or row.energy_model_uj is None:
        return None
    network = network_of(entry.recipe)
    cost = cost_of_layers(stored_layers(network, file_format), network.classes, rules, load_table(row.table))
    return cost if math.isclose(cost.energy_uj, row.energy_model_uj, rel_tol=_SAME) else None


def _panel(entry: Entry, cost: NetworkCost, numbers: str) -> Panel:
    title = f"{entry.recipe.name} ({entry.row.format}): {cost.energy_uj:,.2f} µJ, {numbers}"
    most = sorted(cost.layers, key=lambda layer: -layer.energy.total_pj)[:3]
    words = "; ".join(f"{layer.layer.name} {layer.energy.total_pj / PJ_PER_UJ:.2f} µJ" for layer in most)
    svg = element(PANEL_WIDTH, bars_height(cost), energy_bars(cost))
    return Panel(f"Energy of each layer of {title}. Most: {words}.", svg, title)
