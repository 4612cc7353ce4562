"""Loads a flatbuffer into the first runtime that can run it."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from edgehybrid.errors import FlatbufferError, UsageError
from edgehybrid.flatbuffer import Flatbuffer, parse_flatbuffer
from edgehybrid.runtime import litert, packed
from edgehybrid.runtime.host import Floats
from edgehybrid.runtime.loaded import Loaded
from edgehybrid.runtime.profile import ProfileEntry, no_parts, profile_packed


class Runtime(Protocol):
    """What a module of a runtime provides."""

    def can_run(self, flatbuffer: Flatbuffer) -> bool:
        """Whether it has kernels for every operator, as far as their names tell."""

    def load(self, flatbuffer: Flatbuffer, content: bytes, threads: int) -> Loaded:
        """The flatbuffer ready to run.

        Raises:
            RuntimeMissingError: a part of it is not installed.
            RuntimeError, ValueError: the runtime refuses the flatbuffer.
        """


# The first that can run a flatbuffer does.
RUNTIMES: Sequence[Runtime] = (litert, packed)


class Interpreter:
    """A flatbuffer ready to run. One caller at a time.

    Attributes:
        runtime: name and version of the runtime, and the kernels it uses.
        isa: instruction set of the kernels that run; None where it is not known.
        threads: number of threads that run one inference, or one inference each, see ``predict``.
        regions: what the native runtime took of the graph, in the order of running; None for a flatbuffer that is not
            packed.
        delegated_nodes: number of nodes in them; None for a flatbuffer that is not packed.
        graph_nodes: number of nodes of the graph.
    """

    def __init__(self, model: Path | str | bytes, threads: int = 1) -> None:
        """Loads the flatbuffer.

        Args:
            model: the file, or its content.

        Raises:
            FlatbufferError: unreadable, not a flatbuffer, or one that no runtime can run.
            RuntimeMissingError: a packed flatbuffer without the native runtime's library.
            UsageError: less than one thread; ``EDGEHYBRID_ISA`` names no instruction set of this processor.
        """
        if threads < 1:
            raise UsageError("An interpreter has threads.", received=threads, allowed="at least 1")
        self._content, self._source = _read(model)
        self._flatbuffer = parse_flatbuffer(self._content, self._source)
        loaded = self._loaded(threads)
        self._host, self.runtime, self.isa, self.threads, self.regions = loaded
        self.graph_nodes = len(self._flatbuffer.ops)
        self.delegated_nodes = None if self.regions is None else sum(len(region.nodes) for region in self.regions)

    def __call__(self, image: Floats) -> Floats:
        """Logits (1, classes) of one normalised image, float32 (1, side, side, channels): all threads on this one.

        Raises:
            ValueError: another shape or type.
        """
        return self._host.run(image)

    def predict(self, images: NDArray[Any]) -> Floats:
        """Logits (n, classes) of n normalised images (n, side, side, channels), a part of them in each thread.

        Every image is an inference of its own, in one thread: larger batches are no faster, and threads that do not
        wait for one another are.

        Raises:
            UsageError: images of another shape, or of integers.
        """
        images = self._checked(images)
        logits = np.empty((len(images), *self._host.logits_shape), np.float32)

        def run_part(run: Callable[[Floats], Floats], begin: int, end: int) -> None:
            for index in range(begin, end):
                logits[index] = run(images[index : index + 1])[0]

        bounds = [len(images) * part // self.threads for part in range(self.threads + 1)]
        if self.threads == 1:
            run_part(self._host.run, 0, len(images))
        else:
            with ThreadPoolExecutor(self.threads) as pool:
                # list: what a thread raises is raised here.
                list(pool.map(run_part, self._runs, bounds[:-1], bounds[1:]))
        return logits

    def profile(self, images: NDArray[Any], runs: int = 100) -> list[ProfileEntry]:
        """How long each part of the graph takes, in the order of running: all threads on one image, ``runs`` times.

        With several threads it is the time of the first one, with its waits for the others.

        Args:
            images: normalised (n, side, side, channels), run in turn.

        Raises:
            UsageError: a flatbuffer that is not packed; no images, or others than it takes; less than one run.
        """
        if self.regions is None:
            raise no_parts(f"{self._source}, which runs in {self.runtime}")
        if runs < 1 or len(images) < 1:
            raise UsageError(
                "A profile has images and runs.",
                received=f"{len(images)} images, {runs} runs",
                allowed="at least 1 of each",
            )
        return profile_packed(self._flatbuffer, self._content, self.threads, self._checked(images), runs)

    def _checked(self, images: NDArray[Any]) -> Floats:
        """As float32.

        Raises:
            UsageError: images of another shape, or of integers.
        """
        allowed = (len(images), *self._host.image_shape)
        if images.shape != allowed or images.dtype.kind != "f":
            raise UsageError(
                "The images are not what the flatbuffer takes.",
                received=f"{images.dtype} {images.shape}",
                allowed=f"float32 {allowed}, normalised",
            )
        return np.asarray(images, np.float32)

    @cached_property
    def _runs(self) -> list[Callable[[Floats], Floats]]:
        """One inference a thread at a time."""
        return [self._loaded(1).host.run for _ in range(self.threads)]

    def _loaded(self, threads: int) -> Loaded:
        runtime = next((runtime for runtime in RUNTIMES if runtime.can_run(self._flatbuffer)), None)
        if runtime is None:
            raise FlatbufferError(
                f"{self._source}: no runtime knows all operators of the flatbuffer.",
                received=", ".join(sorted({op.name for op in self._flatbuffer.ops})),
            )
        try:
            return runtime.load(self._flatbuffer, self._content, threads)
        except (RuntimeError, ValueError) as error:
            reason = str(error).strip().rstrip(".")
            raise FlatbufferError(f"{self._source}: the runtime refuses the flatbuffer: {reason}.") from error


def usable_cores() -> int:
    """How many cores this process may run on."""
    return len(os.sched_getaffinity(0))


def _read(model: Path | str | bytes) -> tuple[bytes, str]:
    """Content and name."""
    if isinstance(model, bytes):
        return model, "the model"
    try:
        return Path(model).read_bytes(), str(model)
    except OSError as error:
        raise FlatbufferError(f"The model file cannot be read: {error}.", received=model) from error
