"""Draws the energy of each layer, stacked by kind of operation, as SVG."""

import io
from collections.abc import Sequence

from edgehybrid.cost import PJ_PER_UJ, LayerCost, NetworkCost
from edgehybrid.errors import MissingExtraError

# Accesses in blues and greens, arithmetic in red and yellow; after Okabe and Ito, for colour-blind readers.
PARTS = {
    "input": ("input reads", "#0072b2"),
    "weight": ("weight reads", "#56b4e9"),
    "output": ("output writes", "#009e73"),
    "alpha": ("scale reads", "#a6dbc8"),
    "mac": ("MACs", "#d55e00"),
    "alpha_mac": ("scale MACs", "#f0c040"),
}
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
    try:
        import matplotlib
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtraError("matplotlib", "report") from error
    rows = [len(cost.layers) for _, cost in networks]
    height = _LEGEND_INCHES + sum(_BAR_INCHES * count + _PANEL_INCHES for count in rows)
    with matplotlib.rc_context():
        # A user's own settings must not change the drawing; text stays text; equal costs give equal bytes.
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(
            {"svg.fonttype": "none", "svg.hashsalt": "edgehybrid cost", "text.parse_math": False, "font.size": 9}
        )
        figure = Figure(figsize=(_WIDTH_INCHES, height), layout="constrained")
        panels = figure.subplots(
            len(networks), 1, squeeze=False, sharex=True, height_ratios=[count + 3 for count in rows]
        )[:, 0]
        for axes, (name, cost) in zip(panels, networks, strict=True):
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
            axes.set_title(
                f"{name}: {cost.energy_uj:,.2f} µJ, rules {cost.rules}, table {cost.table}", loc="left", fontsize=10
            )
        handles, labels = panels[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper center", ncols=len(PARTS), frameon=False)
        drawing = io.StringIO()
        figure.savefig(drawing, format="svg", metadata={"Date": None})
    return drawing.getvalue()


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
