"""One measuring session, in a process of its own: ``python -m edgehybrid.device.session MODEL``.

Prints one JSON object: a ``Session``, or the error in its place.
"""

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from edgehybrid.device.board import peak_memory_bytes
from edgehybrid.errors import EdgehybridError
from edgehybrid.flatbuffer import read_flatbuffer
from edgehybrid.runtime.interpreter import load_interpreter


class Session(BaseModel):
    """What one process measured.

    Attributes:
        samples_ms: the time of each inference, in their order.
        peak_memory_bytes: the largest resident set of the process.
        isa: instructions of the kernels that ran; None where the runtime does not tell.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    # JSON knows lists only.
    samples_ms: Annotated[tuple[float, ...], Field(strict=False, min_length=1)]
    peak_memory_bytes: int
    runtime: str
    isa: str | None


def measure(path: Path, threads: int, warmup_runs: int, runs: int) -> Session:
    """Times single inferences of one random image, each on its own, after untimed ones."""
    model = read_flatbuffer(path)
    shape = model.tensors[model.inputs[0]].shape
    image = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    interpreter = load_interpreter(path, threads)
    for _ in range(warmup_runs):
        interpreter(image)
    samples = []
    for _ in range(runs):
        began = time.perf_counter_ns()
        interpreter(image)
        samples.append((time.perf_counter_ns() - began) / 1e6)
    return Session(
        samples_ms=tuple(samples),
        peak_memory_bytes=peak_memory_bytes(),
        runtime=interpreter.runtime,
        isa=interpreter.isa,
    )


def main() -> None:
    """Reads the arguments, prints the result; or ``{"error": …}`` with exit status 1."""
    parser = argparse.ArgumentParser(prog="python -m edgehybrid.device.session")
    parser.add_argument("model", type=Path)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--warmup-runs", type=int, default=10)
    parser.add_argument("--runs", type=int, default=50)
    options = parser.parse_args()
    try:
        result = measure(options.model, options.threads, options.warmup_runs, options.runs)
    except EdgehybridError as error:
        print(json.dumps({"error": error.as_dict()}))
        sys.exit(1)
    print(result.model_dump_json())


if __name__ == "__main__":
    main()
