"""Says in one sentence what a hybrid network gains and loses against its float twin on the same device."""

from collections.abc import Hashable, Sequence
from typing import NamedTuple

from edgehybrid.networks import float_twin
from edgehybrid.recipe import Recipe
from edgehybrid.report.origin import Entry
from edgehybrid.report.result_tables import measured_latency_ms


def compare_with_twins(entries: Sequence[Entry]) -> tuple[str, ...]:
    """A sentence for each pair of a hybrid row and a row of its twin on the same device and threads.

    The twin has the same topology and data with every layer in full precision, under whatever name. Of
    several measurements of one recipe in one format only the newest is compared; an ``invalid`` one never.
    """
    # Rows of one run share a recipe, and what is asked of it takes longer than all else.
    distinct = {id(entry.recipe): entry.recipe for entry in entries}
    recipes = {key: _Identity.of(recipe) for key, recipe in distinct.items()}
    newest: dict[Hashable, Entry] = {}
    for entry in sorted(entries, key=lambda entry: entry.row.measured_at_utc):
        if entry.row.verdict != "invalid":
            newest[recipes[id(entry.recipe)].sha256, entry.row.format, _place(entry)] = entry
    kept = sorted(newest.values(), key=lambda entry: entry.number)
    by_network: dict[Hashable, list[Entry]] = {}
    for entry in kept:
        by_network.setdefault((_place(entry), recipes[id(entry.recipe)].network), []).append(entry)
    return tuple(
        _sentence(hybrid, twin)
        for hybrid in kept
        for twin in by_network.get((_place(hybrid), recipes[id(hybrid.recipe)].twin), ())
    )


class _Identity(NamedTuple):
    """What tells recipes apart: the whole, its network and data, and those of its twin; None if it is one itself."""

    sha256: str
    network: str
    twin: str | None

    @classmethod
    def of(cls, recipe: Recipe) -> "_Identity":
        twin = float_twin(recipe)
        is_float = twin.network == recipe.network
        return cls(recipe.sha256, _network_and_data(recipe), None if is_float else _network_and_data(twin))


def _place(entry: Entry) -> tuple[Hashable, ...]:
    return entry.row.device, entry.row.target, entry.row.threads, entry.row.emulated


def _network_and_data(recipe: Recipe) -> str:
    """What must be equal in twins. Left out: the folder of the images, and what only quantised layers have."""
    of_quantised = {"pad_value": 1, "thresholds": "zero", "standardise_weights": False}
    network, data = recipe.network.model_copy(update=of_quantised), recipe.data.model_copy(update={"path": None})
    return network.model_dump_json() + data.model_dump_json()


def _sentence(hybrid: Entry, twin: Entry) -> str:
    ours, theirs = hybrid.row, twin.row
    latencies = measured_latency_ms(ours, "median"), measured_latency_ms(theirs, "median")
    facts = (
        _ratio("measured size", ours.size_bytes, theirs.size_bytes, "smaller", "larger"),
        _ratio("measured median latency", *latencies, "shorter", "longer"),
        _ratio("modelled energy", ours.energy_model_uj, theirs.energy_model_uj, "lower", "higher"),
        _difference("measured top-1 accuracy", ours.top1_percent, theirs.top1_percent),
    )
    unequal = ours.epochs != theirs.epochs
    epochs = f", after {ours.epochs} against {theirs.epochs} epochs" if unequal else ""
    return (
        f"#{hybrid.number} {ours.recipe} ({ours.format}) against its float twin "
        f"#{twin.number} {theirs.recipe} ({theirs.format}) on {ours.device}{epochs}: "
        f"{'; '.join(facts)}."
    )


def _ratio(what: str, ours: float | None, theirs: float | None, less: str, more: str) -> str:
    """Always a factor of at least 1, so that ``1.25× longer`` cannot be mistaken for a gain."""
    if not (ours and theirs):
        return f"{what} not compared"
    return f"{what} {theirs / ours:.2f}× {less}" if ours <= theirs else f"{what} {ours / theirs:.2f}× {more}"


def _difference(what: str, ours: float | None, theirs: float | None) -> str:
    if ours is None or theirs is None:
        return f"{what} not compared"
    return f"{what} {ours - theirs:+.2f} points ({ours:.2f} % against {theirs:.2f} %)"
