"""Draws accuracy against cost: energy and memory (modelled), size and latency (measured).

Source of the first two: Figures 3 and 4 of arXiv:1902.00460.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from edgehybrid.report.document import Key, Panel, Plot
from edgehybrid.report.pareto import pareto_front
from edgehybrid.report.points import PAPER_FIGURES, Point
from edgehybrid.svg import RING, Scale, axes, element, line, mark, marks, round_range, text

FAMILIES = {
    "resnet20": "ResNet-20",
    "resnet32": "ResNet-32",
    "vgg19": "VGG-19",
    "moons": "Networks of Moons et al.",
    "ern": "ERN",
}
DATASETS = {"cifar10": "CIFAR-10", "cifar100": "CIFAR-100", "imagenet2012": "ImageNet", "digits": "digits"}
# Devices that a plot draws latencies of, those with most rows first.
MOST_PLACES = 6

# Narrow enough that the text can still be read when the drawing is as wide as a phone.
WIDTH, HEIGHT = 380.0, 290.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 44.0, 360.0, 30.0, 250.0
_LEAST_ACCURACY_SPAN = 5.0
# Each format has a shape and a colour of its own: colour is never the only sign.
_FORMATS = ("packed", "int8", "float32", "packed_int8")
_PUBLISHED_STYLE = "s5"
_LETTER_WIDTH, _LINE_HEIGHT = 6.0, 12.0


@dataclass(frozen=True)
class _Axis:
    """What stands across: a field of ``Point``, its words, which direction is better, and the place of latencies."""

    field: str
    label: str
    more_is_better: bool
    place: str | None = None

    def of(self, points: Sequence[Point]) -> list[tuple[Point, float]]:
        """The points that have a value, each once, and their values."""
        found: dict[tuple[str, str, float, float], Point] = {}
        for point in points:
            value = getattr(point, self.field)
            if value is not None and self.place in (None, point.place):
                found.setdefault((point.network, point.format, point.top1_percent, value), point)
        return [(point, key[3]) for key, point in found.items()]


def plots(points: Sequence[Point]) -> tuple[Plot, ...]:
    """One plot for each family and data set that has a point; measured ones first.

    Accuracies on two data sets cannot be compared, so they share no axes; neither do latencies of two devices.
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
    places = Counter(point.place for point in points if point.latency_ms is not None)
    shown = [place for place, _ in places.most_common(MOST_PLACES)]
    across = [
        _Axis("energy_efficiency_fp", "energy efficiency, × full precision (modelled)", True),
        _Axis("memory_compression_fp", "memory compression, × full precision (modelled)", True),
        _Axis("size_kib", "size of the flatbuffer, KiB (measured)", False),
        *(_Axis("latency_ms", f"latency on {place}, ms (measured)", False, place) for place in shown),
    ]
    kinds = {point.published for point in points}
    caption = ["Filled: accuracy measured here."] if False in kinds else []
    if True in kinds:
        caption.append("Hollow: published by the paper, its cost too.")
        caption += [] if False in kinds else ["No row was measured for this plot."]
    dashed = ", dashed for the published ones" if len(kinds) == 2 else ""
    caption.append(f"A line joins the points that no other one beats{dashed}.")
    if rest := sorted(set(places) - set(shown)):
        caption.append(f"Latencies on {len(rest)} further devices are in the table alone: {'; '.join(rest)}.")
    panels = tuple(_panel(title, axis, found) for axis in across if (found := axis.of(points)))
    return Plot(title, " ".join(caption), panels, _legend(points))


def _legend(points: Sequence[Point]) -> tuple[Key, ...]:
    formats = sorted({point.format for point in points if not point.published}, key=_shape)
    keys = [Key(_small(_shape(name), f"s{_shape(name)}"), f"{name}, measured here") for name in formats]
    if any(point.published for point in points):
        keys.append(Key(_small(RING, _PUBLISHED_STYLE), "published"))
    return tuple(keys)


def _small(shape: int, classes: str) -> str:
    return element(14, 14, [mark(shape, 7, 7, classes)])


def _shape(file_format: str) -> int:
    """Formats of later versions share the last shape."""
    return _FORMATS.index(file_format) if file_format in _FORMATS else len(_FORMATS) - 1


def _panel(title: str, axis: _Axis, found: list[tuple[Point, float]]) -> Panel:
    fronts = {
        published: [
            of_kind[index] for index in pareto_front([(x, p.top1_percent) for p, x in of_kind], axis.more_is_better)
        ]
        for published in (True, False)
        if (of_kind := [(p, x) for p, x in found if p.published == published])
    }
    counts = Counter(point.published for point, _ in found)
    words = [
        f"{title}: top-1 accuracy against {axis.label}.",
        f"{counts[False]} points of ours, {counts[True]} published.",
    ]
    for published, front in fronts.items():
        beaten_by_none = "; ".join(f"{p.network} {p.top1_percent:.2f} % at {x:.4g}" for p, x in front)
        words.append(f"Front of {'the published' if published else 'ours'}: {beaten_by_none}.")
    return Panel(" ".join(words), _scatter(found, fronts, axis))


def _scatter(found: list[tuple[Point, float]], fronts: dict[bool, list[tuple[Point, float]]], axis: _Axis) -> str:
    low, high = round_range([point.top1_percent for point, _ in found], _LEAST_ACCURACY_SPAN)
    # There is no accuracy above 100 %; half a percent keeps a mark there whole.
    x, y = plane(round_range([value for _, value in found], floor=0.0), (max(low, 0.0), min(high, 100.5)))
    parts = axes(x, y, axis.label, "top-1 accuracy, %")
    for published, front in fronts.items():
        style = "s5 dashed" if published else "s0"
        parts.append(line([(x(value), y(point.top1_percent)) for point, value in front], style))
    groups: dict[tuple[bool, str, str], list[tuple[float, float, str]]] = {}
    for point, value in found:
        words = f"{point.top1_percent:.2f} % at {value:.4g}"
        key = (not point.published, point.network, point.format)
        groups.setdefault(key, []).append((x(value), y(point.top1_percent), words))
    # Ours above the published ones: they are what the reader came for.
    for (is_ours, network, file_format), members in sorted(groups.items(), key=lambda group: group[0][0]):
        shape, style = (_shape(file_format), f"s{_shape(file_format)}") if is_ours else (RING, _PUBLISHED_STYLE)
        parts.append(marks(shape, members, style, f"{network} ({file_format})"))
    named = [(p.network, x(value), y(p.top1_percent)) for kind in (False, True) for p, value in fronts.get(kind, [])]
    return element(WIDTH, HEIGHT, [*parts, *labels(named)])


def plane(across: tuple[float, float], up: tuple[float, float]) -> tuple[Scale, Scale]:
    """The scales of a drawing of WIDTH and HEIGHT, for values between these."""
    return Scale(*across, _LEFT, _RIGHT), Scale(*up, _BOTTOM, _TOP)


def labels(named: list[tuple[str, float, float]]) -> list[str]:
    """Names beside points of a front, each where nothing is written yet; the others show their names on hovering."""
    taken: list[tuple[float, float, float]] = []
    parts = []
    for name, x, y in named:
        width = len(name) * _LETTER_WIDTH
        for left, base in ((x + 8, y - 4), (x - 8 - width, y - 4), (x + 8, y + 13), (x - 8 - width, y + 13)):
            inside = left > _LEFT and left + width < _RIGHT and _TOP - 8 < base < _BOTTOM
            free = all(
                left + width < other or other + wide < left or abs(base - height) >= _LINE_HEIGHT
                for other, wide, height in taken
            )
            if inside and free:
                taken.append((left, width, base))
                parts.append(text(left, base, name, classes="quiet"))
                break
    return parts
