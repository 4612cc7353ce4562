"""Larq Compute Engine's interpreter, for packed models. It comes with the training tools and imports TensorFlow."""

import platform
from importlib.metadata import version

import numpy as np

from edgehybrid.errors import MissingExtraError
from edgehybrid.flatbuffer import Flatbuffer
from edgehybrid.runtime.loaded import Floats, Loaded
from edgehybrid.runtime.quiet_start import held_back, quiet_start

OPERATORS = ("LceBconv2d", "LceBMaxPool2d", "LceDequantize", "LceQuantize")
# Its binary kernels for x86-64 are plain C++ (core/bgemm/kernels_common.h); those for ARM are NEON assembly.
ISA = {"aarch64": "neon"}


def can_run(flatbuffer: Flatbuffer) -> bool:
    """Whether every operator of Larq's that it has is known."""
    return all(op.name in OPERATORS for op in flatbuffer.ops if op.name.startswith("Lce"))


def load(flatbuffer: Flatbuffer, content: bytes, threads: int) -> Loaded:
    """With the indirect kernel: on x86-64 several times faster than the default.

    Raises:
        MissingExtraError: larq-compute-engine is not installed.
    """
    try:
        with quiet_start():
            from larq_compute_engine.tflite.python.interpreter import Interpreter
    except ModuleNotFoundError as error:
        raise MissingExtraError("larq_compute_engine", "train") from error
    with held_back():
        interpreter = Interpreter(content, num_threads=threads, use_indirect_bgemm=True)

    def run(image: Floats) -> Floats:
        return np.asarray(interpreter.predict(image), np.float32)

    name = f"larq-compute-engine {version('larq-compute-engine')} (indirect bgemm)"
    return Loaded(run, name, ISA.get(platform.machine(), "portable"))
