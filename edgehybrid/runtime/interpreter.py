"""Loads a flatbuffer into the first runtime that can run it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from edgehybrid.errors import ModelFileError
from edgehybrid.flatbuffer import Flatbuffer, parse_flatbuffer
from edgehybrid.runtime import lce, litert
from edgehybrid.runtime.loaded import Floats, Loaded


class Runtime(Protocol):
    """What a module of a runtime provides."""

    def can_run(self, flatbuffer: Flatbuffer) -> bool:
        """Whether it has kernels for every operator, as far as their names tell."""

    def load(self, flatbuffer: Flatbuffer, content: bytes, threads: int) -> Loaded:
        """The flatbuffer ready to run.

        Raises:
            MissingExtraError: a package is missing.
            RuntimeError, ValueError: the runtime refuses the flatbuffer.
        """


# The first that can run a flatbuffer does.
RUNTIMES: Sequence[Runtime] = (litert, lce)


class Interpreter:
    """A flatbuffer ready to run, one image at a time.

    Attributes:
        runtime: name and version of the runtime, and the kernels it uses.
        isa: instruction set of the kernels that run; None where it is not known.
        threads: number of threads.
    """

    def __init__(self, content: bytes, threads: int = 1, source: str = "the model") -> None:
        """Loads the flatbuffer.

        Raises:
            ModelFileError: not a flatbuffer, or one that no runtime can run.
            MissingExtraError: a packed model without larq-compute-engine.
        """
        flatbuffer = parse_flatbuffer(content, source)
        runtime = next((runtime for runtime in RUNTIMES if runtime.can_run(flatbuffer)), None)
        if runtime is None:
            raise ModelFileError(
                f"{source}: no runtime knows all operators of the flatbuffer.",
                received=", ".join(sorted({op.name for op in flatbuffer.ops})),
            )
        try:
            loaded = runtime.load(flatbuffer, content, threads)
        except (RuntimeError, ValueError) as error:
            raise ModelFileError(f"{source}: the runtime refuses the flatbuffer: {error}.") from error
        self.threads, self._run, self.runtime, self.isa = threads, loaded.run, loaded.runtime, loaded.isa

    def __call__(self, image: Floats) -> Floats:
        """Logits (1, classes) of one normalised image (1, side, side, channels)."""
        return self._run(image)

    def predict(self, images: Floats) -> Floats:
        """Logits (n, classes) of n normalised images (n, side, side, channels), run one by one."""
        return np.concatenate([self._run(images[index : index + 1]) for index in range(len(images))])


def load_interpreter(path: Path, threads: int = 1) -> Interpreter:
    """The interpreter of a file.

    Raises:
        ModelFileError: unreadable, or not a flatbuffer that can run here.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ModelFileError(f"The model file cannot be read: {error}.", received=path) from error
    return Interpreter(content, threads, str(path))
