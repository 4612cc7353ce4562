"""The sessions of a measurement: files where the runner finds them, agreement first, then one process after another."""

import hashlib
import io
import os
import platform
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from edgehybrid.device.agreement import check_agreement, expected_logits, holds_int8
from edgehybrid.device.board import Board
from edgehybrid.device.installation import Installation
from edgehybrid.device.machine import Machine
from edgehybrid.device.session import Measured, PlacedFlatbuffer, Request, Session, measure
from edgehybrid.device.transport import LOCAL, Transport, put
from edgehybrid.device.work import NS_PER_MS
from edgehybrid.errors import EdgehybridError
from edgehybrid.flatbuffer import Flatbuffer, read_flatbuffer
from edgehybrid.runtime import packed
from edgehybrid.runtime.host import Floats
from edgehybrid.runtime.native_library import library
from edgehybrid.runtime.profile import ProfileEntry, no_parts, parts_of

# Images that both machines must agree on; the first is timed.
AGREEMENT_IMAGES = 8


class Place(NamedTuple):
    """Where everything is on the machine that measures."""

    runner: list[str]
    models: tuple[PlacedFlatbuffer, ...]
    images: str
    library: str
    lock: str


class Timed(NamedTuple):
    """Sessions, their flatbuffers, and where these are."""

    flatbuffers: list[Flatbuffer]
    place: Place
    sessions: list[Session]

    def of(self, name: str) -> list[Measured]:
        """What each session found of a model."""
        return [session.models[name] for session in self.sessions]


def run_sessions(machine: Machine, files: Sequence[Path], threads: int, sessions: int, runs: int) -> Timed:
    """Measures flatbuffers of one input shape in turns.

    First both machines must agree on what the models compute. Each session is a process of its own: within one, the
    spread is small; between them is where runs differ.

    Args:
        runs: timed inferences of each model in each session.

    Raises:
        TransportError: the machine was lost.
        EdgehybridError: the machine cannot run a model or computes something else, another measurement holds it, or
            the models take different images.
    """
    transport = machine.transport
    flatbuffers = [read_flatbuffer(path) for path in files]
    images = agreement_images(flatbuffers)
    expected = [expected_logits(path, images) for path in files]
    place = _prepare(transport, machine.board, files, flatbuffers, images)
    first = measure(transport, place.runner, _request(place, threads, runs, agree=True))
    for flatbuffer, model, logits in zip(flatbuffers, place.models, expected, strict=True):
        where = f"{model.path} on {machine.device}"
        check_agreement(where, holds_int8(flatbuffer), logits, first.models[model.name].logits)
    others = [measure(transport, place.runner, _request(place, threads, runs)) for _ in range(sessions - 1)]
    return Timed(flatbuffers, place, [first, *others])


def agreement_images(flatbuffers: Sequence[Flatbuffer]) -> Floats:
    """Random images that all of the flatbuffers take, (n, height, width, channels).

    Raises:
        EdgehybridError: they take different ones.
    """
    shapes = {each.tensors[each.inputs[0]].shape[1:] for each in flatbuffers}
    if len(shapes) != 1:
        raise EdgehybridError(
            "The models take images of different shapes, and cannot be measured in turns.",
            received=", ".join(map(str, sorted(shapes))),
            next_step="Measure them one by one.",
        )
    return np.random.default_rng(0).standard_normal((AGREEMENT_IMAGES, *shapes.pop())).astype(np.float32)


def _prepare(
    transport: Transport, board: Board, files: Sequence[Path], flatbuffers: Sequence[Flatbuffer], images: Floats
) -> Place:
    """Sends what is not there yet."""
    there = Installation(board.folder)
    stream = io.BytesIO()
    np.save(stream, images)
    array = stream.getvalue()
    is_packed = [packed.can_run(flatbuffer) for flatbuffer in flatbuffers]
    # Two runs may have flatbuffers of the same name.
    names = [f"{place} {path.name}" for place, path in enumerate(files)]
    if transport.address == LOCAL:
        paths = [str(path.resolve()) for path in files]
        # This package, and not what a folder of the same name in the working folder holds.
        runner = [sys.executable, "-P", "-m", "edgehybrid.device.runner"]
        native = str(library()) if any(is_packed) else ""
    else:
        paths = [_sent(transport, there, path.read_bytes()) for path in files]
        runner, native = there.command, there.library(board.machine)
    models = tuple(PlacedFlatbuffer(*each) for each in zip(names, paths, is_packed, strict=True))
    return Place(runner, models, _sent(transport, there, array), native, there.lock)


def _sent(transport: Transport, there: Installation, content: bytes) -> str:
    """Path of a file there; it is named by its hash, and sent once."""
    path = there.model(hashlib.sha256(content).hexdigest())
    if transport.run(["test", "-f", str(path)]).status:
        put(transport, path, content)
    return str(path)


def _request(place: Place, threads: int, runs: int, agree: bool = False) -> Request:
    owner = f"process {os.getpid()} of user {os.getuid()} on {platform.node()}"
    return Request(place.models, place.images, place.library, threads, agree, runs, place.lock, owner)


def time_parts(machine: Machine, file: Path, threads: int, runs: int) -> list[ProfileEntry]:
    """How long each part of a packed flatbuffer's graph takes on the machine, in a session of its own.

    Raises:
        TransportError: the machine was lost.
        EdgehybridError: a flatbuffer that is not packed, or see ``run_sessions``.
    """
    flatbuffer = read_flatbuffer(file)
    refuse_unpacked(flatbuffer, file)
    place = _prepare(machine.transport, machine.board, [file], [flatbuffer], agreement_images([flatbuffer]))
    request = _request(place, threads, runs)._replace(profile=True)
    (measured,) = measure(machine.transport, place.runner, request).models.values()
    return parts_of(flatbuffer, measured.parts, [NS_PER_MS * sample for sample in measured.samples_ms])


def refuse_unpacked(flatbuffer: Flatbuffer, file: Path) -> None:
    """Raises UsageError for a flatbuffer whose parts nobody times."""
    if not packed.can_run(flatbuffer):
        raise no_parts(str(file))


def memory_alone(machine: Machine, place: Place, model: PlacedFlatbuffer, threads: int) -> int | None:
    """Peak memory of a process with one model in it, bytes; None where it is not known."""
    request = _request(place._replace(models=(model,)), threads, runs=1)
    # Nothing is timed.
    request = request._replace(warmup_runs=0, warmup_seconds=0.0, blocks=1, cool_seconds=0.0)
    return measure(machine.transport, place.runner, request).peak_memory_bytes
