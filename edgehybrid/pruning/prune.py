"""A trained run → a new run with fewer filters, which can be trained on; and what that cost and spared."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgehybrid.cost.recipe_cost import cost_of
from edgehybrid.data.source import open_source
from edgehybrid.errors import EdgehybridError
from edgehybrid.evaluate import measured
from edgehybrid.model.build import build_model
from edgehybrid.model.compat import versions
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
from edgehybrid.pruning.score import score
from edgehybrid.pruning.shrink import shrink
from edgehybrid.recipe import Recipe
from edgehybrid.runs.checkpoint import Progress, save_checkpoint
from edgehybrid.runs.run_folder import RunFolder, create_run, write_environment
from edgehybrid.training.step import Trainer

# Scores this near to equal choose hardly better than chance.
NEARLY_UNIFORM_PERCENT = 95.0
# Shares of one are quotients of float32 numbers: 1, or a rounding more.
_EQUAL = 1e-6


@dataclass(frozen=True)
class PrunedLayer:
    """A layer's filters.

    Attributes:
        reader: the layer that reads them, whose sums score them.
        reads_signs: whether it reads ±1 (or other few values) in place of the map.
        evenness_percent: how many filters would be as many if all were alike, by the entropy of their scores; 100: all
            alike, so that the choice is one by chance.
        tied: filters of equal scores of which some stay and others go, by their place alone; 0 where scores decide.
        kept_uniformly: of the control.
    """

    name: str
    reader: str
    filters: int
    kept: int
    kept_uniformly: int
    reads_signs: bool
    evenness_percent: float
    tied: int

    def as_dict(self) -> dict[str, object]:
        """The object that ``prune`` prints of a layer."""
        return {
            "layer": self.name,
            "reader": self.reader,
            "filters": self.filters,
            "kept": self.kept,
            "kept_uniformly": self.kept_uniformly,
            "reads_signs": self.reads_signs,
            "evenness_percent": round(self.evenness_percent, 2),
            "tied": self.tied,
        }


@dataclass(frozen=True)
class Pruned:
    """What was done.

    Attributes:
        run: the new run's folder.
        weights, kept_weights: in full precision, before and after.
        top1_percent: of the test images, without training on: before, by sensitivity, and of the uniform control.
        energy_uj: modelled by the paper's rules, before and after.
    """

    source: str
    run: RunFolder
    images: int
    layers: tuple[PrunedLayer, ...]
    weights: int
    kept_weights: int
    top1_percent: tuple[float, float, float]
    energy_uj: tuple[float, float]
    notes: tuple[str, ...]

    def as_dict(self) -> dict[str, object]:
        """The object that ``prune`` prints."""
        before, after, uniform = self.top1_percent
        return {
            "run": str(self.run.path),
            "source": self.source,
            "images": self.images,
            "weights": self.weights,
            "kept_weights": self.kept_weights,
            "top1_before_percent": before,
            "top1_pruned_percent": after,
            "top1_uniform_percent": uniform,
            "energy_before_uj": self.energy_uj[0],
            "energy_uj": self.energy_uj[1],
            "layers": [layer.as_dict() for layer in self.layers],
            "notes": list(self.notes),
        }


def prune(
    run: RunFolder, runs: Path, keep: float, images: int, on_stage: Callable[[str], None] = lambda _: None
) -> Pruned:
    """Scores the filters on training images, allots, and writes a new run with the filters that are left.

    Args:
        runs: where the new run goes.
        keep: share of the network's full-precision weights.
        images: of the training images, evenly spread, that filters are scored on.

    Raises:
        RunError, DataError: no checkpoint, no images.
        EdgehybridError: no filter may go, or even one filter a layer is more than ``keep``.
    """
    network = network_of(run.recipe)
    pairs, fixed = pairs_of(network)
    if not pairs:
        raise EdgehybridError(
            "No filter of this network can go: the maps of its layers in full precision have several readers.",
            received="; ".join(f"{layer.name}: {reason}" for layer, reason in fixed)
            or f"{network.name}: no such layer",
            allowed="a layer in full precision whose map one other layer alone reads",
            next_step="Plain networks (network.shortcut: none) and VGG-19 have such layers.",
        )
    model, _ = trained_model(run)
    source = open_source(run.recipe.data)
    batches = [batch for batch, _ in source.evaluation_batches("training", limit=images)]
    scored = {}
    for pair in pairs:
        on_stage(f"Scoring {pair.layer.out_channels} filters of {pair.layer.name}")
        scored[pair.layer.name] = score(model, network, pair, batches)
    kept = under_one_bound(run.recipe, pairs, scored, keep)
    smaller = pruned_recipe(run.recipe, kept)
    # Of a training that has not begun; Bop's weights become signs there.
    trainer = Trainer(smaller)
    shrink(model, trainer.model, by_sensitivity(scored, kept))
    uniform = uniformly(run.recipe, pairs, keep)
    control = build_model(network_of(pruned_recipe(run.recipe, uniform)))
    shrink(model, control, by_chance(pairs, uniform))
    top1 = []
    for what, each in (("the network", model), ("the pruned network", trainer.model), ("the uniform control", control)):
        on_stage(f"Evaluating {what}")
        top1.append(measured(each.predict_on_batch, source).top1_percent)
    layers = tuple(_layer(pair, scored[pair.layer.name], kept, uniform) for pair in pairs)
    notes = [f"{layer.name} keeps its filters: {reason}." for layer, reason in fixed] + _by_chance(layers)
    return Pruned(
        run.name,
        new_run(runs, smaller, trainer),
        sum(map(len, batches)),
        layers,
        float_weights(network),
        float_weights(network_of(smaller)),
        (top1[0], top1[1], top1[2]),
        (cost_of(run.recipe).network.energy_uj, cost_of(smaller).network.energy_uj),
        tuple(notes),
    )


def new_run(runs: Path, recipe: Recipe, trainer: Trainer) -> RunFolder:
    """A run whose training begins with the weights of ``trainer``."""
    run = create_run(runs, recipe)
    write_environment(run, versions())
    save_checkpoint(run, trainer.values(), Progress(epoch=0))
    return run


def _layer(pair: Pair, scored: Scored, kept: Mapping[str, int], uniform: Mapping[str, int]) -> PrunedLayer:
    name = pair.layer.name
    return PrunedLayer(
        name,
        pair.reader.name,
        pair.layer.out_channels,
        kept[name],
        uniform[name],
        not pair.reader.reads_real,
        evenness_percent(scored.sensitivities),
        tied(scored.sensitivities, kept[name]),
    )


def evenness_percent(sensitivities: NDArray[np.float64]) -> float:
    """How many filters would be as many if all were alike, exp of the entropy of their shares, in % of all of them."""
    shares = sensitivities / max(sensitivities.sum(), np.finfo(float).tiny)
    shares = shares[shares > 0]
    return 100 * float(np.exp(-np.sum(shares * np.log(shares)))) / len(sensitivities)


def tied(sensitivities: NDArray[np.float64], kept: int) -> int:
    """How many filters share the score of the last one that stays, if others of that score go; else 0."""
    falling = np.sort(sensitivities)[::-1]
    if kept == len(falling) or not np.isclose(falling[kept], falling[kept - 1], rtol=_EQUAL, atol=0):
        return 0
    return int(np.isclose(sensitivities, falling[kept], rtol=_EQUAL, atol=0).sum())


def _by_chance(layers: Sequence[PrunedLayer]) -> list[str]:
    notes = []
    for layer in layers:
        if layer.tied:
            notes.append(
                f"{layer.tied} filters of {layer.name} have one and the same score, and some of them went: "
                "which ones, their place decided."
            )
        elif layer.reads_signs and layer.evenness_percent > NEARLY_UNIFORM_PERCENT:
            notes.append(
                f"{layer.reader} reads {layer.name} as few values, and its scores are {layer.evenness_percent:.1f} % "
                "even: which filters went is nearly a choice by chance."
            )
    return notes
