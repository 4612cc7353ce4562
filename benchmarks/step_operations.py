"""Where the time of a training step goes: milliseconds by kind of operation, XNOR ResNet-20 beside its float twin.

    pip install '.[train]' && python benchmarks/step_operations.py [--precision bfloat16] [--steps 10] [--json]

TensorFlow's profiler times each operation. One runs at a time here (on all cores), so that the times add up to the
step; training runs independent ones side by side and is a little faster. Chains that XLA compiles count as one kind.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from training_step import WARM_UP_STEPS, keras_step

# The profiler's event for running what XLA compiled, beside those of single operations, which are "name:Kind".
_COMPILED_EVENT, COMPILED = "ExecutorState::ProcessAsync::Start", "compiled chains"
# oneDNN's operations go by names of their own, and take a bias or a ReLU along.
_FUSED = {"FusedConv2D": "Conv2D", "FusedBatchNormEx": "FusedBatchNormV3"}
# Kinds that take less in both networks are added up.
LEAST_MS = 1.0


def times_by_kind(net: str, precision: str, steps: int) -> dict[str, Any]:
    """Of one step: its milliseconds, and for each kind of operation how many there are and their milliseconds."""
    from edgehybrid.model.compat import tf

    tf.config.threading.set_inter_op_parallelism_threads(1)
    step = keras_step(net, precision)
    for _ in range(WARM_UP_STEPS):
        step()
    with tempfile.TemporaryDirectory() as folder:
        with tf.profiler.experimental.Profile(folder):
            began = time.perf_counter()
            for _ in range(steps):
                step()
            seconds = time.perf_counter() - began
        picoseconds, counts = _read(next(Path(folder).rglob("*.xplane.pb")))
    kinds = {
        kind: {"count": counts[kind] / steps, "ms": picoseconds[kind] / 1e9 / steps} for kind in sorted(picoseconds)
    }
    return {"step_ms": 1000 * seconds / steps, "kinds": kinds}


def _read(profile: Path) -> tuple[Counter[str], Counter[str]]:
    from tensorflow.tsl.profiler.protobuf import xplane_pb2

    space = xplane_pb2.XSpace.FromString(profile.read_bytes())
    picoseconds, counts = Counter[str](), Counter[str]()
    for plane in space.planes:
        for event in (event for line in plane.lines for event in line.events):
            kind = _kind(plane.event_metadata[event.metadata_id].name)
            if kind is not None:
                picoseconds[kind] += event.duration_ps
                counts[kind] += 1
    return picoseconds, counts


def _kind(event: str) -> str | None:
    if event == _COMPILED_EVENT:
        return COMPILED
    name, _, kind = event.replace(" ", "").rpartition(":")
    # Namespaces of C++, and the step's own function around all operations.
    if not name or "::" in event or kind.startswith("__inference"):
        return None
    kind = kind.removeprefix("_Mkl").removeprefix("Native")
    return _FUSED.get(kind, kind)


def rows_of(binary: dict[str, Any], twin: dict[str, Any]) -> list[dict[str, Any]]:
    """One row a kind, the greatest difference first; then the small ones, the time between operations, the step."""

    def row(kind: str, of_binary: dict[str, float], of_float: dict[str, float]) -> dict[str, Any]:
        return {
            "operation": kind,
            "binary_count": of_binary["count"],
            "float_count": of_float["count"],
            "binary_ms": of_binary["ms"],
            "float_ms": of_float["ms"],
            "difference_ms": of_binary["ms"] - of_float["ms"],
        }

    none = {"count": 0.0, "ms": 0.0}
    kinds = sorted({*binary["kinds"], *twin["kinds"]})
    rows = [row(kind, binary["kinds"].get(kind, none), twin["kinds"].get(kind, none)) for kind in kinds]
    small = [r for r in rows if max(r["binary_ms"], r["float_ms"]) < LEAST_MS]
    large = sorted((r for r in rows if r not in small), key=lambda r: -r["difference_ms"])
    parts = [
        {"count": sum(r[f"{n}_count"] for r in small), "ms": sum(r[f"{n}_ms"] for r in small)}
        for n in ("binary", "float")
    ]
    within = [sum(kind["ms"] for kind in found["kinds"].values()) for found in (binary, twin)]
    between = [{"count": 0.0, "ms": found["step_ms"] - ms} for found, ms in zip((binary, twin), within, strict=True)]
    steps = [{"count": 1.0, "ms": found["step_ms"]} for found in (binary, twin)]
    return [*large, row(f"{len(small)} others", *parts), row("between operations", *between), row("step", *steps)]


def main() -> None:
    """Measures both networks, each in a process of its own, and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--precision", choices=["float32", "bfloat16"], default="float32")
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--net", choices=["binary", "float"], help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.net:
        print(json.dumps(times_by_kind(given.net, given.precision, given.steps)))
        return
    options = ["--precision", given.precision, "--steps", str(given.steps)]
    found = []
    for net in ("binary", "float"):
        command = [sys.executable, __file__, *options, "--net", net]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        found.append(json.loads(done.stdout.splitlines()[-1]))
    rows = rows_of(*found)
    if given.json:
        print(json.dumps({"results": rows}, indent=2))
        return
    print(f"{'operation':34}{'binary':>7}{'ms':>8}{'float':>8}{'ms':>8}{'difference ms':>15}")
    for r in rows:
        counts = [f"{r[f'{n}_count']:.0f}" if r[f"{n}_count"] else "" for n in ("binary", "float")]
        print(
            f"{r['operation']:34}{counts[0]:>7}{r['binary_ms']:8.1f}{counts[1]:>8}{r['float_ms']:8.1f}"
            f"{r['difference_ms']:+15.1f}"
        )


if __name__ == "__main__":
    main()
