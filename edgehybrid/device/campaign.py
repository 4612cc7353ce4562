"""Many models on many devices: devices at once, models of a device one after the other, rows as soon as they are made.

A device that fails costs the others nothing, and what it measured before is kept.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from typing import NamedTuple

from edgehybrid.device.bench import Benchmark, benchmark_together, refuse_other_target
from edgehybrid.device.machine import Machine, reached
from edgehybrid.device.sessions import refuse_unpacked, time_parts
from edgehybrid.device.transport import TransportError
from edgehybrid.errors import EdgehybridError
from edgehybrid.flatbuffer import read_flatbuffer
from edgehybrid.results import append, read
from edgehybrid.runs.artefact import Artefact


class Settings(NamedTuple):
    """How each model is measured; ``parts``: those of its graph, too."""

    threads: int
    sessions: int
    runs: int
    parts: bool = False


class Outcome(NamedTuple):
    """What came of one model on one device, or of a device where ``model`` is None.

    Attributes:
        is_known: the store had the row already.
    """

    device: str
    model: str | None
    benchmark: Benchmark | None = None
    error: EdgehybridError | None = None
    is_known: bool = False


# The flatbuffer of a model for an architecture.
Find = Callable[[str], Artefact]


class Plan(NamedTuple):
    """What is measured.

    Attributes:
        models: each with its name.
        rivals: what is measured in turns with a flatbuffer. They may have to be made, so they are asked for last.
        resume: leave out models of which the store has a row with the same flatbuffer, device and settings.
    """

    models: Sequence[tuple[str, Find]]
    rivals: Callable[[Artefact], list[Artefact]]
    settings: Settings
    store: Path
    resume: bool = False


def campaign(
    plan: Plan, devices: Sequence[str], on_outcome: Callable[[Outcome], None] = lambda _: None
) -> list[Outcome]:
    """Measures every model on every device, and appends the rows. What fails is an outcome."""
    stop = Event()
    with ThreadPoolExecutor(len(devices)) as pool:
        try:
            found = pool.map(lambda device: _on_device(plan, device, stop, on_outcome), devices)
            return [outcome for of_device in found for outcome in of_device]
        except BaseException:
            # The pool waits for its threads: they begin nothing more.
            stop.set()
            raise


def _on_device(plan: Plan, device: str, stop: Event, on_outcome: Callable[[Outcome], None]) -> list[Outcome]:
    outcomes: list[Outcome] = []

    def note(outcome: Outcome) -> None:
        outcomes.append(outcome)
        on_outcome(outcome)

    try:
        with reached(device) as machine:
            for name, find in plan.models:
                try:
                    if (outcome := _measured(plan, name, find, machine, stop)) is not None:
                        note(outcome)
                except TransportError:
                    raise
                except EdgehybridError as error:
                    note(Outcome(device, name, error=error))
    except EdgehybridError as error:
        note(Outcome(device, None, error=error))
    return outcomes


def _measured(plan: Plan, name: str, find: Find, machine: Machine, stop: Event) -> Outcome | None:
    """None where it was stopped."""
    if stop.is_set():
        return None
    artefact = find(machine.board.machine)
    if plan.resume and _is_known(artefact, machine.device, plan):
        return Outcome(machine.device, name, is_known=True)
    refuse_other_target(artefact, machine.board)
    settings = plan.settings
    if settings.parts:
        refuse_unpacked(read_flatbuffer(artefact.path), artefact.path)
    artefacts = [artefact, *plan.rivals(artefact)]
    if stop.is_set():
        return None
    found = benchmark_together(machine, artefacts, settings.threads, settings.sessions, settings.runs)
    for row in found.rows:
        append(plan.store, row)
    if settings.parts:
        parts = time_parts(machine, artefact.path, settings.threads, settings.runs)
        found = found._replace(parts=tuple(parts))
    return Outcome(machine.device, name, found)


def _is_known(artefact: Artefact, device: str, plan: Plan) -> bool:
    if not plan.store.exists():
        return False
    settings = plan.settings
    return any(
        row.model_sha256 == artefact.sha256
        and (row.threads, row.sessions) == (settings.threads, settings.sessions)
        and row.runs == settings.sessions * settings.runs
        for row in read(plan.store, device=device)
    )
