"""Draws accuracy against modelled energy efficiency and memory compression.

Source: Figures 3 and 4 of arXiv:1902.00460.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

from edgehybrid.report.document import Panel, Plot
from edgehybrid.svg import FONT_POINTS, svg_element

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FAMILIES = {"resnet20": "ResNet-20", "vgg19": "VGG-19"}
DATASETS = {"cifar100": "CIFAR-100", "imagenet2012": "ImageNet", "digits": "digits"}
# Which figure of the paper shows the same networks on the same data.
PAPER_FIGURES = {("resnet20", "cifar100"): "Figure 3", ("vgg19", "cifar100"): "Figure 4"}

# At least 3:1 against white (WCAG 2.1, 1.4.11). With eight markers and seven colours, neighbours differ in
# both and a pair repeats after 56 networks only: colour is never the only sign.
_COLOURS = ("#222222", "#0072b2", "#d55e00", "#007f5f", "#aa3377", "#7a5c00", "#5b3fa8")
_MARKERS = ("o", "s", "^", "D", "v", "p", "<", "h")
# Inches. Small enough that the text can still be read when the drawing is as wide as a phone.
_WIDTH, _HEIGHT_OF_AXES, _HEIGHT_OF_LEGEND_LINE = 4.8, 3.7, 0.21
_LEAST_ACCURACY_SPAN = 5.0


@dataclass(frozen=True)
class Point:
    """One network: accuracy in percent, and its modelled cost as ratios to the full-precision network.

    Accuracy is published or measured; ``published`` says which. ``network`` is the name of a recipe.
    """

    network: str
    family: str
    dataset: str
    width: float
    top1_percent: float
    energy_efficiency_fp: float
    memory_compression_fp: float
    published: bool

    @property
    def series(self) -> str:
        """The network without its width: ``xnor_res_x1.5`` and ``xnor_res`` belong to one line."""
        return re.sub(r"_x[0-9.]+$", "", self.network)


def plots(points: Sequence[Point]) -> tuple[Plot, ...]:
    """One plot of two panels for each family and data set that has a point; measured ones first.

    Accuracies on two data sets cannot be compared, so they share no axes.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """

    groups: dict[tuple[str, str], list[Point]] = {}
    for point in points:
        groups.setdefault((point.family, point.dataset), []).append(point)
    measured = {(point.family, point.dataset) for point in points if not point.published}
    order = sorted(groups, key=lambda group: (group not in measured, group))
    return tuple(_plot(*group, groups[group]) for group in order)


def _plot(family: str, dataset: str, points: list[Point]) -> Plot:
    title = f"{FAMILIES[family]} on {DATASETS[dataset]}"
    if figure := PAPER_FIGURES.get((family, dataset)):
        title += f" ({figure} of the paper)"
    kinds = {point.published for point in points}
    caption = "Filled: accuracy measured here. " if False in kinds else ""
    if True in kinds:
        caption += "Hollow: published; a line joins the widths of one network, the widest on the left. "
        caption += "" if False in kinds else "No row was measured for this plot. "
    caption += "Up and to the right is better; the full-precision network of width 1 stands at 1."
    return Plot(
        title,
        caption,
        (
            _panel(title, "energy efficiency", "energy_efficiency_fp", points),
            _panel(title, "memory compression", "memory_compression_fp", points),
        ),
    )


def _panel(title: str, quantity: str, field: str, points: list[Point]) -> Panel:
    label = f"{quantity} (modelled), × full precision"
    svg = _scatter([(point, getattr(point, field)) for point in points], label, salt=f"{title} {quantity}")
    values = "; ".join(
        f"{point.network} {'published' if point.published else 'measured'} {point.top1_percent:.2f} % "
        f"at {getattr(point, field):.2f}"
        for point in points
    )
    return Panel(f"{title}: top-1 accuracy against {label}. {values}.", svg)


def _scatter(points: list[tuple[Point, float]], x_label: str, salt: str) -> str:
    def draw(figure: "Figure") -> None:
        axes = figure.add_subplot()
        _draw_series(axes, points)
        labels = axes.get_legend_handles_labels()[1]
        columns = 1 if max(map(len, labels)) > 26 else 2
        legend_lines = math.ceil(len(labels) / columns)
        figure.set_size_inches(_WIDTH, _HEIGHT_OF_AXES + legend_lines * _HEIGHT_OF_LEGEND_LINE)
        # One tenth of a percent must not look like a gulf.
        low, high = axes.get_ylim()
        missing = max(0.0, _LEAST_ACCURACY_SPAN - (high - low))
        # There is no accuracy above 100 %; half a percent keeps a marker there whole.
        axes.set_ylim(low - missing / 2, min(high + missing / 2, 100.5))
        axes.set_xlabel(x_label)
        axes.set_ylabel("top-1 accuracy, %")
        axes.set_xlim(left=0)
        axes.grid(color="#dddddd", linewidth=0.8)
        axes.set_axisbelow(True)
        axes.spines[["top", "right"]].set_visible(False)
        figure.legend(loc="outside lower center", ncols=columns, frameon=False, fontsize=FONT_POINTS - 1)

    return svg_element(salt, draw)


def _draw_series(axes: "Axes", points: list[tuple[Point, float]]) -> None:
    """One colour and marker a network; hollow and joined by width when published, filled when measured."""
    series = sorted({point.series for point, _ in points})
    for published, index in product((True, False), range(len(series))):
        drawn = [(p, x) for p, x in points if p.published == published and p.series == series[index]]
        if not drawn:
            continue
        drawn.sort(key=lambda pair: pair[0].width)
        colour = _COLOURS[index % len(_COLOURS)]
        axes.plot(
            [x for _, x in drawn],
            [point.top1_percent for point, _ in drawn],
            label=f"{series[index]}, {'published' if published else 'measured here'}",
            color=colour,
            marker=_MARKERS[index % len(_MARKERS)],
            linestyle="-" if published else "none",
            linewidth=1.2,
            markersize=8 if published else 11,
            markeredgewidth=1.6,
            markerfacecolor="#ffffff" if published else colour,
            # Above its neighbours: measured points are what the reader came for.
            zorder=2 if published else 3,
        )
