#!/usr/bin/python3 -u
"""The only program of an emulated board (emulated_board.py), which starts it as /init: counts, prints, switches off.

/job.json says what to run; the result is one line of JSON.
"""

import ctypes
import faulthandler
import json
import mmap
import os
import struct
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

REPORT = Path("/report.jsonl")
LIBC = ctypes.CDLL(None, use_errno=True)
POWER_OFF = 0x4321FEDC  # linux/reboot.h
# linux/perf_event.h and the table of system calls of 64-bit ARM.
PERF_EVENT_OPEN, PERF_ATTR_BYTES, NOT_KERNEL = 241, 112, 1 << 5
HARDWARE, INSTRUCTIONS = 0, 1
SOFTWARE, CPU_CLOCK, WITH_PLACE, SAMPLE = 1, 0, 1, 9
# A nanosecond is an instruction. A prime: no loop may fall in step.
SAMPLE_NS, RING_PAGES = 20_011, 1024
# subs x0, x0, #1; b.ne back to it; ret
LOOP, LOOP_INSTRUCTIONS = (0xF1000400, 0x54FFFFE1, 0xD65F03C0), 2

Counts = dict[str, list[int]]


def perf_event(kind: int, event: int, period: int = 0) -> int:
    """A file that counts events of this process outside of the kernel, or takes its place at every period-th."""
    attributes = struct.pack(
        "=IIQQQQQ", kind, PERF_ATTR_BYTES, event, period, WITH_PLACE if period else 0, 0, NOT_KERNEL
    )
    file: int = LIBC.syscall(PERF_EVENT_OPEN, attributes.ljust(PERF_ATTR_BYTES, b"\0"), 0, -1, -1, 0)
    if file < 0:
        raise OSError(ctypes.get_errno(), f"the kernel counts no event {event} of kind {kind}")
    return file


class Counter:
    """Counts the instructions of this process outside of the kernel."""

    def __init__(self) -> None:
        self._file = perf_event(HARDWARE, INSTRUCTIONS)
        # Of reading the counter and of the call, which no run is charged for.
        self._own = 0
        self._own = min(self.counts_of(lambda: None, 5)["instructions"])

    def counts_of(self, run: Callable[[], Any], runs: int) -> Counts:
        """Of each run: instructions, and ns of the clock, which goes on by one with each, the kernel's as well."""
        found: Counts = {"instructions": [], "clock_ns": []}
        for _ in range(runs):
            began_ns, began = time.monotonic_ns(), self._read()
            run()
            ended, ended_ns = self._read(), time.monotonic_ns()
            found["instructions"].append(ended - began - self._own)
            found["clock_ns"].append(ended_ns - began_ns)
        return found

    def _read(self) -> int:
        return int.from_bytes(os.read(self._file, 8), "little")


def known_loop(turns: int) -> Callable[[], None]:
    """A call that takes LOOP_INSTRUCTIONS instructions a turn."""
    memory = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    memory.write(struct.pack("<3I", *LOOP))
    # Holds the memory as long as the call exists.
    first = ctypes.c_char.from_buffer(memory)
    function = ctypes.CFUNCTYPE(None, ctypes.c_uint64)(ctypes.addressof(first))

    def run(_kept: ctypes.c_char = first) -> None:
        function(turns)

    return run


def opened(model: str, library: str | None) -> Any:
    """An interpreter with one thread that has /image.npy, and has run once.

    Args:
        library: our delegate; without it, LiteRT takes XNNPACK where it can.
    """
    import numpy as np
    from ai_edge_litert.interpreter import Interpreter, load_delegate

    REPORT.write_text("")
    delegates = [load_delegate(library, {"report_file": str(REPORT)})] if library else None
    interpreter = Interpreter(model, num_threads=1, experimental_delegates=delegates)
    interpreter.allocate_tensors()
    (source,) = interpreter.get_input_details()
    interpreter.set_tensor(source["index"], np.load("/image.npy"))
    interpreter.invoke()
    return interpreter


def counted_network(counter: Counter, model: str, library: str | None, runs: int) -> dict[str, Any]:
    """Counts of a network, its logits, and how many nodes of its graph are a delegate's."""
    interpreter = opened(model, library)
    counts = counter.counts_of(interpreter.invoke, runs)
    operators = [node["op_name"] for node in interpreter._get_ops_details()]
    (result,) = interpreter.get_output_details()
    return {
        **counts,
        "logits": interpreter.get_tensor(result["index"]).ravel().tolist(),
        "delegate_nodes": operators.count("DELEGATE"),
        "graph_nodes": len(operators) - operators.count("DELEGATE"),
        "regions": [json.loads(line) for line in REPORT.read_text().splitlines()],
    }


def sampled_network(model: str, library: str, runs: int) -> dict[str, Any]:
    """Where in our library the processor was, once in SAMPLE_NS instructions."""
    interpreter = opened(model, library)
    # The kernel must not think that it samples too often: only its own instructions tell it how long that takes.
    Path("/proc/sys/kernel/perf_cpu_time_max_percent").write_text("0")
    bytes_of_ring = mmap.PAGESIZE * RING_PAGES
    file = perf_event(SOFTWARE, CPU_CLOCK, SAMPLE_NS)
    # The first page tells, from byte 1024 on, how much was written behind it.
    ring = mmap.mmap(file, mmap.PAGESIZE + bytes_of_ring, flags=mmap.MAP_SHARED)
    for _ in range(runs):
        interpreter.invoke()
    (written,) = struct.unpack_from("<Q", ring, 1024)
    os.close(file)
    if written > bytes_of_ring:
        raise OverflowError(f"{written} bytes of samples; {bytes_of_ring} are allowed: ask for fewer runs")
    maps = [line.split() for line in Path("/proc/self/maps").read_text().splitlines()]
    bounds = [list(map(bound_of, fields[0].split("-"))) for fields in maps if fields[-1] == library]
    first, last = bounds[0][0], bounds[-1][1]
    at, end = mmap.PAGESIZE, mmap.PAGESIZE + written
    places: dict[int, int] = {}
    outside = 0
    while at < end:
        kind, _, size = struct.unpack_from("<IHH", ring, at)
        (place,) = struct.unpack_from("<Q", ring, at + 8)
        if kind == SAMPLE and first <= place < last:
            places[place - first] = places.get(place - first, 0) + 1
        else:
            outside += 1
        at += size
    return {"places": sorted(places.items()), "outside": outside}


def bound_of(text: str) -> int:
    """Of a mapping, in hexadecimal digits."""
    return int(text, 16)


def work() -> dict[str, Any]:
    """What /job.json asks for."""
    job = json.loads(Path("/job.json").read_text())
    if "sample" in job:
        return sampled_network(**job["sample"])
    counter = Counter()
    loop = counter.counts_of(known_loop(job["loop_turns"]), 3)
    forms = {
        form: counted_network(counter, model["file"], model["library"], job["runs"])
        for form, model in job["models"].items()
    }
    cpuinfo = Path("/proc/cpuinfo").read_text()
    return {
        "loop": {"expected": LOOP_INSTRUCTIONS * job["loop_turns"], **loop},
        "features": next(line for line in cpuinfo.splitlines() if line.startswith("Features")).split(": ")[1].split(),
        "forms": forms,
    }


def main() -> None:
    """As the first process of the system, which must not end."""
    faulthandler.enable()
    try:
        for kind, place in (("proc", "/proc"), ("sysfs", "/sys"), ("devtmpfs", "/dev")):
            if LIBC.mount(kind.encode(), place.encode(), kind.encode(), 0, None) != 0:
                raise OSError(ctypes.get_errno(), f"cannot mount {place}")
        print("RESULT " + json.dumps(work()))
    except Exception:  # noqa: BLE001 -- whatever it was, the console must tell and the board go off
        traceback.print_exc()
    finally:
        LIBC.sync()
        LIBC.reboot(POWER_OFF)


if __name__ == "__main__":
    main()
