"""Draws how the quantised layers of a run fared, epoch by epoch."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from edgehybrid.report.document import Panel, Plot
from edgehybrid.runs.epoch_line import EpochLine
from edgehybrid.svg import FONT_POINTS, svg_element

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Keys of a layer's figures in metrics.jsonl (edgehybrid.training.health), and what the panel is called.
FIGURES = {
    "sign_flip_percent": "weights that changed sign in the epoch, %",
    "dead_percent": "weights where the sign has no gradient, %",
    "plus_one_percent": "inputs that are +1, %",
    "alpha_drift_percent": "change of alpha since the start, %",
}
# Inches.
_WIDTH, _HEIGHT_OF_LAYER, _HEIGHT_OF_REST = 4.8, 0.16, 1.1


def health_plot(recipe: str, epochs: Sequence[EpochLine]) -> Plot | None:
    """A panel for each figure: layers in forward order from top to bottom, epochs from left to right.

    Args:
        epochs: lines of metrics.jsonl.

    Returns:
        None where the lines have no such figures: a network without quantised layers, or an older run.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    epochs = [line for line in epochs if line.health]
    if not epochs:
        return None
    title = f"Training health of {recipe}"
    hints = epochs[-1].hints
    caption = "Each row is a layer, each column an epoch. " + (" ".join(hints) or "The last epoch gives no hint.")
    return Plot(title, caption, tuple(_panel(title, key, words, epochs) for key, words in FIGURES.items()))


def _panel(title: str, key: str, words: str, epochs: Sequence[EpochLine]) -> Panel:
    layers = list(epochs[-1].health)
    values = np.array([[getattr(line.health[layer], key) for line in epochs] for layer in layers])
    first, last = epochs[0].epoch, epochs[-1].epoch

    def draw(figure: "Figure") -> None:
        figure.set_size_inches(_WIDTH, len(layers) * _HEIGHT_OF_LAYER + _HEIGHT_OF_REST)
        axes = figure.add_subplot()
        # Balance has its best value in the middle, the others have theirs at the bottom.
        is_balance = key == "plus_one_percent"
        image = axes.imshow(
            values,
            aspect="auto",
            interpolation="nearest",
            cmap="PuOr" if is_balance else "viridis",
            vmin=0,
            vmax=100 if is_balance else max(1.0, values.max()),
            extent=(first - 0.5, last + 0.5, len(layers) - 0.5, -0.5),
        )
        axes.set_yticks(range(len(layers)), layers, fontsize=FONT_POINTS - 3)
        axes.set_xlabel("epoch")
        axes.locator_params(axis="x", integer=True, min_n_ticks=1)
        axes.set_title(words, fontsize=FONT_POINTS)
        figure.colorbar(image, ax=axes)

    worst = ", ".join(f"{layer} {value:.1f}" for layer, value in zip(layers, values[:, -1], strict=True))
    return Panel(f"{title}: {words}. Epoch {last}: {worst}.", svg_element(f"{title} {key}", draw))
