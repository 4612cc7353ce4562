"""How fast the kernels of the native runtime are on this core, beside what the core allows.

    python benchmarks/kernels.py [--json] [--rounds N] [--mca]

Compiles and runs ``kernels_bench``, which measures in cycles (its source says how), and sets the limits of
``kernel_limits.csv`` beside. With ``--mca`` it needs no board: llvm-mca simulates the inner loops of NEON's binary
convolution on models of the boards' cores. They are taken from the compiled assembly, where they are the innermost
loops that count bits, so that they hold the loads and the loop's own instructions.
"""

import argparse
import csv
import json
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from edgehybrid.runtime.native import build
from edgehybrid.runtime.native.executable import build_executable

LIMITS = Path(__file__).with_name("kernel_limits.csv")
# Kernels whose limit is the core's rate of multiply-adds.
FLOAT_KERNELS = {"conv", "dot", "depthwise"}
# "CPU part" of /proc/cpuinfo where the implementer is ARM.
ARM_PARTS = {"0xd03": "cortex-a53", "0xd08": "cortex-a72", "0xd0b": "cortex-a76"}
# llvm-mca's cores, with the goal in binary MAC per cycle. Its A57 stands for the A72, Neoverse N1 for the A76; LLVM 14
# simulates N1 as an A57.
MCA_CORES = {"cortex-a53": 37, "cortex-a57": 75, "neoverse-n1": 75}
MCA_ITERATIONS = 500
# A CNT counts 128 bits.
MAC_A_COUNT = 128

Row = dict[str, str | float | None]


def core_name(cpuinfo: str) -> str | None:
    """The row of the table that this core has; None for one that it lacks."""
    fields = dict(re.findall(r"^([^\t:]+?)\s*: *(.*)$", cpuinfo.split("\n\n")[0], re.MULTILINE))
    if fields.get("CPU implementer") == "0x41":
        return ARM_PARTS.get(fields.get("CPU part", ""))
    if fields.get("vendor_id") == "AuthenticAMD" and fields.get("cpu family") == "26":
        return "zen5"
    if fields.get("vendor_id") == "GenuineIntel" and "avx512_vpopcntdq" in fields.get("flags", ""):
        return "intel-avx512"
    return None


def limits_of(core: str | None) -> Mapping[tuple[str, str], float]:
    """MAC per cycle by instruction set and kind of kernel."""
    with LIMITS.open() as file:
        return {
            (row["isa"], row["kernel"]): float(row["mac_per_cycle"])
            for row in csv.DictReader(file)
            if row["core"] == core
        }


def measured(rounds: int, folder: Path) -> tuple[float, list[Row]]:
    """The clock in GHz, and each kernel's rate beside its limit."""
    program = build_executable("kernels/kernels_bench.cc", ("base", "kernels"), folder, platform.machine())
    done = subprocess.run([program, str(rounds)], capture_output=True, text=True, check=True)
    first, *rows = map(json.loads, done.stdout.splitlines())
    cpuinfo = Path("/proc/cpuinfo")
    limits = limits_of(core_name(cpuinfo.read_text()) if cpuinfo.exists() else None)
    for row in rows:
        kind = "float" if row["kernel"] in FLOAT_KERNELS else row["kernel"]
        row["limit"] = limits.get((row["isa"], kind))
    return first["ghz"], rows


def counting_loops(assembly: str) -> Iterator[str]:
    """The innermost loops with CNT, as text from the label to the branch back to it."""
    lines = [re.sub(r"//.*", "", line).rstrip() for line in assembly.splitlines()]
    labels = {line[:-1]: number for number, line in enumerate(lines) if re.fullmatch(r"\.L\w+:", line)}
    for number, line in enumerate(lines):
        branch = re.match(r"\s+(?:b\.\w+|cbn?z\s+\w+,|tbn?z\s+\w+, #\d+,)\s+(\.L\w+)$", line)
        first = labels.get(branch[1], number) if branch else number
        body = lines[first : number + 1]
        if first < number and sum(line.endswith(":") for line in body) == 1 and any("\tcnt\t" in line for line in body):
            yield "\n".join(line for line in body if line and not line.startswith("\t."))


def cycles_of(loop: str, core: str, mca: str) -> float:
    """Cycles of one pass as llvm-mca simulates it, every load a hit of the first cache."""
    command = [mca, "-mtriple=aarch64", f"-mcpu={core}", f"-iterations={MCA_ITERATIONS}"]
    done = subprocess.run(command, input=loop, capture_output=True, text=True, check=True)
    found = re.search(r"^Total Cycles: +(\d+)$", done.stdout, re.MULTILINE)
    if found is None:
        raise ValueError(f"{mca} printed no total:\n{done.stdout}")
    return int(found[1]) / MCA_ITERATIONS


def simulated(mca: str, folder: Path) -> list[Row]:
    """MAC per cycle of NEON's binary inner loops on each core."""
    source, result = build.NATIVE / "kernels/kernels_arm64_neon.cc", folder / "neon.s"
    command = [*build.find_compiler("aarch64").command, *build.COMPILE, "-g0", "-I", str(build.NATIVE)]
    subprocess.run([*command, "-S", str(source), "-o", str(result)], capture_output=True, check=True)
    rows: list[Row] = []
    for loop in counting_loops(result.read_text()):
        mac = loop.count("\tcnt\t") * MAC_A_COUNT
        for core, goal in MCA_CORES.items():
            shape = f"{mac} MAC, {loop.count(chr(10))} instructions"
            rows.append({"isa": core, "kernel": "bconv", "shape": shape, "unit": "MAC", "goal": goal})
            rows[-1]["per_cycle"] = round(mac / cycles_of(loop, core, mca), 2)
    return rows


def print_table(rows: list[Row], beside: str) -> None:
    """One line a row; ``beside`` names the column that the rate is compared with."""
    print(f"{'':12} {'kernel':13} {'shape':36} {'a cycle':>13} {beside:>6} {'of it':>6}")
    for row in rows:
        rate, other = row["per_cycle"], row[beside]
        share = "" if other is None else f"{other:6.1f} {float(rate or 0) / float(other):6.0%}"
        print(f"{row['isa']:12} {row['kernel']:13} {row['shape']:36} {rate:7.2f} {row['unit']:5} {share}".rstrip())


def main() -> int:
    """Measures or simulates, and prints."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print one object instead of the table")
    parser.add_argument("--rounds", type=int, default=200, help="of measurements, whose least time counts")
    parser.add_argument("--mca", default=None, nargs="?", const="llvm-mca", help="simulate; name of llvm-mca")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        if arguments.mca is None:
            ghz, rows = measured(arguments.rounds, Path(name))
            if arguments.json:
                print(json.dumps({"ghz": ghz, "kernels": rows}))
            else:
                print(f"at {ghz:.2f} GHz, least time of {arguments.rounds} rounds")
                print_table(rows, "limit")
            return 0
        mca = shutil.which(arguments.mca)
        if mca is None:
            print(f"--mca needs the program {arguments.mca}, part of LLVM: Debian's package llvm", file=sys.stderr)
            return 1
        rows = simulated(mca, Path(name))
        print(json.dumps({"loops": rows})) if arguments.json else print_table(rows, "goal")
        return 0


if __name__ == "__main__":
    sys.exit(main())
