"""One measuring session: a runner process on a machine, its request and its events (``runner.py``)."""

import base64
import json
import signal
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from edgehybrid.device.facts import State
from edgehybrid.device.processor_time import LEAST_SECONDS
from edgehybrid.device.runner import MARK
from edgehybrid.device.transport import LOCAL, Running, Transport, TransportError
from edgehybrid.errors import EdgehybridError
from edgehybrid.runtime.host import Floats
from edgehybrid.runtime.native_delegate import Region
from edgehybrid.runtime.profile import WARMUP_RUNS

# Turns of A B A B …: more of them follow a clock that changes, fewer leave longer blocks undisturbed.
BLOCKS = 10
# Before a session a board may cool down to this, for so long. A Raspberry Pi caps its clock from 80 °C on.
COOL_BELOW_C, COOL_SECONDS = 70.0, 120.0
# A runner that says nothing for so long hangs; it says something behind each block.
SILENT_SECONDS = 3600.0
_MOST_LINE_BYTES = 1 << 26
# Some two centuries ahead; a clock beyond is none.
_LAST_UNIX_SECOND = 1 << 33


class PlacedFlatbuffer(NamedTuple):
    """A flatbuffer on the machine that runs it."""

    name: str
    path: str
    packed: bool


class Request(NamedTuple):
    """What the runner is asked for.

    Attributes:
        images: path of an array there, float32 (n, height, width, channels); the first is timed.
        library: path of the native runtime's library there.
        agree: whether it gives the logits of all images before it measures.
        runs: timed inferences of each model.
        lock: path of a file that one measurement holds at a time, with ``owner`` in it.
        warmup_runs, warmup_seconds: before anything is timed: of each model, and for all of them together, at least.
            The timed runs of a small network take milliseconds, which do not tell what others take. A clock that rises
            with its load takes some tenths of a second, too.
        profile: whether the parts of packed models are timed too; reading the clock between them takes time itself.
    """

    models: tuple[PlacedFlatbuffer, ...]
    images: str
    library: str
    threads: int
    agree: bool
    runs: int
    lock: str
    owner: str
    profile: bool = False
    blocks: int = BLOCKS
    warmup_runs: int = WARMUP_RUNS
    warmup_seconds: float = LEAST_SECONDS
    cool_below_c: float = COOL_BELOW_C
    cool_seconds: float = COOL_SECONDS

    def line(self) -> bytes:
        """As the runner reads it."""
        return json.dumps(self._asdict() | {"models": [model._asdict() for model in self.models]}).encode() + b"\n"


@dataclass
class Measured:
    """What a session found of one model.

    Attributes:
        samples_ms: the time of each inference, in their order.
        blocks: begin and end of each block of these inferences, seconds of Unix time by the machine's clock.
        init_ms: loading; ``first_warmup_ms``: the first inference.
        regions: what the native runtime took of the graph.
        host_version: LiteRT's.
        logits: of the request's images, (n, classes), where it asked for them.
        parts: of each region the times of its parts, as ``profile.parts_of`` takes them, where it asked for them.
    """

    samples_ms: tuple[float, ...] = ()
    init_ms: float = 0.0
    first_warmup_ms: float = 0.0
    regions: tuple[Region, ...] = ()
    host_version: str = ""
    logits: Floats | None = None
    parts: tuple[Any, ...] = ()
    blocks: tuple[tuple[float, float], ...] = ()


@dataclass
class Session:
    """What one process measured.

    Attributes:
        models: by their names.
        states: of the machine, before, between blocks, and after.
        cooled_seconds: how long it waited for the machine to cool down.
        others_percent: of the processor's time that others took while it warmed up and measured; None where the system
            does not tell.
        clock_jump_seconds: by which the machine's clock was set meanwhile.
        peak_memory_bytes: the largest resident set of the process, with all models in it; None where it is not known.
        boot_id: another one after a restart.
        is_done: whether the runner has said everything.
    """

    models: dict[str, Measured]
    states: list[State] = field(default_factory=list)
    cooled_seconds: float = 0.0
    others_percent: float | None = None
    clock_jump_seconds: float | None = None
    peak_memory_bytes: int | None = None
    boot_id: str | None = None
    is_done: bool = False


class _Watch:
    """Kills a process that is silent for too long."""

    def __init__(self, process: Any) -> None:
        self._process = process
        self._timer: threading.Timer | None = None
        self.has_killed = False

    def restart(self) -> None:
        self.stop()
        self._timer = threading.Timer(SILENT_SECONDS, self._kill)
        self._timer.daemon = True
        self._timer.start()

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _kill(self) -> None:
        self.has_killed = True
        self._process.kill()


def measure(transport: Transport, runner: Sequence[str], request: Request) -> Session:
    """Runs one session to its end.

    Args:
        runner: the command that starts the runner there.

    Raises:
        TransportError: the machine was lost.
        EdgehybridError: another measurement holds the machine; it cannot run a model; the runner was killed, or hung.
    """
    session = Session({model.name: Measured() for model in request.models})
    with transport.start(runner) as running:
        watch = _Watch(running.process)
        try:
            other = _follow(running, request, session, transport.address, watch)
        finally:
            watch.stop()
        if watch.has_killed:
            raise EdgehybridError(
                "The runner hung.",
                received=f"{transport.address}: nothing for {SILENT_SECONDS:.0f} s",
                next_step="If the model is that slow, measure fewer --timed-runs.",
            )
        if not session.is_done:
            raise _broken(transport, running, other)
    return session


def _follow(running: Running, request: Request, session: Session, address: str, watch: _Watch) -> list[str]:
    """Feeds a session from events, up to the last one. Returns the last lines that were no events."""
    watch.restart()
    try:
        running.stdin.write(request.line())
        running.stdin.flush()
    except BrokenPipeError:
        # It has ended, and its exit status or its words tell why.
        pass
    other: list[str] = []
    for line in _lines(running):
        if not line.startswith(MARK):
            other = [*other[-4:], line]
            continue
        watch.restart()
        try:
            event = json.loads(line.removeprefix(MARK))
            kind = event.pop("event")
            _take(kind, event, session, address)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise EdgehybridError(
                "The runner's answer cannot be read.", received=f"{address}: {line[:200]}", next_step=_setup(address)
            ) from error
        if kind == "done":
            break
    return other


def _setup(address: str) -> str | None:
    """What may help on a board; this machine has no setup."""
    return None if address == LOCAL else "Set the board up again: edgehybrid devices setup NAME"


def _lines(running: Running) -> Iterator[str]:
    while line := running.stdout.readline(_MOST_LINE_BYTES):
        yield line.decode(errors="replace").strip()


def _take(kind: str, event: dict[str, Any], session: Session, address: str) -> None:
    if kind == "state":
        session.states.append(State.model_validate(event))
    elif kind == "loaded":
        model = session.models[event["model"]]
        model.init_ms, model.first_warmup_ms = float(event["init_ms"]), float(event["first_warmup_ms"])
        model.host_version = str(event["host_version"])
        model.regions = tuple(Region(**(region | {"nodes": tuple(region["nodes"])})) for region in event["regions"])
    elif kind == "logits":
        numbers = np.frombuffer(base64.b64decode(event["data"]), "<f4")
        session.models[event["model"]].logits = numbers.reshape(event["shape"]).astype(np.float32)
    elif kind == "samples":
        session.models[event["model"]].samples_ms = tuple(float(sample) for sample in event["samples_ms"])
    elif kind == "parts":
        session.models[event["model"]].parts = tuple(event["regions"])
    elif kind == "blocks":
        blocks = tuple((float(begin), float(end)) for begin, end in event["unix_seconds"])
        if not all(0 <= begin <= end < _LAST_UNIX_SECOND for begin, end in blocks):
            raise ValueError(blocks)
        session.models[event["model"]].blocks = blocks
    elif kind == "cooled":
        session.cooled_seconds = float(event["seconds"])
    elif kind == "others":
        session.others_percent = float(event["percent"])
    elif kind == "clock":
        session.clock_jump_seconds = float(event["jumped_seconds"])
    elif kind == "done":
        peak = event["peak_memory_bytes"]
        session.peak_memory_bytes = None if peak is None else int(peak)
        session.boot_id, session.is_done = event["boot_id"], True
    elif kind == "locked":
        raise EdgehybridError(
            "Another measurement is running there.",
            received=f"{address}: {event['owner']}",
            next_step="Wait until it is done: two at once would slow each other down.",
        )
    elif kind == "error":
        raise EdgehybridError(
            "The machine cannot run the model.", received=f"{address}: {event['what']}", next_step=_setup(address)
        )
    else:
        raise ValueError(kind)


def _broken(transport: Transport, running: Running, other: Sequence[str]) -> EdgehybridError:
    """Why the runner ended before it was done. The machine itself is there, or TransportError is raised."""
    running.process.wait()
    status, errors = running.process.returncode, running.errors()
    is_killed = status in (-signal.SIGKILL, 128 + signal.SIGKILL)
    try:
        transport.refuse_loss(status, errors)
    except TransportError as loss:
        # ssh says the same of a program that a signal ended as of a connection that did. Only then the board answers.
        if errors.strip() or not _answers(transport):
            raise loss from None
        is_killed = True
    said = [line for line in errors.splitlines() if line.strip()] or list(other)
    if is_killed:
        return EdgehybridError(
            "The runner was killed.",
            received=f"{transport.address}: exit status {status}",
            next_step="Look whether the machine ran out of memory, or restarted: dmesg | tail",
        )
    return EdgehybridError(
        "The runner ended before it was done.",
        received=f"{transport.address}: {said[-1][:500] if said else f'exit status {status}'}",
        next_step=_setup(transport.address),
    )


def _answers(transport: Transport) -> bool:
    try:
        return transport.run(["true"]).status == 0
    except TransportError:
        return False
