"""Flatbuffers over a whole test set: how long, how much memory, how long until they are loaded.

    python benchmarks/cifar100_test_set.py MODEL.tflite … [--threads 2] [--rounds 5] [--json]

Each flatbuffer has a process of its own, without TensorFlow. The images are the 10,000 of CIFAR-100's test half, from a
folder that EDGEHYBRID_DATA names; random ones of the same form where it names none. They are decoded before. What is
timed is what ``edgehybrid evaluate`` does with them: normalise, run, both accuracies.

    load_ms          from the path to an interpreter that can run, once LiteRT is imported; median of several
    wall_s, cpu_s    the test set; the round that took the least wall time, and what all threads together took in it
    peak_mb          the largest resident set from before the flatbuffer is loaded to the end of the first round, less
                     the resident set before: Python, NumPy, LiteRT's library and the decoded images are not in it, all
                     that LiteRT takes for this flatbuffer is. The same of the float32 twin is what LiteRT takes itself.

A flatbuffer of other images than CIFAR-100's is loaded only.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from edgehybrid.data.arrays import Split, folder_of, load_split
from edgehybrid.data.source import Source
from edgehybrid.device.probe import cpu_name, peak_memory_bytes
from edgehybrid.device.processor_time import processor_time, share_of_others
from edgehybrid.evaluate import measured
from edgehybrid.flatbuffer import read_flatbuffer
from edgehybrid.recipe import load_recipe
from edgehybrid.runtime import Interpreter

LOADS = 7
TEST_IMAGES = 10_000
COLUMNS = (("wall_s", 3), ("cpu_s", 3), ("peak_mb", 1), ("load_ms", 1))
DATA = load_recipe("hybrid_res_a").data


def decoded_images() -> Split:
    """CIFAR-100's test half, or random images of its form."""
    if folder_of(DATA) is not None:
        return load_split(DATA, "test")
    random = np.random.default_rng(0)
    shape = (TEST_IMAGES, DATA.image_side, DATA.image_side, DATA.channels)
    return Split(random.integers(0, 256, shape, np.uint8), random.integers(0, DATA.classes, TEST_IMAGES))


def resident_bytes() -> int:
    """What of this process is in memory now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def measure(path: Path, threads: int, rounds: int, images: Path) -> dict[str, Any]:
    """The row of one flatbuffer, in this process."""
    import ai_edge_litert.interpreter  # noqa: F401  its library is not the flatbuffer's

    flatbuffer = read_flatbuffer(path)
    shape = flatbuffer.tensors[flatbuffer.inputs[0]].shape
    row: dict[str, Any] = {"model": path.name, "wall_s": None, "cpu_s": None, "peak_mb": None, "top1_percent": None}
    if shape == (1, DATA.image_side, DATA.image_side, DATA.channels):
        with np.load(images) as arrays:
            split = Split(arrays["images"], arrays["labels"])
        # From here on the peak is counted anew: proc_pid_clear_refs(5).
        before = resident_bytes()
        Path("/proc/self/clear_refs").write_text("5")
        interpreter, found = Interpreter(path, threads), []
        for number in range(rounds):
            wall, cpu = time.perf_counter(), time.process_time()
            result = measured(interpreter.predict, Source(DATA, lambda _: split))
            found.append((time.perf_counter() - wall, time.process_time() - cpu))
            if number == 0:
                row["peak_mb"] = ((peak_memory_bytes() or 0) - before) / 1e6
        row |= {"top1_percent": result.top1_percent, "images": result.images}
        row["wall_s"], row["cpu_s"] = min(found)
    loads = []
    for _ in range(LOADS):
        began = time.perf_counter()
        Interpreter(path, threads)
        loads.append(time.perf_counter() - began)
    return row | {"load_ms": 1e3 * float(np.median(loads)), "threads": threads}


def print_table(result: dict[str, Any]) -> None:
    """One line a flatbuffer."""
    print(
        f"{result['cpu']}, {result['images']}, load {result['load_average_before']:.1f}, "
        f"others {result['others_percent'] or 0:.0f} %"
    )
    print(f"{'model':36}{'wall s':>8}{'cpu s':>8}{'peak MB':>9}{'load ms':>9}")
    for row in result["results"]:
        cells = (f"{row[key]:.{digits}f}" if row[key] is not None else "–" for key, digits in COLUMNS)
        print(f"{row['model']:36}" + "".join(f"{cell:>{8 + (i > 1)}}" for i, cell in enumerate(cells)))


def main() -> None:
    """Measures each flatbuffer, prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", type=Path, metavar="MODEL.tflite")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--images", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    if given.images:
        print(json.dumps(measure(given.models[0], given.threads, given.rounds, given.images)))
        return
    load, began, rows = os.getloadavg()[0], processor_time(), []
    with tempfile.TemporaryDirectory(prefix="edgehybrid-") as folder:
        split, images = decoded_images(), Path(folder) / "images.npz"
        np.savez(images, images=split.images, labels=split.labels)
        for model in given.models:
            options = ["--threads", str(given.threads), "--rounds", str(given.rounds), "--images", str(images)]
            command = [sys.executable, __file__, str(model), *options]
            rows.append(json.loads(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout))
    others = share_of_others(began, processor_time(), os.cpu_count() or 1)
    kind = "random images" if folder_of(DATA) is None else "CIFAR-100's test images"
    result = {
        "cpu": cpu_name(),
        "images": kind,
        "load_average_before": load,
        "others_percent": None if others is None else 100 * others,
        "results": rows,
    }
    if given.json:
        print(json.dumps(result, indent=2))
    else:
        print_table(result)


if __name__ == "__main__":
    main()
