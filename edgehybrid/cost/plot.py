"""Draws the energy of each layer, stacked by kind of operation, as SVG."""

import math
from collections.abc import Sequence

from edgehybrid.cost.energy import PJ_PER_UJ
from edgehybrid.cost.network_cost import LayerCost, NetworkCost
from edgehybrid.svg import Scale, document, mark, px, round_range, text

# Each kind's words, and its colour in edgehybrid/svg.py.
PARTS = {
    "input": ("input reads", 0),
    "weight": ("weight reads", 2),
    "output": ("output writes", 5),
    "alpha": ("scale reads", 3),
    "mac": ("MACs", 1),
    "alpha_mac": ("scale MACs", 4),
}
# As narrow as a phone, where it must be readable too: a layer's name stands above its bar.
PANEL_WIDTH = 400.0
_NAME_LENGTH = 32
_LEFT, _LAYER, _BAR, _TITLE, _AXIS = 4.0, 26.0, 9.0, 24.0, 40.0
_LEGEND_ITEMS_A_LINE, _LEGEND_LINE = 3, 18.0


def energy_svg(networks: Sequence[tuple[str, NetworkCost]]) -> str:
    """An SVG document with a panel for each network, layers in forward order from the top, energy in µJ.

    All panels share one scale.
    """
    longest = max(_total_uj(layer) for _, cost in networks for layer in cost.layers)
    parts = [piece for index, each in enumerate(PARTS.values()) for piece in _legend(index, *each)]
    top = _LEGEND_LINE * math.ceil(len(PARTS) / _LEGEND_ITEMS_A_LINE) + 6
    for name, cost in networks:
        title = f"{name}: {cost.energy_uj:,.2f} µJ, rules {cost.rules}, table {cost.table}"
        parts += [text(_LEFT, top + 14, title), *energy_bars(cost, top + _TITLE, longest)]
        top += _TITLE + bars_height(cost)
    return document(PANEL_WIDTH, top, parts)


def energy_bars(cost: NetworkCost, top: float = 0.0, longest_uj: float | None = None) -> list[str]:
    """One network's bars, without legend and title: ``PANEL_WIDTH`` wide and ``bars_height`` high.

    Args:
        top: where they begin.
        longest_uj: the energy that the axis must hold; by default that of the layer with most.
    """
    longest = longest_uj or max(map(_total_uj, cost.layers))
    _, high = round_range([longest], floor=0.0)
    scale = Scale(0.0, high, _LEFT, PANEL_WIDTH - 16)
    bottom = top + _LAYER * len(cost.layers)
    grid = "".join(f"M{px(scale(tick))} {px(top)}V{px(bottom)}" for tick in scale.ticks(6))
    parts = [f'<path class="grid" d="{grid}"/>']
    parts += [text(_LEFT, top + _LAYER * place + 11, _label(layer)) for place, layer in enumerate(cost.layers)]
    left = [0.0] * len(cost.layers)
    for part, (_, colour) in PARTS.items():
        path = ""
        for place, layer in enumerate(cost.layers):
            # A replaced access (rule residual_source) is part of the one that replaces it.
            width = getattr(layer.energy, f"{part}_pj") / PJ_PER_UJ
            start, end = scale(left[place]), scale(left[place] + width)
            left[place] += width
            if end - start >= 0.05:
                path += f"M{px(start)} {px(top + _LAYER * place + 15)}h{px(end - start)}v{px(_BAR)}h{px(start - end)}z"
        if path:
            parts.append(f'<path class="s{colour}" d="{path}"/>')
    parts += [text(scale(tick), bottom + 14, f"{tick:,.10g}", "middle", "quiet") for tick in scale.ticks(6)]
    return [*parts, text(scale.end, bottom + 30, "energy of one inference (modelled), µJ", "end")]


def bars_height(cost: NetworkCost) -> float:
    """Pixels that ``energy_bars`` takes, its axis included."""
    return _LAYER * len(cost.layers) + _AXIS


def _legend(index: int, label: str, colour: int) -> list[str]:
    row, column = divmod(index, _LEGEND_ITEMS_A_LINE)
    left, middle = 12 + column * PANEL_WIDTH / _LEGEND_ITEMS_A_LINE, 12 + row * _LEGEND_LINE
    return [mark(1, left, middle, f"s{colour}"), text(left + 8, middle + 4, label)]


def _total_uj(layer: LayerCost) -> float:
    return layer.energy.total_pj / PJ_PER_UJ


def _label(cost: LayerCost) -> str:
    layer = cost.layer
    # The names of a flatbuffer's tensors are long.
    name = layer.name if len(layer.name) <= _NAME_LENGTH else layer.name[: _NAME_LENGTH - 1] + "…"
    if layer.is_float:
        return f"{name} · 32 bit"
    weight_bits, activation_bits = layer.weight_bits, layer.activation_bits
    bits = f"{weight_bits}" if weight_bits == activation_bits else f"{weight_bits}/{activation_bits}"
    split = f", {layer.float_filters} of {layer.out_channels} filters 32 bit" if layer.float_filters else ""
    return f"{name} · {bits} bit{split}"
