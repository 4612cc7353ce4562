"""What one core can do at most, by a compiled loop (peaks.cc), and the least time that leaves for a network."""

import json
import platform
import subprocess
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import NamedTuple

from edgehybrid.runtime.native import build

SOURCE = Path(__file__).with_name("peaks.cc")


# Features of x86-64, as in /proc/cpuinfo, that the loops of an instruction set need.
NEEDS: Mapping[str, frozenset[str]] = {
    "avx512": frozenset({"avx512f", "avx512_vpopcntdq"}),
    "avx2": frozenset({"avx2", "fma"}),
}


class Peaks(NamedTuple):
    """Best rates of one core.

    Attributes:
        clock_ghz: of a chain of additions.
        binary_gmacs, float_gmacs: 10^9 multiply-accumulates/s in registers, by instruction set.
        read_gbytes: 10^9 bytes/s read again and again, by the size of what is read, KiB in decimal digits.
    """

    clock_ghz: float
    binary_gmacs: Mapping[str, float]
    float_gmacs: Mapping[str, float]
    read_gbytes: Mapping[str, float]


class Work(NamedTuple):
    """What one inference of a network does at least."""

    binary_macs: int
    float_macs: int
    weight_bytes: int


def measured_peaks(folder: Path, features: Collection[str]) -> Peaks:
    """Compiles and runs peaks.cc.

    Args:
        folder: where the program goes.
        features: of this processor, as in /proc/cpuinfo.

    Raises:
        BuildError: no compiler.
        CalledProcessError: it fails.
    """
    compiler, program = build.find_compiler(platform.machine()), folder / "peaks"
    command = [*compiler.command, *build.COMPILE, *compiler.link, str(SOURCE), "-o", str(program)]
    subprocess.run(command, check=True, capture_output=True)
    isas = [isa for isa, needed in NEEDS.items() if needed <= set(features)]
    return Peaks(**json.loads(subprocess.run([program, *isas], check=True, capture_output=True).stdout))


def least_ms(work: Work, peaks: Peaks, isa: str, threads: int = 1) -> float | None:
    """The roofline: arithmetic at the peak of each kind, or all weights read once from where so many bytes lie.

    Counts and multiply-adds share the vector ports of most cores, so their times add; reading goes on beside them.
    Memory is not divided by the threads. None where the peaks of the instruction set are not measured.
    """
    if isa not in peaks.binary_gmacs or isa not in peaks.float_gmacs:
        return None
    arithmetic = work.binary_macs / peaks.binary_gmacs[isa] + work.float_macs / peaks.float_gmacs[isa]
    sizes = sorted(int(size) for size in peaks.read_gbytes)
    size = next((size for size in sizes if 1024 * size >= work.weight_bytes), sizes[-1])
    reading = work.weight_bytes / peaks.read_gbytes[str(size)]
    return max(arithmetic / threads, reading) / 1e6
