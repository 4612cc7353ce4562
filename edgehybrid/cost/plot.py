"""Draws the energy of each layer, stacked by kind of operation, as SVG."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from edgehybrid.cost.energy import PJ_PER_UJ
from edgehybrid.cost.network_cost import LayerCost, NetworkCost
from edgehybrid.svg import svg_document

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Accesses in blues and greens, arithmetic in red and yellow; after Okabe and Ito, for colour-blind readers.
PARTS = {
    "input": ("input reads", "#0072b2"),
    "weight": ("weight reads", "#56b4e9"),
    "output": ("output writes", "#009e73"),
    "alpha": ("scale reads", "#a6dbc8"),
    "mac": ("MACs", "#d55e00"),
    "alpha_mac": ("scale MACs", "#f0c040"),
}
_FONT_POINTS = 9
_BAR_INCHES = 0.2
_WIDTH_INCHES = 9.0
_NAME_LENGTH = 32
# Title and axis of a panel; the legend above all panels.
_PANEL_INCHES, _LEGEND_INCHES = 0.95, 0.4


def energy_svg(networks: Sequence[tuple[str, NetworkCost]]) -> str:
    """An SVG document with a panel for each network, layers in forward order from the top, energy in µJ.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    rows = [len(cost.layers) for _, cost in networks]

    def draw(figure: "Figure") -> None:
        figure.set_size_inches(_WIDTH_INCHES, _LEGEND_INCHES + sum(_BAR_INCHES * n + _PANEL_INCHES for n in rows))
        panels = figure.subplots(len(networks), 1, squeeze=False, sharex=True, height_ratios=[n + 3 for n in rows])
        for axes, (name, cost) in zip(panels[:, 0], networks, strict=True):
            _draw_panel(axes, name, cost)
        handles, labels = panels[0, 0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper center", ncols=len(PARTS), frameon=False)

    return svg_document("edgehybrid cost", draw, _FONT_POINTS)


def _draw_panel(axes: "Axes", name: str, cost: NetworkCost) -> None:
    left = [0.0] * len(cost.layers)
    places = range(len(cost.layers))
    for part, (label, colour) in PARTS.items():
        # A replaced access (rule residual_source) is part of the one that replaces it.
        widths = [getattr(layer.energy, f"{part}_pj") / PJ_PER_UJ for layer in cost.layers]
        axes.barh(places, widths, left=left, color=colour, label=label, height=0.8)
        left = [start + width for start, width in zip(left, widths, strict=True)]
    axes.set_yticks(places, [_label(layer) for layer in cost.layers])
    axes.invert_yaxis()
    axes.margins(y=0.01)
    axes.set_xlim(left=0)
    axes.tick_params(labelbottom=True)
    axes.set_xlabel("energy of one inference (modelled), µJ")
    axes.grid(axis="x", color="#dddddd")
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    title = f"{name}: {cost.energy_uj:,.2f} µJ, rules {cost.rules}, table {cost.table}"
    axes.set_title(title, loc="left", fontsize=_FONT_POINTS + 1)


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
