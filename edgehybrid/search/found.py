"""One search from beginning to end: what the command does, without the command line."""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edgehybrid.files import refuse_existing
from edgehybrid.search.candidate import Judge, Screening
from edgehybrid.search.columns import CostModel, check_columns, sampled_objectives
from edgehybrid.search.export import CSV_FILE, JSON_FILE, published_networks, trial_rows, write_study
from edgehybrid.search.finish import Member, measured_on, with_test_accuracy
from edgehybrid.search.front import Cheapest, as_columns, cheapest_at, front_of
from edgehybrid.search.search import Worker
from edgehybrid.search.space import Space
from edgehybrid.search.study import Study, TrialRecord, database_errors, open_study


@dataclass(frozen=True)
class Wishes:
    """What is asked of a search.

    Attributes:
        trials: networks to train, of all workers together; 0 only looks at what there is.
        hours: after which no further one is begun; None for no such end.
        storage: URL of a database; None for a file in the folder of runs.
        resumes: whether the study in the folder of runs is gone on with.
        screened: random candidates that are costed before the first training.
        device: to measure the front on; None to measure nothing.
        iso: accuracies to name the cheapest network at, percent.
        out: folder for the study's files; None for none.
    """

    trials: int
    hours: float | None
    storage: str | None
    resumes: bool
    screened: int
    device: str | None
    iso: Sequence[float]
    out: Path | None
    overwrite: bool
    heartbeat_s: int


@dataclass(frozen=True)
class Found:
    """What a search has found.

    Attributes:
        finished: whether as many networks were trained as were asked for.
        front: members that break no limit.
        excluded: members whose measured latency breaks the limit, or is worse than another's.
        recipes: files of the front's recipes.
    """

    space: Space
    screening: Screening
    trials: Sequence[TrialRecord]
    finished: bool
    front: Sequence[Member]
    excluded: Sequence[Member] = ()
    iso: Sequence[Cheapest] = ()
    recipes: Sequence[Path] = ()
    notes: Sequence[str] = field(default_factory=tuple)

    def as_dict(self) -> dict[str, object]:
        """The object that ``search`` prints."""
        states = Counter(one.state for one in self.trials)
        return {
            "space": self.space.name,
            "space_sha256": self.space.sha256,
            "finished": self.finished,
            "screened": self.screening.candidates,
            "screened_fit": len(self.screening.fit),
            "screened_faults": dict(self.screening.faults),
            "trained": states["trained"],
            "stopped_early": states["stopped early"],
            "failed": states["failed"],
            "left_out": dict(Counter(str(one.fault) for one in self.trials if one.state == "left out")),
            "front": [self._member(member) for member in self.front],
            "excluded": [{**self._member(member), "limit": member.excluded} for member in self.excluded],
            "iso": [one.as_dict() for one in self.iso],
            "recipes": [str(path) for path in self.recipes],
            "notes": list(self.notes),
        }

    def _member(self, member: Member) -> dict[str, Any]:
        one = member.trial
        return {
            "trial": one.number,
            **as_columns(one.figures),
            "top1_percent": member.top1_percent,
            "latency_ms_median": member.latency_ms_median,
            "params": {name: self.space.domains[name].value(value) for name, value in one.params.items()},
            "run": one.run,
        }


def search(space: Space, runs: Path, store: Path, wishes: Wishes, say: Callable[[str], None]) -> Found:
    """Searches a space, or goes on with it.

    Raises:
        EdgehybridError: see ``check_columns``, ``open_study``, ``Worker``, ``measured_on``, ``write_study``.
    """
    check_columns(space.settings, wishes.device)
    if wishes.out is not None:
        # Before hours of training, not after.
        refuse_existing([wishes.out / JSON_FILE, wishes.out / CSV_FILE], wishes.overwrite)
    model = CostModel(space.settings, space.source.parent)
    model.check()
    began = time.monotonic()
    study = open_study(space, wishes.storage, runs, wishes.resumes, wishes.heartbeat_s)
    with database_errors(study.url):
        return _searched(study, model, runs, store, wishes, say, began)


def _searched(
    study: Study, model: CostModel, runs: Path, store: Path, wishes: Wishes, say: Callable[[str], None], began: float
) -> Found:
    space = study.space
    worker = Worker(study, Judge(space, model), runs, say)
    screening = worker.begin(wishes.screened)
    say(
        f"{len(screening.fit):,} of {screening.candidates:,} random candidates fit"
        + "".join(f"; {fault}: {count:,} excluded" for fault, count in screening.faults.most_common())
    )
    ends = float("inf") if wishes.hours is None else began + 3600 * wishes.hours
    finished = worker.run(wishes.trials, ends) if wishes.trials else True
    kept = study.kept()
    members, notes = with_test_accuracy(study, front_of(kept, sampled_objectives(space.settings)), runs)
    if wishes.device is not None:
        members = measured_on(wishes.device, study, members, runs, store, say)
    trials = study.trials()
    rows = trial_rows(space, trials, members)
    recipes = []
    if wishes.out is not None:
        published, not_counted = published_networks(space, model)
        recipes = write_study(wishes.out, space, rows, published, wishes.overwrite)
        notes += not_counted
    return Found(
        space,
        screening,
        trials,
        finished,
        [member for member in members if member.excluded is None],
        [member for member in members if member.excluded is not None],
        cheapest_at(wishes.iso, kept, space),
        recipes,
        notes,
    )
