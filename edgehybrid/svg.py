"""Drawings as SVG: scales, axes and marks, for a file of its own or inside a page.

Colours are classes, ``s0`` to ``s5``, whose values are CSS variables: a page gives them lighter ones on dark screens.
Places are in pixels of the drawing, y downwards.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

# After Okabe and Ito, for colour-blind readers; each at least 3:1 against its background (WCAG 2.1, 1.4.11).
LIGHT = ("#0072b2", "#d55e00", "#007f5f", "#aa3377", "#8a6a00", "#6f7882")
DARK = ("#6cb6ff", "#ff9b5e", "#4fd1a5", "#e58ac0", "#e0c050", "#9aa4ae")
COLOURS = len(LIGHT)
# What a drawing needs from a style sheet, beside the variables.
STYLE = (
    ".drawing text{font:11px system-ui,sans-serif;fill:var(--ink)}.drawing .quiet{fill:var(--quiet)}"
    ".drawing path{fill:currentColor}.drawing .grid{fill:none;stroke:var(--line)}"
    ".drawing .line{fill:none;stroke:currentColor;stroke-width:1.5}"
    ".drawing .hollow{fill:var(--paper);stroke:currentColor;stroke-width:1.5}.dashed{stroke-dasharray:4 3}"
    ".drawing .disc{stroke:currentColor;stroke-width:9;stroke-linecap:round}"
    + "".join(f".s{index}{{color:var(--s{index})}}" for index in range(COLOURS))
)
# Each sign's way from its point, and the class that paints it. A disc is the round end of a line of no length.
_SIGNS = (
    ("h0", " disc"),
    ("m-4-4h8v8h-8z", ""),
    ("m0-5.5l5.5 5.5-5.5 5.5-5.5-5.5z", ""),
    ("m0-5l5 9h-10z", ""),
    ("m0-4.5a4.5 4.5 0 1 1-.1 0z", " hollow"),
)
SHAPES = len(_SIGNS)
RING = SHAPES - 1


@dataclass(frozen=True)
class Scale:
    """An axis: ``low`` lies at ``start``, ``high`` at ``end``, all between in proportion."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """The place of a value."""
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)

    def ticks(self, at_most: int) -> list[float]:
        """Round numbers from low to high, at most so many."""
        step = _step(self.high - self.low, at_most)
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        return [index * step for index in range(first, last + 1)]


def round_range(values: Iterable[float], at_least: float = 0.0, floor: float | None = None) -> tuple[float, float]:
    """Round bounds around values, apart by ``at_least`` or more.

    Args:
        floor: the lower bound; by default one that the values ask for.
    """
    values = list(values)
    low, high = min(values) if floor is None else floor, max(values)
    missing = max(at_least, abs(high) * 1e-6, 1e-9) - (high - low)
    if missing > 0:
        low, high = (low - missing / 2, high + missing / 2) if floor is None else (low, high + missing)
    step = _step(high - low, 6)
    return (math.floor(low / step) * step if floor is None else floor), math.ceil(high / step) * step


def axes(x: Scale, y: Scale, x_label: str, y_label: str, x_ticks: Sequence[float] | None = None) -> list[str]:
    """Grid, numbers and names of a drawing's axes; the name of the upright one stands above it."""
    lines = [f"M{px(x.start)} {px(y(tick))}H{px(x.end)}" for tick in y.ticks(6)]
    across = x.ticks(6) if x_ticks is None else x_ticks
    return [
        f'<path class="grid" d="{"".join(lines)}M{px(x.start)} {px(y.end)}V{px(y.start)}H{px(x.end)}"/>',
        *(text(x.start - 5, y(tick) + 4, f"{tick:,.10g}", "end", "quiet") for tick in y.ticks(6)),
        *(text(x(tick), y.start + 14, f"{tick:,.10g}", "middle", "quiet") for tick in across),
        text(x.end, y.start + 30, x_label, "end"),
        text(4, y.end - 10, y_label),
    ]


def line(points: Sequence[tuple[float, float]], classes: str) -> str:
    """Straight lines from point to point."""
    return f'<path class="line {classes}" d="M{"L".join(f"{px(x)} {px(y)}" for x, y in points)}"/>'


def mark(shape: int, x: float, y: float, classes: str) -> str:
    """A sign at a point: disc, square, diamond, triangle or ring, by ``shape``."""
    way, painted = _SIGNS[shape]
    return f'<path class="{classes}{painted}" d="M{px(x)} {px(y)}{way}"/>'


def marks(shape: int, points: Sequence[tuple[float, float, str]], classes: str, name: str) -> str:
    """``mark`` at many points, of one name, which shows on hovering. Each point is x, y and words without ``|``.

    They are one path. The report's script takes it apart at each M, so that each sign shows its words too: as elements
    with titles of their own, a thousand points would be most of a page.
    """
    way, painted = _SIGNS[shape]
    ways = "".join(f"M{px(x)} {px(y)}{way}" for x, y, _ in points)
    words = escape("|".join(each for _, _, each in points))
    return f'<path class="{classes}{painted}" data-words="{words}" d="{ways}"><title>{escape(name)}</title></path>'


def text(x: float, y: float, words: str, anchor: str = "start", classes: str = "") -> str:
    """Words whose start, middle or end stands at a point."""
    anchored = "" if anchor == "start" else f' text-anchor="{anchor}"'
    styled = f' class="{classes}"' if classes else ""
    return f'<text x="{px(x)}" y="{px(y)}"{anchored}{styled}>{escape(words)}</text>'


def px(value: float) -> str:
    """A place, to a tenth of a pixel."""
    return f"{value:.1f}".removesuffix(".0")


def element(width: float, height: float, parts: Iterable[str]) -> str:
    """The drawing for the inside of an HTML page that has ``STYLE`` and the variables."""
    return f'<svg class="drawing" viewBox="0 0 {px(width)} {px(height)}">{"".join(parts)}</svg>'


def document(width: float, height: float, parts: Iterable[str]) -> str:
    """The drawing as a file: on white, with a style sheet of its own. Equal parts give equal bytes."""
    colours = "".join(f"--s{index}:{colour};" for index, colour in enumerate(LIGHT))
    variables = f"svg{{--ink:#1b1f24;--quiet:#57606a;--line:#d0d7de;--paper:#fff;{colours}}}"
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n<svg xmlns="http://www.w3.org/2000/svg" class="drawing" '
        f'width="{px(width)}" height="{px(height)}" viewBox="0 0 {px(width)} {px(height)}">'
        f'<style>{variables}{STYLE}</style><rect width="100%" height="100%" fill="#fff"/>{"".join(parts)}</svg>\n'
    )


def _step(span: float, at_most: int) -> float:
    """1, 2 or 5 times a power of ten, so that a span has at most so many ticks."""
    least = span / max(1, at_most - 1)
    power: float = 10.0 ** math.floor(math.log10(least))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= least * (1 - 1e-9))
