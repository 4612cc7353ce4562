"""What switches of a recipe are worth: trainings that differ in nothing else, on the seeds that both have."""

import math
from collections.abc import Callable, Iterable, Sequence
from statistics import mean, stdev
from typing import Any, NamedTuple

from edgehybrid.cost.elementwise import elementwise_of
from edgehybrid.cost.recipe_cost import network_cost_of
from edgehybrid.cost.rules import FULL, PAPER
from edgehybrid.cost.tables import load_table
from edgehybrid.errors import RecipeError
from edgehybrid.networks import network_of
from edgehybrid.recipe import Recipe
from edgehybrid.report.document import NOTHING, ReportTable
from edgehybrid.reproduction.differences import differences
from edgehybrid.reproduction.record import TrainingRecord, by_training, length_of

# A share p of 10,000 images has a standard error of sqrt(p (1 - p) / 10,000), 0.5 points; the difference of two, 0.7.
LEAST_POINTS = 0.7
# With fewer, how far seeds lie apart is not known.
LEAST_SEEDS = 3


class Switch(NamedTuple):
    """A training with a switch beside the same one without.

    Attributes:
        changes: what the switch sets; ``kept``: what both trainings change, too.
        seeds: of trainings that ended with and without it.
        without_percent, with_percent: top-1 of the test images after the last epoch, mean of those seeds.
        gain_points: their difference; ``deviation_points``: of the seeds' differences, None for one seed.
        energy_percent, all_energy_percent: what the switch adds to the modelled energy of an inference, by the paper's
            rules, and by full ones with the arithmetic between layers; None where recipes of today are other ones.
        bytes_added: to the flatbuffer; None for files of different formats.
    """

    recipe: str
    changes: tuple[str, ...]
    kept: tuple[str, ...]
    epochs: int
    full_epochs: int
    seeds: tuple[int, ...]
    without_percent: float
    with_percent: float
    gain_points: float
    deviation_points: float | None
    energy_percent: float | None
    all_energy_percent: float | None
    bytes_added: int | None

    @property
    def verdict(self) -> str:
        """Whether it helps: a gain of ``LEAST_POINTS`` and of twice the standard error of the seeds' mean.

        With three seeds, one switch in five that does nothing exceeds the latter.
        """
        if len(self.seeds) < LEAST_SEEDS or self.deviation_points is None:
            return f"fewer than {LEAST_SEEDS} seeds"
        least = max(LEAST_POINTS, 2 * self.deviation_points / math.sqrt(len(self.seeds)))
        if abs(self.gain_points) < least:
            return "no difference"
        return "better" if self.gain_points > 0 else "worse"

    def as_dict(self) -> dict[str, Any]:
        """For ``--json``."""
        return self._asdict() | {"verdict": self.verdict}


def switches_of(records: Iterable[TrainingRecord]) -> list[Switch]:
    """Each training beside those of the same recipe and length that change least less; the best gain first."""
    groups = by_training(records)
    found = []
    for group in groups:
        less = [other for other in groups if _is_less(other[0], group[0]) and _common_seeds(other, group)]
        for other in less:
            changes = set(other[0].changes)
            if not any(changes < set(nearer[0].changes) for nearer in less):
                found.append(_switch(other, group))
    return sorted(found, key=lambda switch: -switch.gain_points)


def _is_less(one: TrainingRecord, other: TrainingRecord) -> bool:
    """Whether ``other`` differs from ``one`` in the fields that it changes more, and in nothing else.

    What a record calls its changes is from the recipe as it was then shipped: the trainings themselves must agree.
    """
    if (one.recipe, one.epochs) != (other.recipe, other.epochs) or not set(one.changes) < set(other.changes):
        return False
    # A field that recipes no longer have is seen on one side alone.
    if (one.recipe_of_today() is None) != (other.recipe_of_today() is None):
        return False
    # Fields, not values: a shorter training has another warm-up than the change says.
    return _fields(differences(one.training(), other.training())) == _fields(set(other.changes) - set(one.changes))


def _fields(changes: Iterable[str]) -> set[str]:
    return {change.partition("=")[0] for change in changes}


def _common_seeds(one: Sequence[TrainingRecord], other: Sequence[TrainingRecord]) -> list[int]:
    return sorted({record.seed for record in one} & {record.seed for record in other})


def _switch(without: Sequence[TrainingRecord], group: Sequence[TrainingRecord]) -> Switch:
    before, after = ({record.seed: record for record in each} for each in (without, group))
    seeds = _common_seeds(without, group)
    gains = [after[seed].top1_percent - before[seed].top1_percent for seed in seeds]
    plain, first = before[seeds[0]], after[seeds[0]]
    recipes = plain.recipe_of_today(), first.recipe_of_today()
    is_one_format = plain.flatbuffer.format == first.flatbuffer.format
    return Switch(
        recipe=first.recipe,
        changes=tuple(change for change in first.changes if change not in plain.changes),
        kept=tuple(plain.changes),
        epochs=first.epochs,
        full_epochs=first.full_epochs,
        seeds=tuple(seeds),
        without_percent=round(mean(before[seed].top1_percent for seed in seeds), 2),
        with_percent=round(mean(after[seed].top1_percent for seed in seeds), 2),
        gain_points=round(mean(gains), 2),
        deviation_points=round(stdev(gains), 2) if len(gains) > 1 else None,
        energy_percent=_added_percent(*recipes, lambda recipe: network_cost_of(recipe, PAPER).energy_uj),
        all_energy_percent=_added_percent(*recipes, _energy_of_all_uj),
        bytes_added=first.flatbuffer.size_bytes - plain.flatbuffer.size_bytes if is_one_format else None,
    )


def _added_percent(without: Recipe | None, recipe: Recipe | None, energy: Callable[[Recipe], float]) -> float | None:
    if without is None or recipe is None:
        return None
    try:
        return round(100 * (energy(recipe) / energy(without) - 1), 2)
    except RecipeError:
        # Of a network that could be described once.
        return None


def _energy_of_all_uj(recipe: Recipe) -> float:
    return network_cost_of(recipe, FULL).energy_uj + elementwise_of(network_of(recipe)).energy_uj(load_table("paper"))


def switch_table(switches: Sequence[Switch]) -> ReportTable:
    """For the card."""
    return ReportTable(
        title="",
        headers=(
            *("recipe", "switch", "both with", "epochs", "seeds", "top-1 without", "top-1 with", "gain, points"),
            *("deviation", "verdict", "energy %, paper's rules", "energy %, full rules", "bytes added"),
        ),
        rows=tuple(
            (
                switch.recipe,
                ", ".join(switch.changes),
                ", ".join(switch.kept) or NOTHING,
                length_of(switch.epochs, switch.full_epochs),
                str(len(switch.seeds)),
                f"{switch.without_percent:.2f}",
                f"{switch.with_percent:.2f}",
                f"{switch.gain_points:+.2f}",
                _text(switch.deviation_points, ".2f"),
                switch.verdict,
                _text(switch.energy_percent, "+.2f"),
                _text(switch.all_energy_percent, "+.2f"),
                _text(switch.bytes_added, "+,"),
            )
            for switch in switches
        ),
    )


def _text(value: float | None, form: str) -> str:
    return NOTHING if value is None else format(value, form)
