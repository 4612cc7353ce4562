"""Loads a flatbuffer into the runtime that can run it: LiteRT, or Larq Compute Engine's interpreter for packed ops."""

import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgehybrid.errors import MissingExtraError, ModelFileError
from edgehybrid.flatbuffer import parse_model
from edgehybrid.quiet_start import quiet_start

Floats = NDArray[np.float32]


class Interpreter:
    """A flatbuffer ready to run, one image at a time.

    Attributes:
        runtime: name, version and kernel of the runtime.
        isa: instruction set of the processor's architecture.
        threads: number of threads.
    """

    def __init__(self, content: bytes, threads: int = 1, source: str = "the model") -> None:
        """Loads the flatbuffer.

        Raises:
            ModelFileError: not a flatbuffer, or one that the runtime refuses.
            MissingExtraError: a packed model without larq-compute-engine.
        """
        ops = parse_model(content, source).ops
        self.threads, self.isa = threads, platform.machine()
        packed = any(op.name.startswith("Lce") for op in ops)
        try:
            self._run = self._load_packed(content) if packed else self._load_float(content)
        except (RuntimeError, ValueError) as error:
            raise ModelFileError(f"{source}: the runtime refuses the flatbuffer: {error}.") from error

    def __call__(self, image: Floats) -> Floats:
        """Logits (1, classes) of one normalised image (1, side, side, channels)."""
        logits: Floats = self._run(image)
        return logits

    def predict(self, images: Floats) -> Floats:
        """Logits (n, classes) of n normalised images (n, side, side, channels), run one by one."""
        return np.concatenate([self._run(images[index : index + 1]) for index in range(len(images))])

    def _load_packed(self, content: bytes) -> Any:
        """Larq Compute Engine, with its indirect kernel: on x86-64 several times faster than its default."""
        try:
            with quiet_start():  # its package imports TensorFlow
                from larq_compute_engine.tflite.python.interpreter import Interpreter as LceInterpreter
        except ModuleNotFoundError as error:
            raise MissingExtraError("larq_compute_engine", "train") from error
        interpreter = LceInterpreter(content, num_threads=self.threads, use_indirect_bgemm=True)
        self.runtime = f"larq-compute-engine {version('larq-compute-engine')} (indirect bgemm)"

        def run(image: Floats) -> Floats:
            return np.asarray(interpreter.predict(image), np.float32)

        return run

    def _load_float(self, content: bytes) -> Any:
        from ai_edge_litert.interpreter import Interpreter as LiteRtInterpreter

        interpreter = LiteRtInterpreter(model_content=content, num_threads=self.threads)
        interpreter.allocate_tensors()
        source, result = (
            part()[0]["index"] for part in (interpreter.get_input_details, interpreter.get_output_details)
        )
        self.runtime = f"ai-edge-litert {version('ai-edge-litert')} (XNNPACK)"

        def run(image: Floats) -> Floats:
            interpreter.set_tensor(source, image)
            interpreter.invoke()
            return np.asarray(interpreter.get_tensor(result), np.float32)

        return run


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
