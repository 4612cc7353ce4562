"""What switches of a recipe are worth: trainings that differ in nothing else, on the seeds that both have."""

from collections.abc import Callable, Iterable, Sequence
from statistics import mean, stdev
from typing import NamedTuple

from edgehybrid.cost.elementwise import elementwise_of
from edgehybrid.cost.recipe_cost import network_cost_of
from edgehybrid.cost.rules import FULL, PAPER
from edgehybrid.cost.tables import load_table
from edgehybrid.networks import network_of
from edgehybrid.recipe import Recipe
from edgehybrid.report.document import NOTHING, ReportTable
from edgehybrid.reproduction.record import TrainingRecord, by_training, length_of

# The standard error of a share of 10,000 images, sqrt(p (1 - p) / 10,000), is 0.5 points, and that of the mean of a few
# seeds is of the same size.
NO_DIFFERENCE_POINTS = 0.7


class Switch(NamedTuple):
    """A training with a switch beside the same one without.

    Attributes:
        changes: what the switch sets; ``kept``: what both trainings change, too.
        seeds: of trainings that ended with and without it.
        without_percent, with_percent: top-1 of the test images after the last epoch, mean of those seeds.
        gain_points: their difference; ``deviation_points``: of the seeds' differences, None for one seed.
        energy_percent, all_energy_percent: what the switch adds to the modelled energy of an inference, by the paper's
            rules, and by full ones with all between the layers; None where recipes no longer have one of its fields.
        bytes_added: to the flatbuffer.
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
    bytes_added: int

    @property
    def verdict(self) -> str:
        """Whether it helps."""
        if abs(self.gain_points) < NO_DIFFERENCE_POINTS:
            return "no difference"
        return "better" if self.gain_points > 0 else "worse"


def switches_of(records: Iterable[TrainingRecord]) -> list[Switch]:
    """Each training beside those of the same recipe and length that change least less; the best gain first."""
    groups = by_training(records)
    found = []
    for group in groups:
        less = [other for other in groups if _is_less(other[0], group[0])]
        fewest = max((len(other[0].changes) for other in less), default=0)
        for other in less:
            if len(other[0].changes) == fewest and (switch := _switch(other, group)) is not None:
                found.append(switch)
    return sorted(found, key=lambda switch: -switch.gain_points)


def _is_less(one: TrainingRecord, other: TrainingRecord) -> bool:
    """Whether all that ``one`` changes is changed alike by ``other``, which changes more."""
    return (one.recipe, one.epochs) == (other.recipe, other.epochs) and set(one.changes) < set(other.changes)


def _switch(without: Sequence[TrainingRecord], group: Sequence[TrainingRecord]) -> Switch | None:
    """None where they have no seed in common."""
    before = {record.seed: record.top1_percent for record in without}
    after = {record.seed: record.top1_percent for record in group}
    seeds = sorted(before.keys() & after.keys())
    if not seeds:
        return None
    gains = [after[seed] - before[seed] for seed in seeds]
    first, plain = group[0], without[0]
    recipes = plain.recipe_of_today(), first.recipe_of_today()
    return Switch(
        recipe=first.recipe,
        changes=tuple(change for change in first.changes if change not in plain.changes),
        kept=tuple(plain.changes),
        epochs=first.epochs,
        full_epochs=first.full_epochs,
        seeds=tuple(seeds),
        without_percent=round(mean(before[seed] for seed in seeds), 2),
        with_percent=round(mean(after[seed] for seed in seeds), 2),
        gain_points=round(mean(gains), 2),
        deviation_points=round(stdev(gains), 2) if len(gains) > 1 else None,
        energy_percent=_added_percent(*recipes, lambda recipe: network_cost_of(recipe, PAPER).energy_uj),
        all_energy_percent=_added_percent(*recipes, _energy_of_all_uj),
        bytes_added=first.flatbuffer.size_bytes - plain.flatbuffer.size_bytes,
    )


def _added_percent(without: Recipe | None, recipe: Recipe | None, energy: Callable[[Recipe], float]) -> float | None:
    return None if without is None or recipe is None else round(100 * (energy(recipe) / energy(without) - 1), 2)


def _energy_of_all_uj(recipe: Recipe) -> float:
    return network_cost_of(recipe, FULL).energy_uj + elementwise_of(network_of(recipe)).energy_uj(load_table("paper"))


def switch_table(switches: Sequence[Switch]) -> ReportTable:
    """For the card."""
    return ReportTable(
        title="",
        headers=(
            *("recipe", "switch", "epochs", "seeds", "without", "with", "gain", "deviation", "verdict"),
            *("energy %, paper's rules", "energy %, all counted", "bytes"),
        ),
        rows=tuple(
            (
                switch.recipe,
                ", ".join(switch.changes),
                length_of(switch.epochs, switch.full_epochs),
                str(len(switch.seeds)),
                f"{switch.without_percent:.2f}",
                f"{switch.with_percent:.2f}",
                f"{switch.gain_points:+.2f}",
                NOTHING if switch.deviation_points is None else f"{switch.deviation_points:.2f}",
                switch.verdict,
                NOTHING if switch.energy_percent is None else f"{switch.energy_percent:+.2f}",
                NOTHING if switch.all_energy_percent is None else f"{switch.all_energy_percent:+.2f}",
                f"{switch.bytes_added:+,}",
            )
            for switch in switches
        ),
    )
