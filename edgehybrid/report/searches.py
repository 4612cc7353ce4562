"""Reads what ``edgehybrid search --out`` wrote, and draws it: accuracy against cost, and the front as a table."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from edgehybrid.errors import UsageError
from edgehybrid.report.document import NOTHING, Key, Panel, Plot, ReportTable, number
from edgehybrid.report.pareto import pareto_front
from edgehybrid.report.plots import HEIGHT, WIDTH, labels, plane
from edgehybrid.svg import RING, axes, element, line, mark, marks, round_range

ACCURACY = "top1_validation_percent"
_TRIED, _FRONT, _PUBLISHED = "s0", "s1", "s5"


class _Trial(BaseModel):
    model_config = ConfigDict(strict=True)

    trial: int
    state: str
    on_front: bool
    top1_validation_percent: float | None = None
    top1_percent: float | None
    latency_ms_median: float | None
    params: dict[str, Any]
    costs: dict[str, float]


class _Published(BaseModel):
    """A network of the paper: its printed accuracy, and its cost as the study counts it."""

    model_config = ConfigDict(strict=True)

    recipe: str
    top1_percent: float
    costs: dict[str, float]


class _Study(BaseModel):
    model_config = ConfigDict(strict=True)

    space: str
    data: dict[str, Any]
    objectives: Annotated[list[str], Field(min_length=1)]
    columns: dict[str, str]
    trials: list[_Trial]
    published: list[_Published]


def searches(files: Sequence[Path]) -> tuple[tuple[Plot, ...], tuple[ReportTable, ...]]:
    """A plot and a table of the front for each study.

    Args:
        files: ``study.json`` of ``edgehybrid search --out``.

    Raises:
        UsageError: a file that is no such study.
    """
    studies = [_read(path) for path in files]
    return tuple(map(_plot, studies)), tuple(map(_table, studies))


def _read(path: Path) -> _Study:
    try:
        return _Study.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        said = error.strerror if isinstance(error, OSError) else error.errors()[0]["msg"]
        raise UsageError(
            f"This is not a study of a search: {said}.",
            received=path,
            next_step="Name the study.json that 'edgehybrid search SPACE --out FOLDER' wrote.",
        ) from error


def _plot(study: _Study) -> Plot:
    trained = [one for one in study.trials if one.state == "trained" and one.top1_validation_percent is not None]
    names = [name for name in study.objectives if name != ACCURACY] or ["energy_model_uj"]
    panels = tuple(_panel(study, name, [one for one in trained if name in one.costs]) for name in names)
    caption = f"{len(trained)} networks were trained. The line joins those that no other one beats."
    legend = [
        Key(element(14, 14, [mark(0, 7, 7, _TRIED)]), "trained, accuracy of the validation images"),
        Key(element(14, 14, [mark(1, 7, 7, _FRONT)]), "on the front"),
    ]
    if study.published:
        caption += " Hollow: accuracy published by the paper, of the test images; cost modelled as the others'."
        legend.append(Key(element(14, 14, [mark(RING, 7, 7, _PUBLISHED)]), "published"))
    return Plot(f"Search {study.space} on {study.data.get('dataset')}", caption, panels, tuple(legend))


def _panel(study: _Study, name: str, trained: Sequence[_Trial]) -> Panel:
    points = [(one.costs[name], float(one.top1_validation_percent or 0.0)) for one in trained]
    front = [(trained[place], points[place]) for place in pareto_front(points, more_is_better=False)]
    published = [(one.recipe, (one.costs[name], one.top1_percent)) for one in study.published if name in one.costs]
    words = study.columns.get(name, name)
    description = f"Search {study.space}: top-1 accuracy against {words}. {len(points)} networks. Front: " + "; ".join(
        f"#{one.trial} {y:.2f} % at {x:.4g}" for one, (x, y) in front
    )
    if not points:
        return Panel(description, element(WIDTH, HEIGHT, []), title="No network was trained.")
    every = [*points, *(point for _, point in published)]
    low, high = round_range([y for _, y in every], 5.0)
    x_scale, y_scale = plane(round_range([x for x, _ in every], floor=0.0), (max(low, 0.0), min(high, 100.5)))
    parts = axes(x_scale, y_scale, words, "top-1 accuracy, %")
    parts.append(line([(x_scale(x), y_scale(y)) for _, (x, y) in front], _FRONT))
    for recipe, (x, y) in published:
        said = f"{y:.2f} % at {x:.4g}"
        parts.append(marks(RING, [(x_scale(x), y_scale(y), said)], _PUBLISHED, f"{recipe} (published)"))
    on_front = {one.trial for one, _ in front}
    for one, (x, y) in sorted(zip(trained, points, strict=True), key=lambda pair: pair[0].trial in on_front):
        shape, style = (1, _FRONT) if one.trial in on_front else (0, _TRIED)
        said = f"{y:.2f} % at {x:.4g}: {_params(one)}".replace("|", "/")
        parts.append(marks(shape, [(x_scale(x), y_scale(y), said)], style, f"#{one.trial}"))
    parts += labels([(f"#{one.trial}", x_scale(x), y_scale(y)) for one, (x, y) in front])
    return Panel(description, element(WIDTH, HEIGHT, parts))


def _params(one: _Trial) -> str:
    return ", ".join(f"{name.rpartition('.')[2]} {_value(value)}" for name, value in one.params.items())


def _value(value: object) -> str:
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)


def _table(study: _Study) -> ReportTable:
    front = sorted((one for one in study.trials if one.on_front), key=lambda one: list(one.costs.values()))
    costs = [name for name in study.columns if any(name in one.costs for one in front)]
    fields = list(dict.fromkeys(name for one in front for name in one.params))
    return ReportTable(
        f"Search {study.space}: the front",
        ("trial", "top-1 validation", "top-1 test", *costs, "latency", *(name.rpartition(".")[2] for name in fields)),
        tuple(
            (
                f"#{one.trial}",
                number(one.top1_validation_percent, 2),
                number(one.top1_percent, 2),
                *(f"{one.costs[name]:.5g}" if name in one.costs else NOTHING for name in costs),
                number(one.latency_ms_median, 3),
                *(_value(one.params[name]) if name in one.params else NOTHING for name in fields),
            )
            for one in front
        ),
        ("", "% (measured)", "% (measured)", *("(modelled)" for _ in costs), "ms (measured)", *("" for _ in fields)),
    )
