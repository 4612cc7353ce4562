"""Draws the curves of each run: loss, accuracy and learning rate; curvature of the loss; health of the layers."""

import math
from collections.abc import Callable, Sequence
from pathlib import Path

from edgehybrid.report.document import Key, Panel, Plot
from edgehybrid.report.health_plots import health_panels
from edgehybrid.report.origin import Entry
from edgehybrid.report.sharpness_plots import sharpness_panels
from edgehybrid.runs.epoch_line import EpochLine
from edgehybrid.runs.run_folder import run_of_row
from edgehybrid.svg import Scale, axes, element, line, round_range

# Runs that are drawn, those of the first rows.
MOST_RUNS = 8
# Epochs that a curve is drawn of: there are no more pixels.
_MOST_POINTS = 200
_WIDTH, _HEIGHT = 380.0, 220.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 44.0, 360.0, 30.0, 180.0

# A curve's words, its style, and its value in an epoch.
Curve = tuple[str, str, Callable[[EpochLine], float | None]]
_LOSS: tuple[Curve, ...] = (("loss", "s0", lambda epoch: epoch.loss),)
_ACCURACY: tuple[Curve, ...] = (
    ("training images", "s5 dashed", lambda epoch: epoch.top1_train_percent),
    ("validation images", "s3", lambda epoch: epoch.top1_validation_percent),
    ("test images", "s1", lambda epoch: epoch.top1_percent),
)
_RATE: tuple[Curve, ...] = (("learning rate", "s2", lambda epoch: epoch.learning_rate),)
_PANELS = (("loss", _LOSS), ("top-1 accuracy, %", _ACCURACY), ("learning rate", _RATE))


def training_plots(entries: Sequence[Entry], runs_folder: Path) -> tuple[tuple[Plot, ...], tuple[str, ...]]:
    """A plot for each run behind the rows that has epochs, and a sentence about those that are not drawn.

    Raises:
        RunError: the metrics of a run are damaged.
    """
    names = list(dict.fromkeys(str(entry.row.run) for entry in entries))
    found = []
    for name in names[:MOST_RUNS]:
        epochs = run_of_row(runs_folder, name).epochs()
        if epochs:
            found.append(_plot(name, epochs))
    rest = names[MOST_RUNS:]
    # Not by name: they may be a thousand.
    notes = (f"The curves of {len(rest)} further runs are not drawn; Provenance names all runs.",) if rest else ()
    return tuple(found), notes


def _plot(run: str, epochs: Sequence[EpochLine]) -> Plot:
    last = epochs[-1]
    hints = " ".join(last.hints) or ("The last epoch gives no hint." if last.health else "")
    caption = f"{len(epochs)} epochs. "
    if last.health:
        caption += "In the panels of layers each row is a layer, each column an epoch. "
    curves = [panel for words, drawn in _PANELS if (panel := _panel(run, words, drawn, epochs)) is not None]
    legend = [Key(_stroke(style), words) for words, style, _ in _ACCURACY if _has(words, epochs)]
    panels = (*curves, *sharpness_panels(run, epochs), *health_panels(run, epochs))
    return Plot(run, (caption + hints).rstrip(), panels, tuple(legend))


def _has(words: str, epochs: Sequence[EpochLine]) -> bool:
    value = next(value for name, _, value in _ACCURACY if name == words)
    return any(value(epoch) is not None for epoch in epochs)


def _stroke(style: str) -> str:
    return element(18, 14, [line([(1, 7), (17, 7)], style)])


def _points(value: Callable[[EpochLine], float | None], epochs: Sequence[EpochLine]) -> list[tuple[int, float]]:
    """Of the epochs in which there is a finite value, as many as can be drawn, the last one among them."""
    known = [(epoch.epoch, found) for epoch in epochs if (found := value(epoch)) is not None and math.isfinite(found)]
    every = max(1, math.ceil(len(known) / _MOST_POINTS))
    return known[::-1][::every][::-1]


def _panel(run: str, words: str, curves: Sequence[Curve], epochs: Sequence[EpochLine]) -> Panel | None:
    """None where no epoch has a finite value."""
    known = {name: _points(value, epochs) for name, _, value in curves}
    values = [y for points in known.values() for _, y in points]
    if not values:
        return None
    first, last = epochs[0].epoch, epochs[-1].epoch
    x = Scale(first - 0.5, last + 0.5, _LEFT, _RIGHT) if first == last else Scale(first, last, _LEFT, _RIGHT)
    y = Scale(*round_range(values, floor=0.0), _BOTTOM, _TOP)
    whole = [tick for tick in x.ticks(6) if tick == round(tick)]
    parts = axes(x, y, "epoch", words, whole or [first])
    for name, style, _ in curves:
        points = [(x(epoch), y(value)) for epoch, value in known[name]]
        if len(points) == 1:
            # A line of one point would not be seen.
            points = [(points[0][0] - 4, points[0][1]), (points[0][0] + 4, points[0][1])]
        if points:
            parts.append(line(points, style))
    lasts = "; ".join(f"{name} {points[-1][1]:.4g}" for name, points in known.items() if points)
    return Panel(f"{run}: {words}. Epoch {last}: {lasts}.", element(_WIDTH, _HEIGHT, parts))
