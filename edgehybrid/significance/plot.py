"""Draws the explained variance of each layer's components, as SVG: a panel a stage."""

from edgehybrid.significance.significance import LayerComponents, Significance
from edgehybrid.svg import COLOURS, Scale, axes, document, line, mark, text

_WIDTH, _PANEL, _LEFT, _RIGHT, _ABOVE, _BELOW = 460.0, 250.0, 44.0, 444.0, 48.0, 44.0
_LEGEND_LINE = 14.0
# Layers of one colour are told apart by their lines.
_STYLES = ("", " dashed")


def curves_svg(found: Significance) -> str:
    """An SVG document; the threshold is a line across each panel, and the names of significant layers are marked."""
    parts: list[str] = [text(4, 14, f"{found.recipe}: {found.images} images, threshold {found.threshold:g}")]
    top = 24.0
    for stage in sorted({layer.stage for layer in found.layers}):
        members = [layer for layer in found.layers if layer.stage == stage]
        parts += _panel(stage, members, found.threshold, top)
        top += _PANEL + _LEGEND_LINE * ((len(members) + 1) // 2) + 10
    return document(_WIDTH, top, parts)


def _panel(stage: int, layers: list[LayerComponents], threshold: float, top: float) -> list[str]:
    x = Scale(1, max(2, *(layer.channels for layer in layers)), _LEFT, _RIGHT)
    y = Scale(0, 1, top + _PANEL - _BELOW, top + _ABOVE)
    parts = [text(4, top + 14, f"stage {stage}"), *axes(x, y, "components", "explained variance")]
    parts.append(line([(_LEFT, y(threshold)), (_RIGHT, y(threshold))], "s5 dashed"))
    for number, layer in enumerate(layers):
        style = f"s{number % (COLOURS - 1)}{_STYLES[number // (COLOURS - 1) % len(_STYLES)]}"
        parts.append(line([(x(k + 1), y(float(share))) for k, share in enumerate(layer.curve)], style))
        row, column = divmod(number, 2)
        left, middle = 8 + column * _WIDTH / 2, top + _PANEL + _LEGEND_LINE * row
        parts += [line([(left, middle), (left + 18, middle)], style)]
        words = f"{layer.name}: {layer.components} of {layer.channels}"
        parts.append(text(left + 24, middle + 4, words))
        if layer.is_significant:
            parts.append(mark(3, left + 9, middle, style.split()[0]))
    return parts
