"""One measuring session, in a process of its own: ``python -m edgehybrid.device.session MODEL``.

Prints one JSON object: the samples in ms, the peak memory of the process, the runtime.
"""

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from edgehybrid.device.board import peak_memory_bytes
from edgehybrid.errors import EdgehybridError
from edgehybrid.flatbuffer import read_flatbuffer
from edgehybrid.runtime.interpreter import load_interpreter


def measure(path: Path, threads: int, warmup_runs: int, runs: int) -> dict[str, Any]:
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
    return {
        "samples_ms": samples,
        "peak_memory_bytes": peak_memory_bytes(),
        "runtime": interpreter.runtime,
        "isa": interpreter.isa,
    }


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
    print(json.dumps(result))


if __name__ == "__main__":
    main()
