"""The least time that a core's ports for 512-bit arithmetic leave a packed residual network, part by part.

    python benchmarks/port_bound.py MODEL.tflite … [--runs 2000] [--json]

Cores of Intel's with AVX-512 start two operations on 512 bits a cycle, whatever they are; Zen 5 starts four, of which
two may multiply. peaks.cc measures as much: 341 and 682 binary MAC a cycle are 512 bits by three operations on two
and on four ports, 32 of float32 are multiply-adds of 16 lanes on two. What a network computes needs, for each pixel
and each 16 output channels, so many of them:

    LceBconv2d        3 a word of the window, exclusive or, count and addition, less one, as the first count is added to
                      nothing; then 3, conversion to float, multiplication, addition
    CONV_2D           1 multiply-add an input; of up to six filters, which have their lanes along the inputs, 1 for each
                      filter, place and 16 inputs
    MUL, ADD, RELU    1, as has an activation
    LceQuantize       2, comparison and move of the mask

Loads and stores have ports of their own. Loops, addresses, sums across lanes, flipped signs, pools, the joining of
narrow words, dense layers, copies and all waiting for caches are left out. So all operations over all ports, or those
that multiply over the ports that can, in cycles, is a lower bound for kernels whose lanes are output channels, and no
forecast. Beside it stands the time of each part on one thread; ports and clock are this core's, measured here.
"""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from peaks import Peaks, measured_peaks

from edgehybrid.device.probe import cpu_name
from edgehybrid.device.processor_time import processor_time, share_of_others
from edgehybrid.flatbuffer import Flatbuffer, read_flatbuffer
from edgehybrid.runtime import Interpreter
from edgehybrid.runtime.isa import cpu_features

LANES = 16
# Of a word of the packed maps; two taps share one where a map has at most 16 channels.
WORD_BITS = 32
# Filters of a convolution whose lanes run along the inputs: graph/sums.h.
FEW_FILTERS = 6


class Operations(NamedTuple):
    """On 512 bits: how many, and how many of them multiply."""

    all: int
    multiply: int


class Ports(NamedTuple):
    """How many operations on 512 bits a core starts in a cycle, and how many of them may multiply."""

    all: int
    multiply: int


def operations_of(flatbuffer: Flatbuffer, node: int) -> Operations:
    """Vector operations that one operator needs; none of those that are not counted."""
    op = flatbuffer.ops[node]
    result = flatbuffer.tensors[op.outputs[0]].shape
    if len(result) != 4:
        return Operations(0, 0)
    pixels, channels = result[1] * result[2], result[3]
    vectors = pixels * -(-channels // LANES)
    activation = vectors * bool(op.options.get("fused_activation_function"))
    if op.name == "LceQuantize":
        return Operations(2 * pixels * -(-flatbuffer.tensors[op.inputs[0]].shape[3] // LANES), 0)
    if op.name in ("MUL", "ADD", "RELU"):
        return Operations(vectors + activation, vectors if op.name == "MUL" else 0)
    if op.name not in ("LceBconv2d", "CONV_2D"):
        return Operations(0, 0)
    _, height, width, inputs = flatbuffer.tensors[op.inputs[1]].shape
    taps = height * width
    if op.name == "LceBconv2d":
        inputs = int(op.options["channels_in"])
        words = -(-taps // 2) if inputs <= WORD_BITS // 2 else taps * -(-inputs // WORD_BITS)
        return Operations(vectors * (3 * words - 1 + 3) + activation, vectors)
    few = pixels * channels * taps * -(-inputs // LANES)
    multiply_adds = few if channels <= FEW_FILTERS else vectors * taps * inputs
    return Operations(multiply_adds + activation, multiply_adds)


def ports_of(peaks: Peaks) -> Ports:
    """Of this core, from its peaks: a word of 512 bits is counted by three operations."""
    binary, float_macs = (peaks_of["avx512"] / peaks.clock_ghz for peaks_of in (peaks.binary_gmacs, peaks.float_gmacs))
    return Ports(round(3 * binary / (LANES * WORD_BITS)), round(float_macs / LANES))


def least_cycles(operations: Sequence[Operations], ports: Ports) -> float:
    """All of them, started as soon as ports are free."""
    return max(sum(one.all for one in operations) / ports.all, sum(one.multiply for one in operations) / ports.multiply)


def measure(path: Path, runs: int) -> dict[str, Any]:
    """Each part of one flatbuffer with its time and its bound."""
    flatbuffer = read_flatbuffer(path)
    image = np.random.default_rng(0).standard_normal(flatbuffer.tensors[flatbuffer.inputs[0]].shape, np.float32)
    with tempfile.TemporaryDirectory(prefix="edgehybrid-") as folder:
        peaks = measured_peaks(Path(folder), cpu_features())
    ports = ports_of(peaks)
    parts = []
    for entry in Interpreter(path).profile(image, runs):
        cycles = least_cycles([operations_of(flatbuffer, node) for node in entry.nodes], ports)
        parts.append({"name": entry.name, "time_us": entry.time_us_median, "bound_us": cycles / peaks.clock_ghz / 1e3})
    return {"model": path.name, "clock_ghz": peaks.clock_ghz, "ports": ports._asdict(), "parts": parts}


def print_table(row: dict[str, Any]) -> None:
    """Time and bound of each part, and of all."""
    ports = row["ports"]
    print(f"{row['model']} at {row['clock_ghz']:.2f} GHz, {ports['all']} ports, {ports['multiply']} of them multiply")
    print(f"{'':46}{'us':>8}{'bound us':>10}")
    parts = row["parts"]
    total = {"name": "all", **{key: sum(part[key] for part in parts) for key in ("time_us", "bound_us")}}
    for part in [*parts, total]:
        print(f"{part['name'][:46]:46}{part['time_us']:8.2f}{part['bound_us']:10.2f}")


def main() -> int:
    """Measures each flatbuffer, prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", type=Path, metavar="MODEL.tflite")
    parser.add_argument("--runs", type=int, default=2000)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    load, began = os.getloadavg()[0], processor_time()
    rows = [measure(path, given.runs) for path in given.models]
    others = share_of_others(began, processor_time(), os.cpu_count() or 1)
    if given.json:
        print(json.dumps({"cpu": cpu_name(), "load_average_before": load, "others": others, "results": rows}))
        return 0
    print(f"{cpu_name()}, load {load:.1f}, others {others or 0:.0%}")
    for row in rows:
        print_table(row)
    return 0


if __name__ == "__main__":
    sys.exit(main())
