"""What a study has found: the networks that no other one beats, and the cheapest one at each accuracy."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from edgehybrid.errors import UsageError
from edgehybrid.networks import FLOAT_BITS, network_of
from edgehybrid.recipe import Recipe
from edgehybrid.search.columns import ACCURACY, is_better_or_equal
from edgehybrid.search.space import Space
from edgehybrid.search.study import TrialRecord

INT8_BITS = 8


def front_of(trials: Sequence[TrialRecord], objectives: Sequence[str]) -> list[TrialRecord]:
    """The trials whose figures no other one's dominate, by rising last objective; of equal ones the first.

    One dominates another if it is as good in each objective, and better in one.
    """
    found = [one for one in trials if not any(dominates(other.figures, one.figures, objectives) for other in trials)]
    different = {tuple(one.figures[name] for name in objectives): one for one in reversed(found)}
    return sorted(different.values(), key=lambda one: one.figures[objectives[-1]])


def dominates(one: Mapping[str, float], other: Mapping[str, float], objectives: Sequence[str]) -> bool:
    """Whether figures by column are as good as others in each objective, and better in one."""
    pairs = [(name, one[name], other[name]) for name in objectives]
    return all(is_better_or_equal(*pair) for pair in pairs) and any(mine != its for _, mine, its in pairs)


@dataclass(frozen=True)
class Cheapest:
    """The cheapest network of at least an accuracy.

    Attributes:
        trial: None if no network is so accurate.
        bits: of weights and activations, for each kind of layer that differs, such as ``1`` or ``1, 4``; 32 for full
            precision.
        int8: the cheapest one whose layers all have 8 bits, and is so accurate; None if there is none.
        ratio: cost of ``int8`` to that of ``trial``.
    """

    top1_percent: float
    column: str
    trial: TrialRecord | None = None
    bits: str = ""
    depth: int = 0
    filters: str = ""
    int8: TrialRecord | None = None

    @property
    def ratio(self) -> float | None:
        """How many times as much the cheapest int8 network costs."""
        if self.trial is None or self.int8 is None:
            return None
        return self.int8.figures[self.column] / self.trial.figures[self.column]

    def as_dict(self) -> dict[str, object]:
        """A line of ``iso`` of the command."""
        return {
            "top1_percent_at_least": self.top1_percent,
            "column": self.column,
            "trial": None if self.trial is None else self.trial.number,
            self.column: None if self.trial is None else self.trial.figures[self.column],
            "top1_validation_percent": None if self.trial is None else self.trial.figures[ACCURACY],
            "bits": self.bits or None,
            "depth": self.depth or None,
            "filters": self.filters or None,
            "int8_trial": None if self.int8 is None else self.int8.number,
            f"int8_{self.column}": None if self.int8 is None else self.int8.figures[self.column],
            "int8_ratio": self.ratio,
        }


def cheapest_at(accuracies: Sequence[float], trials: Sequence[TrialRecord], space: Space) -> list[Cheapest]:
    """For each accuracy the cheapest trained network, by the first cost objective, beside the cheapest int8 one."""
    column = next((name for name in space.settings.objectives if name != ACCURACY), "energy_model_uj")
    of_int8 = [one for one in trials if _bits(space.recipe(one.params)) == [INT8_BITS]]
    found = []
    for top1 in accuracies:
        trial, int8 = (_cheapest(some, top1, column) for some in (trials, of_int8))
        if trial is None:
            found.append(Cheapest(top1, column))
            continue
        recipe = space.recipe(trial.params)
        layers = network_of(recipe).layers
        filters = [layer.out_channels for layer in layers if layer.kind == "conv"]
        words = ", ".join(map(str, dict.fromkeys(filters)))
        found.append(Cheapest(top1, column, trial, ", ".join(map(str, _bits(recipe))), len(layers), words, int8))
    return found


def _cheapest(trials: Sequence[TrialRecord], top1: float, column: str) -> TrialRecord | None:
    enough = [one for one in trials if one.figures[ACCURACY] >= top1]
    return min(enough, key=lambda one: one.figures[column], default=None)


def _bits(recipe: Recipe) -> list[int]:
    """Bits of operands that are not both in full precision, or 32 if all are: the wider ones of each layer, sorted.

    What reads the image as it is, or classifies, has quantised weights or a quantised map alone: those count.
    """
    widths = set()
    for layer in network_of(recipe):
        quantised = [bits for bits in (layer.weight_bits, layer.activation_bits) if bits < FLOAT_BITS]
        widths.add(max(quantised, default=FLOAT_BITS))
    return sorted(widths)


def accuracies_of(text: str) -> list[float]:
    """The accuracies of ``--iso``, percent, such as ``85,88,90``.

    Raises:
        UsageError: not numbers between 0 and 100.
    """
    try:
        found = [float(part) for part in text.split(",")]
    except ValueError:
        found = []
    if not found or not all(0 < one <= 100 for one in found):
        raise UsageError(
            "--iso is a list of accuracies in percent.",
            received=text,
            allowed="numbers above 0, such as --iso 85,88,90",
        )
    return found


def as_columns(figures: Mapping[str, float]) -> dict[str, float]:
    """The figures under the keys of the command's objects, where the accuracy of a search is named for what it is."""
    return {("top1_validation_percent" if name == ACCURACY else name): value for name, value in figures.items()}
