"""Keeps a number only where its origin is proven: row → flatbuffer → checkpoint → recipe."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from edgehybrid.errors import EdgehybridError, RunError
from edgehybrid.networks import float_twin
from edgehybrid.recipe import Recipe
from edgehybrid.results import Row
from edgehybrid.runs.checkpoint import read_record
from edgehybrid.runs.run_folder import run_of_row
from edgehybrid.runs.sidecar import read_sidecar

# All of a row that is compared with the files of its run.
_CLAIMS = ("run", "model", "recipe", "recipe_sha256", "model_sha256")


class Entry(NamedTuple):
    """A row that may be shown: its number in the report, and the recipe that its run was trained with."""

    number: int
    row: Row
    recipe: Recipe


class Refusal(NamedTuple):
    """A row that may not be shown, and why."""

    row: Row
    reason: str


def sort_by_origin(rows: Sequence[Row], runs_folder: Path) -> tuple[list[Entry], list[Refusal]]:
    """Checks every row. Entries are numbered from 1, by device, recipe, format and time."""
    proven: list[tuple[Row, Recipe]] = []
    refused: list[Refusal] = []
    # Most rows are about few flatbuffers, and each is proven by four files.
    known: dict[tuple[str | None, ...], Recipe | str] = {}
    for row in sorted(rows, key=_reading_order):
        claims = tuple(getattr(row, key) for key in _CLAIMS)
        if claims not in known:
            try:
                known[claims] = recipe_of(row, runs_folder)
            except EdgehybridError as error:
                known[claims] = _reason(error)
        found = known[claims]
        if isinstance(found, str):
            refused.append(Refusal(row, found))
        else:
            proven.append((row, found))
    return [Entry(number, row, recipe) for number, (row, recipe) in enumerate(proven, start=1)], refused


def recipe_of(row: Row, runs_folder: Path) -> Recipe:
    """The recipe behind a row, once the run folder proves that all of the row belongs together.

    The flatbuffer's sidecar must name the row's model hash, the run, its recipe and its present checkpoint.

    Raises:
        RunError: a missing or unreadable file of the run, or two hashes that differ.
        FlatbufferError: no sidecar, or a damaged one.
    """
    run_name, flatbuffer = _plain_name(row, "run"), _plain_name(row, "model")
    run = run_of_row(runs_folder, run_name)
    checkpoint = read_record(run)
    sidecar = read_sidecar(run.path / flatbuffer)
    again = "Convert and benchmark the run again."
    # A twin is made of the run's recipe, and of no checkpoint.
    recipe = float_twin(run.recipe) if sidecar.twin else run.recipe
    recipe_sha256 = recipe.sha256 if sidecar.twin else run.recipe_sha256
    for what, claimed, proof, next_step in (
        ("recipe name", row.recipe, recipe.name, again),
        ("recipe hash", row.recipe_sha256, recipe_sha256, again),
        ("model hash", row.model_sha256, sidecar.model_sha256, "Benchmark the run's model again."),
        ("run of the model", sidecar.run, run.name, again),
        ("recipe hash of the model", sidecar.recipe_sha256, recipe_sha256, again),
        ("checkpoint hash of the model", sidecar.checkpoint_sha256, None if sidecar.twin else checkpoint.sha256, again),
    ):
        if claimed != proof:
            problem = f"The {what} is {_short(claimed)}, but the run says {_short(proof)}."
            raise RunError(problem, next_step=next_step)
    return recipe


def _reading_order(row: Row) -> tuple[str, ...]:
    return tuple(str(getattr(row, key) or "") for key in ("device", "recipe", "format", "threads", "measured_at_utc"))


def _reason(error: EdgehybridError) -> str:
    received = f"({error.received})" if error.received else None
    return " ".join(part for part in (error.what, received, error.next_step) if part)


def _plain_name(row: Row, key: str) -> str:
    """The row's value as a name inside a folder; a path could lead to files of another run."""
    name = getattr(row, key)
    if not isinstance(name, str) or name in ("", "..") or "\0" in name or Path(name).name != name:
        raise RunError(
            f"The row names no {key} whose files could prove its origin.",
            next_step="Benchmark a model inside its run folder.",
        )
    return name


def _short(value: object) -> str:
    """Twelve characters tell hashes apart; names stay whole."""
    text = "not recorded" if value is None else str(value)
    return f"{text[:12]}…" if len(text) == 64 else text
