"""The reproduction card: figures of the paper's tables, ours beside them, and what was chosen where it is silent."""

from collections.abc import Iterable, Sequence
from itertools import combinations
from statistics import mean, stdev
from typing import Any, NamedTuple

from edgehybrid.report.document import NOTHING, ReportTable
from edgehybrid.report.markdown import markdown_table
from edgehybrid.reproduction.choices import choices_of
from edgehybrid.reproduction.record import TrainingRecord, by_training, length_of
from edgehybrid.reproduction.switches import LEAST_POINTS, LEAST_SEEDS, switch_table, switches_of
from edgehybrid.reproduction.wanted import ALSO_IN_TABLE_3, TABLES

_TITLE = """# Results

The tables of Chakraborty et al. 2019 (arXiv:1902.00460), trained again. Top-1 accuracy of the test images in %, after
the last epoch: mean and standard deviation of so many seeds. The flatbuffer's is that of all test images through the
file that a board runs. `edgehybrid reproduce` writes this page and, for each training, a file of all its figures in
results/.
"""

_SWITCHES = f"""What a change of a recipe is worth: trainings that differ in nothing else, on the seeds that both have.
Better or worse: with {LEAST_SEEDS} seeds at least, and by at least {LEAST_POINTS} points (a standard error of a
difference on 10,000 images) and twice the standard error of the seeds' mean, which chance alone exceeds once in five
times with three seeds. Energy is modelled, as a change in %: by the paper's rules; and by full ones, with the
arithmetic between layers.
"""


class Row(NamedTuple):
    """One network, trained one way with several seeds.

    Attributes:
        gap_points: ours less the published one.
        top1_selected_percent: mean, of the epochs that validation images chose; None without such images.
    """

    table: int
    recipe: str
    changes: tuple[str, ...]
    epochs: int
    full_epochs: int
    seeds: tuple[int, ...]
    published_top1_percent: float
    top1_percent: float
    top1_deviation_points: float | None
    gap_points: float
    top1_selected_percent: float | None
    flatbuffer_top1_percent: float
    size_bytes: int
    format: str
    processors: tuple[str, ...]

    @property
    def length(self) -> str:
        """How many epochs, and of how many where it is not the recipe's own number."""
        return length_of(self.epochs, self.full_epochs)

    @property
    def deviation(self) -> str:
        """In points; a dash for one seed."""
        return NOTHING if self.top1_deviation_points is None else f"{self.top1_deviation_points:.2f}"

    def as_dict(self) -> dict[str, Any]:
        """For ``--json``."""
        return self._asdict()


def rows_of(records: Iterable[TrainingRecord]) -> list[Row]:
    """One for all seeds of a training, in the order of tables, published accuracies and epochs."""
    rows = [_row(group) for group in by_training(records)]
    return sorted(rows, key=lambda row: (row.table, row.published_top1_percent, row.recipe, row.epochs, row.changes))


def _row(group: Sequence[TrainingRecord]) -> Row:
    first, published = group[0], group[0].resolved["published"]
    top1 = [record.top1_percent for record in group]
    selected = [record.top1_selected_percent for record in group if record.top1_selected_percent is not None]
    return Row(
        table=published["table"],
        recipe=first.recipe,
        changes=tuple(first.changes),
        epochs=first.epochs,
        full_epochs=first.full_epochs,
        seeds=tuple(record.seed for record in group),
        published_top1_percent=published["top1_percent"],
        top1_percent=round(mean(top1), 2),
        top1_deviation_points=round(stdev(top1), 2) if len(top1) > 1 else None,
        gap_points=round(mean(top1) - published["top1_percent"], 2),
        top1_selected_percent=round(mean(selected), 2) if selected else None,
        flatbuffer_top1_percent=round(mean(record.flatbuffer.top1_percent for record in group), 2),
        size_bytes=first.flatbuffer.size_bytes,
        format=first.flatbuffer.format,
        processors=tuple(dict.fromkeys(record.processor for record in group)),
    )


def card(records: Iterable[TrainingRecord]) -> str:
    """The whole page, of whatever is finished."""
    known = list(records)
    rows = rows_of(known)
    parts = [_TITLE]
    for table in TABLES:
        of_table = [row for row in rows if row.table == table or (table == TABLES[0] and row.recipe in ALSO_IN_TABLE_3)]
        if of_table:
            parts += [f"## Table {table}\n", markdown_table(_table(of_table)), _bullets(order_notes(of_table))]
    if switches := switches_of(known):
        parts += ["## Switches\n", _SWITCHES, markdown_table(switch_table(switches))]
    parts += ["## What the paper leaves open\n", _bullets(_choices(known))] if known else ["Nothing is trained yet.\n"]
    return "\n".join(part for part in parts if part)


def _table(rows: Sequence[Row]) -> ReportTable:
    return ReportTable(
        title="",
        headers=(
            *("recipe", "with", "epochs", "seeds", "published", "last epoch", "deviation", "gap", "chosen epoch"),
            *("flatbuffer", "format", "bytes", "trained on"),
        ),
        rows=tuple(
            (
                row.recipe,
                ", ".join(row.changes) or NOTHING,
                row.length,
                str(len(row.seeds)),
                f"{row.published_top1_percent:.2f}",
                f"{row.top1_percent:.2f}",
                row.deviation,
                f"{row.gap_points:+.2f}",
                NOTHING if row.top1_selected_percent is None else f"{row.top1_selected_percent:.2f}",
                f"{row.flatbuffer_top1_percent:.2f}",
                row.format,
                f"{row.size_bytes:,}",
                ", ".join(row.processors),
            )
            for row in rows
        ),
    )


def order_notes(rows: Sequence[Row]) -> list[str]:
    """Whether networks that were trained alike come in the paper's order."""
    notes = []
    alike: dict[tuple[int, tuple[str, ...]], list[Row]] = {}
    for row in rows:
        alike.setdefault((row.epochs, row.changes), []).append(row)
    for (epochs, _), group in alike.items():
        if len(group) < 2:
            continue
        pairs = [
            (low, high)
            for low, high in combinations(group, 2)
            if low.published_top1_percent < high.published_top1_percent
        ]
        other = [f"{low.recipe} above {high.recipe}" for low, high in pairs if low.top1_percent > high.top1_percent]
        said = f"but for {', '.join(other)}" if other else "without exception"
        notes.append(f"{len(group)} networks of {epochs} epochs come in the published order, {said}.")
    return notes


def _choices(records: Iterable[TrainingRecord]) -> list[str]:
    recipes = [recipe for record in records if (recipe := record.recipe_of_today()) is not None]
    return [f"{choice.subject}: the paper {choice.paper}. Here: {choice.here}." for choice in choices_of(recipes)]


def _bullets(sentences: Iterable[str]) -> str:
    return "".join(f"- {sentence}\n" for sentence in sentences)
