"""What ``edgehybrid search`` prints for a person."""

from collections import Counter
from collections.abc import Sequence

from edgehybrid.console.tables import text_table
from edgehybrid.search.columns import ACCURACY, COLUMNS
from edgehybrid.search.found import Found
from edgehybrid.search.front import Cheapest
from edgehybrid.search.study import TrialRecord


def search_text(found: Found) -> str:
    """The front, the cheapest networks at the accuracies asked for, and how many trials there were."""
    states = Counter(one.state for one in found.trials)
    counts = ", ".join(f"{count:,} {state}" for state, count in states.items()) or "none yet"
    parts = [f"Trials: {counts}.", _front_text(found)]
    if found.iso:
        parts.append(_iso_text(found.iso))
    parts += [f"#{member.trial.number} is not in it: {member.excluded}." for member in found.excluded]
    if found.recipes:
        parts.append("Recipes of the front: " + ", ".join(map(str, found.recipes)))
    if not found.finished:
        parts.append("Not finished: go on with the same command and --resume.")
    return "\n".join(parts)


def _front_text(found: Found) -> str:
    if not found.front:
        return "The front is empty: no network was trained that keeps the limits."
    first = found.front[0].trial
    columns = [name for name in COLUMNS if name in first.costs]
    # A value that all share tells them not apart.
    shown = [
        name for name in found.space.domains if len({str(member.trial.params[name]) for member in found.front}) > 1
    ]
    header = (
        "trial",
        "validation %",
        "test %",
        *columns,
        "latency_ms_median",
        *(name.split(".", 1)[1] for name in shown),
    )
    rows = [
        (
            f"#{member.trial.number}",
            f"{member.trial.figures[ACCURACY]:.2f}",
            _number(member.top1_percent),
            *(f"{member.trial.costs[name]:.5g}" for name in columns),
            _number(member.latency_ms_median),
            *(str(member.trial.params[name]) for name in shown),
        )
        for member in found.front
    ]
    title = f"Front ({', '.join(found.space.settings.objectives)}), chosen by validation images:"
    return f"{title}\n{text_table(header, rows)}"


def _iso_text(lines: Sequence[Cheapest]) -> str:
    header = ("validation % ≥", "trial", lines[0].column, "bits", "layers", "filters", "int8 trial", "int8 / cheapest")
    rows = [
        (
            f"{line.top1_percent:g}",
            _trial(line.trial),
            "–" if line.trial is None else f"{line.trial.figures[line.column]:.5g}",
            line.bits or "–",
            line.depth or "–",
            line.filters or "–",
            _trial(line.int8),
            _number(line.ratio),
        )
        for line in lines
    ]
    return f"Cheapest network at each accuracy:\n{text_table(header, rows, texts=(0, 1, 3, 5, 6))}"


def _trial(trial: TrialRecord | None) -> str:
    return "none" if trial is None else f"#{trial.number}"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.4g}"
