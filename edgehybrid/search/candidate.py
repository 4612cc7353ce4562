"""Candidates before any training: what they cost, and why one is not worth training."""

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from edgehybrid.errors import EdgehybridError, RecipeError
from edgehybrid.networks import check_trainable
from edgehybrid.recipe import Recipe, load_recipe, recipe_names
from edgehybrid.search.columns import (
    ACCURACY,
    MEASURED,
    CostModel,
    cost_objectives,
    is_better_or_equal,
    sampled_objectives,
)
from edgehybrid.search.space import Params, Space

IMPOSSIBLE, UNKNOWN = "impossible network", "figure not known"


@dataclass(frozen=True)
class Candidate:
    """A point of a space.

    Attributes:
        recipe: None where the values make none.
        costs: by column, as far as they are known.
        fault: why it is not trained: the kind, such as a limit; None if nothing speaks against it.
        words: the same in a sentence.
    """

    params: Params
    recipe: Recipe | None
    costs: Mapping[str, float]
    fault: str | None = None
    words: str = ""


class Judge:
    """Costs and faults of candidates of a space."""

    def __init__(self, space: Space, model: CostModel) -> None:
        self._space, self._model = space, model
        # What a network costs does not depend on how it is trained.
        self._known: dict[str, tuple[Mapping[str, float], tuple[str, str] | None]] = {}

    def candidate(self, params: Params) -> Candidate:
        """The candidate of these values; at fault if there is no such network, or a limit excludes it."""
        try:
            recipe = self._space.recipe(params)
            check_trainable(recipe)
        except RecipeError as error:
            return Candidate(params, None, {}, IMPOSSIBLE, error.what)
        key = recipe.network.model_dump_json()
        if key not in self._known:
            self._known[key] = self._costs(recipe)
        costs, fault = self._known[key]
        return Candidate(params, recipe, costs, *(fault or ()))

    def _costs(self, recipe: Recipe) -> tuple[Mapping[str, float], tuple[str, str] | None]:
        try:
            costs = self._model.costs(recipe)
        except EdgehybridError as error:
            return {}, (UNKNOWN, error.what)
        for name, limit in self._space.settings.limits.items():
            if name not in (ACCURACY, MEASURED) and not is_better_or_equal(name, costs[name], limit):
                return costs, (f"limit {name}", f"{name} {costs[name]:.6g}, at most {limit:g} allowed")
        return costs, None


def is_beaten(candidate: Candidate, trained: Sequence[Mapping[str, float]], space: Space) -> bool:
    """Whether there is a trained network that the candidate cannot beat, whatever its accuracy will be.

    That costs no more in any objective, and is as accurate as counts: ``search.enough_top1_percent``, or, where
    accuracy is no objective, the limit of it. So nothing that could join the front is left out.

    Args:
        trained: figures by column of each network, accuracy among them.
    """
    settings = space.settings
    objectives = cost_objectives(sampled_objectives(settings))
    counts = settings.enough_top1_percent if ACCURACY in settings.objectives else settings.limits.get(ACCURACY, 0.0)
    return any(
        figures[ACCURACY] >= counts
        and all(is_better_or_equal(name, figures[name], candidate.costs[name]) for name in objectives)
        for figures in trained
    )


@dataclass
class Screening:
    """Random candidates of a space, and what excludes some.

    Attributes:
        fit: those that could be trained.
        faults: how many each fault excludes.
        least: by limited cost column, the least figure that any candidate has.
    """

    candidates: int = 0
    fit: list[Candidate] = field(default_factory=list)
    faults: Counter[str] = field(default_factory=Counter)
    least: dict[str, float] = field(default_factory=dict)
    words: dict[str, str] = field(default_factory=dict)

    def check(self, space: Space) -> None:
        """Raises EdgehybridError if no candidate fits, with the limits that exclude all."""
        if self.fit:
            return
        parts = [f"{fault}: {count:,} ({self.words[fault]})" for fault, count in self.faults.most_common()]
        reach = [f"{name} is {value:.6g} at least" for name, value in self.least.items()]
        raise EdgehybridError(
            f"No network of the space may be trained: of {self.candidates:,} candidates none fits.",
            received="; ".join(parts),
            allowed="; ".join(reach) or None,
            next_step="Raise the limit that excludes most, or open the space to smaller networks."
            if any(fault not in (IMPOSSIBLE, UNKNOWN) for fault in self.faults)
            else "Change the fields that this is about.",
        )


def screen(space: Space, judge: Judge, count: int, seed: int = 0) -> Screening:
    """Draws ``count`` candidates, each value of each field as likely, by the seed of the space and ``seed``."""
    source, found = random.Random(f"{space.settings.seed} {seed}"), Screening(count)
    limited = [name for name in space.settings.limits if name not in (ACCURACY, MEASURED)]
    for _ in range(count):
        one = judge.candidate({name: domain.draw(source) for name, domain in space.domains.items()})
        for name in limited:
            if name in one.costs:
                found.least[name] = min(one.costs[name], found.least.get(name, one.costs[name]))
        if one.fault is None:
            found.fit.append(one)
        else:
            found.faults[one.fault] += 1
            found.words.setdefault(one.fault, one.words)
    return found


def spread(candidates: Sequence[Candidate], count: int) -> list[Candidate]:
    """Of candidates, ``count`` whose modelled energies lie apart: its quantiles, from the cheapest to the dearest."""
    ordered = sorted(candidates, key=lambda one: one.costs["energy_model_uj"])
    if len(ordered) <= count:
        return ordered
    return [ordered[round(i * (len(ordered) - 1) / (count - 1))] for i in range(count)] if count > 1 else ordered[:1]


def known_designs(space: Space, judge: Judge) -> list[Candidate]:
    """The shipped networks that lie in the space and fit its limits, by the order of their names, each once."""
    found: dict[str, Candidate] = {}
    for name in recipe_names():
        params = space.params_of(load_recipe(name))
        if params is not None and (one := judge.candidate(params)).fault is None:
            found.setdefault(str(sorted(params.items())), one)
    return list(found.values())
