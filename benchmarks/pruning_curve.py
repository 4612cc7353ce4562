"""Accuracy against the share of the weights that `edgehybrid prune` leaves, beside two controls; and even scores.

    python benchmarks/pruning_curve.py RUN --scratch FOLDER --out benchmarks/pruning
    python benchmarks/pruning_curve.py --evenness RUN … --out benchmarks/pruning

The first writes curve.csv and curve.svg: for each share and method the top-1 of the test images right after pruning,
and after one more epoch at a tenth of the learning rate, which the unpruned network gets, too. The methods differ in
how many filters a layer keeps, and in which:

    sensitivity        so many as one error bound for all layers asks for, those of the largest sensitivities
    uniform_largest    the same share of each layer's, those of the largest sensitivities
    uniform            the same share of each layer's, by chance: the control of `edgehybrid prune`; and two other draws

All keep as many weights as the share allows. The runs that are trained on lie in the scratch folder. The second writes
evenness.csv: how even the scores of each layer's filters are, how many bits the layer that reads them sees, and whether
other images would put the filters in the same order.
"""

import argparse
import csv
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr

from edgehybrid.cost.recipe_cost import cost_of
from edgehybrid.csv_text import to_csv
from edgehybrid.data.source import open_source
from edgehybrid.evaluate import measured
from edgehybrid.model.variables import trained_model
from edgehybrid.networks import network_of
from edgehybrid.pruning.allotment import Scored
from edgehybrid.pruning.choice import (
    by_chance,
    by_sensitivity,
    float_weights,
    pruned_recipe,
    under_one_bound,
    uniformly,
)
from edgehybrid.pruning.pairs import Pair, pairs_of
from edgehybrid.pruning.prune import evenness_percent, new_run
from edgehybrid.pruning.score import score
from edgehybrid.pruning.sensitivity import Floats
from edgehybrid.pruning.shrink import Places, shrink
from edgehybrid.recipe import Recipe
from edgehybrid.runs.run_folder import RunFolder, find_run, open_run
from edgehybrid.svg import RING, Scale, axes, document, line, mark, round_range, text
from edgehybrid.training.loop import resume
from edgehybrid.training.step import Trainer

SHARES = (0.9, 0.7, 0.5, 0.35, 0.25)
# As many as `edgehybrid prune` takes by itself.
IMAGES = 64
# The first is the control's, which is trained on; the others tell how much the draw matters.
SEEDS = (0, 1, 2)
SLOWER = 0.1
METHODS = ("sensitivity", "uniform_largest", "uniform")
_WIDTH, _HEIGHT, _LEFT, _ABOVE, _BELOW, _LEGEND_LINE = 460.0, 300.0, 44.0, 30.0, 44.0, 16.0


@dataclass(frozen=True)
class Row:
    """One pruned network.

    Attributes:
        seed: of the draw, where filters are drawn.
        weights_share: what is left of the weights in full precision.
        energy_uj: modelled by the paper's rules.
        top1_pruned_percent, top1_retrained_percent: of the test images; the second None where it was not trained on.
    """

    method: str
    share_asked: float
    seed: int | None
    weights: int
    weights_share: float
    macs: int
    energy_uj: float
    top1_pruned_percent: float
    top1_retrained_percent: float | None = None


class Subject:
    """A trained network, and the scores of its filters."""

    def __init__(self, run: RunFolder) -> None:
        self.recipe, self.network = run.recipe, network_of(run.recipe)
        self.model, _ = trained_model(run)
        self.source = open_source(run.recipe.data)
        self.pairs: list[Pair] = pairs_of(self.network)[0]

    @cached_property
    def scored(self) -> dict[str, Scored]:
        """By layer, as `edgehybrid prune` scores filters."""
        return self.scores_on([batch for batch, _ in self.source.evaluation_batches("training", limit=IMAGES)])

    def scores_on(self, batches: Sequence[Floats]) -> dict[str, Scored]:
        """By layer, of these images."""
        return {pair.layer.name: score(self.model, self.network, pair, batches) for pair in self.pairs}

    def choices(self) -> Iterator[tuple[str, float, int | None, Mapping[str, Places]]]:
        """Method, share, seed, and the places of the filters that stay; first that of all of them."""
        yield "unpruned", 1.0, None, {}
        for share in SHARES:
            uniform = uniformly(self.recipe, self.pairs, share)
            bound = under_one_bound(self.recipe, self.pairs, self.scored, share)
            yield "sensitivity", share, None, by_sensitivity(self.scored, bound)
            yield "uniform_largest", share, None, by_sensitivity(self.scored, uniform)
            for seed in SEEDS:
                yield "uniform", share, seed, by_chance(self.pairs, uniform, seed)

    def pruned(self, places: Mapping[str, Places]) -> tuple[Recipe, Trainer]:
        """Of a network with these filters: how it is trained on, and the model before that."""
        recipe = retraining(pruned_recipe(self.recipe, {name: len(each) for name, each in places.items()}))
        trainer = Trainer(recipe)
        shrink(self.model, trainer.model, places)
        return recipe, trainer

    def row(self, method: str, share: float, seed: int | None, recipe: Recipe, model: Any) -> Row:
        """Of a network that is not yet trained on."""
        weights = float_weights(network_of(recipe))
        return Row(
            method,
            share,
            seed,
            weights,
            round(weights / float_weights(self.network), 4),
            network_of(recipe).macs,
            round(cost_of(recipe).network.energy_uj, 3),
            round(measured(model.predict_on_batch, self.source).top1_percent, 2),
        )


def retraining(recipe: Recipe) -> Recipe:
    """One epoch on, at a tenth of the learning rate that the run began with; its schedule goes with it."""
    optimizer = recipe.training.optimizer
    slower = optimizer.model_copy(update={"learning_rate": SLOWER * optimizer.learning_rate})
    return recipe.model_copy(update={"training": recipe.training.model_copy(update={"epochs": 1, "optimizer": slower})})


def measure(run: RunFolder, scratch: Path, out: Path) -> list[Row]:
    """All rows, first without training on; the table and the drawing are written after each.

    What the table has already is not measured again, and a training that was interrupted goes on.
    """
    subject = Subject(run)
    known = {(row.method, row.share_asked, row.seed): row for row in read_rows(out / "curve.csv")}
    rows: list[Row] = []

    def write() -> None:
        (out / "curve.csv").write_text(to_csv([asdict(row) for row in rows]) + "\n")
        (out / "curve.svg").write_text(curve_svg(rows), encoding="utf-8")

    for method, share, seed, places in subject.choices():
        if (method, share, seed) in known:
            rows.append(known[method, share, seed])
            continue
        recipe, trainer = subject.pruned(places)
        rows.append(subject.row(method, share, seed, recipe, trainer.model))
        if not seed:
            new_run(scratch / f"{method}_{share}", recipe, trainer)
        print(rows[-1], file=sys.stderr, flush=True)
        write()
    for number in _in_turn(rows):
        smaller = find_run(scratch / f"{rows[number].method}_{rows[number].share_asked}", None)
        # Another process may have finished it.
        retrained = (smaller.epochs() or [resume(smaller, lambda *_: None, lambda *_: None)])[-1]
        rows[number] = replace(rows[number], top1_retrained_percent=round(retrained.top1_percent, 2))
        print(rows[number], file=sys.stderr, flush=True)
        write()
    return rows


def _in_turn(rows: Sequence[Row]) -> list[int]:
    """Rows to be trained on, from the smallest: those of `edgehybrid prune`, then what explains the difference."""
    numbers = [number for number, row in enumerate(rows) if not row.seed and row.top1_retrained_percent is None]
    return sorted(numbers, key=lambda number: (rows[number].method == "uniform_largest", rows[number].share_asked))


def read_rows(table: Path) -> list[Row]:
    """Of a table that an earlier call wrote; none if there is none."""
    if not table.exists():
        return []
    with table.open(newline="") as lines:
        return [_row_of(cells) for cells in csv.DictReader(lines)]


def _row_of(cells: Mapping[str, str]) -> Row:
    seed, retrained = cells["seed"], cells["top1_retrained_percent"]
    return Row(
        cells["method"],
        float(cells["share_asked"]),
        int(seed) if seed else None,
        int(cells["weights"]),
        float(cells["weights_share"]),
        int(cells["macs"]),
        float(cells["energy_uj"]),
        float(cells["top1_pruned_percent"]),
        float(retrained) if retrained else None,
    )


def curve_svg(rows: Sequence[Row]) -> str:
    """Top-1 against what is left, a colour a method: dashed right after pruning, whole one epoch on.

    The upper panel counts weights, of which all methods keep as many, the lower one multiplications.
    """
    whole = next(row for row in rows if row.method == "unpruned")
    upper = _panel(rows, 0, "full-precision weights left, %", lambda row: 100 * row.weights_share)
    lower = _panel(rows, _HEIGHT, "multiplications left, %", lambda row: 100 * row.macs / whole.macs)
    return document(_WIDTH, 2 * _HEIGHT + 3 * _LEGEND_LINE, [*upper, *lower, *_legend(2 * _HEIGHT + 4)])


def _panel(rows: Sequence[Row], top: float, label: str, share_percent: Callable[[Row], float]) -> list[str]:
    top1 = [
        value for row in rows for value in (row.top1_pruned_percent, row.top1_retrained_percent) if value is not None
    ]
    x = Scale(0, 100, _LEFT, _WIDTH - 16)
    y = Scale(*round_range(top1, floor=0.0), top + _HEIGHT - _BELOW, top + _ABOVE)
    parts = axes(x, y, label, "top-1 of the test images, %")
    for colour, method in enumerate(METHODS):
        # The other draws of the control are rings.
        drawn = [row for row in rows if row.method in (method, "unpruned") and not row.seed]
        drawn.sort(key=lambda row: row.weights_share)
        for key, style in (("top1_pruned_percent", " dashed"), ("top1_retrained_percent", "")):
            known = [(row, value) for row in drawn if (value := getattr(row, key)) is not None]
            points = [(x(share_percent(row)), y(value)) for row, value in known]
            if len(points) > 1:
                parts.append(line(points, f"s{colour}{style}"))
            parts += [mark(colour, *point, f"s{colour}") for point in points]
    others = [(share_percent(row), row.top1_pruned_percent) for row in rows if row.seed]
    return [*parts, *(mark(RING, x(share), y(value), "s5") for share, value in others)]


def _legend(top: float) -> Iterator[str]:
    words = ("one error bound, largest sensitivities", "same share, largest sensitivities", "same share, by chance")
    for number, name in enumerate(words):
        middle = top + _LEGEND_LINE * number
        yield mark(number, 14, middle, f"s{number}")
        yield text(26, middle + 4, name)
    left = 270.0
    for number, (style, name) in enumerate((("", "one epoch on"), (" dashed", "right after pruning"))):
        middle = top + _LEGEND_LINE * number
        yield line([(left, middle), (left + 22, middle)], f"s5{style}")
        yield text(left + 30, middle + 4, name)
    yield mark(RING, left + 11, top + 2 * _LEGEND_LINE, "s5")
    yield text(left + 30, top + 2 * _LEGEND_LINE + 4, "other draws, by chance")


def evenness(run: RunFolder) -> list[dict[str, object]]:
    """A row a layer whose filters may go: how even their scores are, and whether other images give the same order.

    The order of two sets of images, of as many each, is compared by Spearman's rank correlation: 1 where both sets
    would choose the same filters, 0 where the choice is one by chance.
    """
    subject = Subject(run)
    images = np.concatenate([batch for batch, _ in subject.source.evaluation_batches("training", limit=2 * IMAGES)])
    both = [subject.scores_on([images[first::2]]) for first in (0, 1)]
    return [
        {
            "recipe": run.recipe.name,
            "layer": pair.layer.name,
            "reader": pair.reader.name,
            "reader_activation_bits": pair.reader.activation_bits,
            "filters": pair.layer.out_channels,
            "evenness_percent": round(evenness_percent(one), 2),
            "smallest_score": round(float(one.min()), 6),
            "largest_score": round(float(one.max()), 6),
            "rank_correlation": rank_correlation(one, other),
        }
        for pair in subject.pairs
        for one, other in [[scores[pair.layer.name].sensitivities for scores in both]]
    ]


def rank_correlation(one: NDArray[np.float64], other: NDArray[np.float64]) -> float | None:
    """Spearman's; None where one of the sets has no order, all its scores being equal."""
    if np.ptp(one) == 0 or np.ptp(other) == 0:
        return None
    return round(float(spearmanr(one, other).statistic), 3)


def main() -> None:
    """Measures and writes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, nargs="+")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--scratch", type=Path, default=Path("runs"))
    parser.add_argument("--evenness", action="store_true")
    given = parser.parse_args()
    runs = [open_run(path) for path in given.run]
    given.out.mkdir(parents=True, exist_ok=True)
    if given.evenness:
        rows = [row for run in runs for row in evenness(run)]
        (given.out / "evenness.csv").write_text(to_csv(rows) + "\n")
    elif len(runs) > 1:
        parser.error("the curve is that of one run")
    else:
        measure(runs[0], given.scratch, given.out)


if __name__ == "__main__":
    main()
