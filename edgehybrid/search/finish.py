"""What the networks of the front are measured in, when all are trained: test accuracy, and latency on a board."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

from edgehybrid.census.formats import Target
from edgehybrid.evaluate import evaluate_keras
from edgehybrid.runs.run_folder import RunFolder, open_run
from edgehybrid.search.columns import MEASURED, is_better_or_equal
from edgehybrid.search.front import dominates
from edgehybrid.search.study import Study, TrialRecord

_TEST = "top1_percent"


@dataclass(frozen=True)
class Member:
    """A network of the front.

    Attributes:
        top1_percent: of the test images; None if its run is on another machine.
        latency_ms_median: measured; None without a board.
        excluded: why the measurement takes it out: a limit, or another member that is better; None if it does not.
    """

    trial: TrialRecord
    top1_percent: float | None = None
    latency_ms_median: float | None = None
    excluded: str | None = None


def with_test_accuracy(study: Study, front: Sequence[TrialRecord], runs: Path) -> tuple[list[Member], list[str]]:
    """The front with its accuracy on the test images, and a note on each member that has none.

    A network's test accuracy is measured once, and kept in the study.
    """
    members, notes = [], []
    for one in front:
        key = f"{_TEST}:{one.number}"
        if study.fact(key) is None:
            run = _run_of(one, runs)
            if run is None:
                notes.append(
                    f"#{one.number} was trained on {one.machine}, and its run {one.run} is not in {runs}: no test "
                    "accuracy. Run the same command there with --resume."
                )
            else:
                study.remember(key, evaluate_keras(run).top1_percent)
        members.append(Member(one, study.fact(key)))
    return members, notes


def measured_on(
    device: str, study: Study, members: Sequence[Member], runs: Path, store: Path, say: Callable[[str], None]
) -> list[Member]:
    """Converts each member and measures it on a device; rows go to the results. Each is measured once a device.

    Raises:
        EdgehybridError: see ``convert`` and ``benchmark``.
    """
    from converters.pipeline import convert
    from edgehybrid.device.bench import benchmark_together
    from edgehybrid.device.machine import reached
    from edgehybrid.results import append
    from edgehybrid.runs.artefact import open_artefact

    limit, found = study.space.settings.limits.get(MEASURED), []
    with reached(device) as machine:
        for member in members:
            key = f"{MEASURED}:{member.trial.number}:{machine.device}"
            run = _run_of(member.trial, runs)
            if study.fact(key) is None and run is not None:
                say(f"#{member.trial.number}: measured on {machine.device}")
                made = convert(run, cast(Target, machine.board.machine), overwrite=True)
                row = benchmark_together(machine, [open_artefact(run.path / made.model)], 1, 3, 100).rows[0]
                append(store, row)
                study.remember(key, row.latency_ms_median)
            latency = study.fact(key)
            broken = limit is not None and latency is not None and not is_better_or_equal(MEASURED, latency, limit)
            found.append(Member(member.trial, member.top1_percent, latency, f"limit {MEASURED}" if broken else None))
    return _by_measurement(found, study.space.settings.objectives)


def _by_measurement(members: Sequence[Member], objectives: Sequence[str]) -> list[Member]:
    """Takes out what another member beats, where the measured latency is an objective; before, it was a prediction."""
    if MEASURED not in objectives:
        return list(members)
    rivals = [_figures(one) for one in members if one.excluded is None and one.latency_ms_median is not None]
    return [
        replace(one, excluded="beaten as measured")
        if one.excluded is None
        and one.latency_ms_median is not None
        and any(dominates(rival, _figures(one), objectives) for rival in rivals)
        else one
        for one in members
    ]


def _figures(member: Member) -> dict[str, float]:
    return {**member.trial.figures, MEASURED: float(member.latency_ms_median or 0.0)}


def _run_of(trial: TrialRecord, runs: Path) -> RunFolder | None:
    """The trial's run, if it is on this machine."""
    if trial.run is None or not (runs / trial.run / "checkpoint" / "latest.json").is_file():
        return None
    return open_run(runs / trial.run)
