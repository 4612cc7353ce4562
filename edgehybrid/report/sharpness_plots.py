"""Draws how curved the loss of a run was, step by step, beside the stable line of its optimizer."""

import math
from collections.abc import Sequence

from edgehybrid.report.document import Panel
from edgehybrid.runs.epoch_line import Curvature, EpochLine
from edgehybrid.svg import Scale, axes, element, line, round_range, text

# Figures of a measurement in metrics.jsonl, what the panel calls them, and their style.
EIGENVALUES = {
    "sharpness": ("sharpness", "s0"),
    "surrogate_sharpness": ("sharpness of the smooth surrogate", "s3"),
    "straight_through_curvature": ("curvature of the straight-through field", "s1"),
}
SHARES = {
    "straight_through_asymmetry": ("asymmetry of the straight-through field", "s3"),
    "straight_through_residual": ("its residual", "s1"),
}
LINE = ("stable line", "s5 dashed")
# The stable line of a falling learning rate leaves all curves far below: drawn up to so many times the largest value.
_MOST_OVER_CURVES = 2.0
_MOST_POINTS = 200
_WIDTH, _HEIGHT = 380.0, 220.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 62.0, 360.0, 30.0, 180.0
_KEY_HEIGHT = 14.0

# Words, style, and places (step, value) of a curve.
Curve = tuple[str, str, list[tuple[int, float]]]


def sharpness_panels(run: str, epochs: Sequence[EpochLine]) -> tuple[Panel, ...]:
    """Eigenvalues with the stable line, and what tells how far the straight-through field is from a gradient.

    Args:
        epochs: lines of metrics.jsonl. Without measurements there is no panel.
    """
    measured = [each for epoch in epochs for each in epoch.curvature]
    every = max(1, math.ceil(len(measured) / _MOST_POINTS))
    # The last measurement is always there.
    measured = measured[::-1][::every][::-1]
    eigenvalues = [*_curves(measured, EIGENVALUES), *_curves(measured, {"stable_line": LINE})]
    words = "curvature" + (", preconditioned" if any(each.preconditioned for each in measured) else "")
    found = (_panel(run, words, eigenvalues), _panel(run, "share, 0 … 1", _curves(measured, SHARES)))
    return tuple(panel for panel in found if panel is not None)


def _curves(measured: Sequence[Curvature], drawn: dict[str, tuple[str, str]]) -> list[Curve]:
    """Those that have a finite value."""
    found = []
    for field, (words, style) in drawn.items():
        values = [(each.step, getattr(each, field)) for each in measured]
        points = [(step, value) for step, value in values if value is not None and math.isfinite(value)]
        if points:
            found.append((words, style, points))
    return found


def _panel(run: str, words: str, curves: Sequence[Curve]) -> Panel | None:
    """None where nothing but a line was measured."""
    measured = [value for name, _, points in curves if name != LINE[0] for _, value in points]
    if not measured:
        return None
    highest = _MOST_OVER_CURVES * max(measured)
    shown = [(name, style, [p for p in points if name != LINE[0] or p[1] <= highest]) for name, style, points in curves]
    steps = [step for _, _, points in curves for step, _ in points]
    first, last = min(steps), max(steps)
    x = Scale(first - 0.5, last + 0.5, _LEFT, _RIGHT) if first == last else Scale(first, last, _LEFT, _RIGHT)
    y = Scale(*round_range([0.0, *(value for _, _, points in shown for _, value in points)]), _BOTTOM, _TOP)
    whole = [tick for tick in x.ticks(6) if tick == round(tick)]
    parts = axes(x, y, "step", words, whole or [first])
    for row, (name, style, points) in enumerate(shown):
        base = _HEIGHT + _KEY_HEIGHT * row
        parts += [line([(_LEFT, base), (_LEFT + 18, base)], style), text(_LEFT + 24, base + 4, name)]
        places = [(x(step), y(value)) for step, value in points]
        if len(places) == 1:
            # A line of one point would not be seen.
            places = [(places[0][0] - 4, places[0][1]), (places[0][0] + 4, places[0][1])]
        if places:
            parts.append(line(places, style))
    lasts = "; ".join(f"{name} {points[-1][1]:.4g}" for name, _, points in curves)
    return Panel(f"{run}: {words}. Step {last}: {lasts}.", element(_WIDTH, _HEIGHT + _KEY_HEIGHT * len(shown), parts))
