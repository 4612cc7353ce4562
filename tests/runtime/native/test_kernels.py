"""Kernels of all instruction sets against plain loops: runs the program ``kernels_test``, also as a board would."""

import platform
import random
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from edgehybrid.runtime.native.build import BuildError
from edgehybrid.runtime.native.executable import build_executable

MAIN, PARTS = "kernels/kernels_test.cc", ("base", "kernels")
QEMU = "qemu-aarch64-static"
# As the program names them.
KERNELS = {
    "bconv",
    "bconv_w1a2",
    "bconv_w2a1",
    "bconv_w2a2",
    "bconv, any passes",
    "conv",
    "dot",
    "depthwise",
    "max_pool",
    "average_pool",
    "program, compiled",
    "program, interpreted",
    "threshold",
    "join",
}
# Kernels that keep weights in registers, where there are enough.
NARROW = {"avx512": {"narrow", "narrow, halved words"}}


def cases_of(command: list[str]) -> dict[str, dict[str, int]]:
    """Runs the program with a seed of its own; the number of cases by instruction set and kernel."""
    done = subprocess.run([*command, str(random.getrandbits(63))], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    cases: dict[str, dict[str, int]] = {}
    for isa, kernel, count in re.findall(r"^(\w+) +(\S.*\S) +(\d+) cases$", done.stdout, re.MULTILINE):
        cases.setdefault(isa, {})[kernel] = int(count)
    return cases


def assert_all_ran(cases: dict[str, dict[str, int]], *names: str) -> None:
    assert set(names) <= set(cases)
    for isa, counts in cases.items():
        assert set(counts) == KERNELS | NARROW.get(isa, set()), isa
        assert min(counts.values()) > 100, (isa, counts)


def vectors_of_this_processor() -> list[str]:
    """The instruction sets that must run here, by what Linux says of the processor."""
    info = Path("/proc/cpuinfo")
    lines = re.findall(r"^(?:flags|Features)\s*:(.*)$", info.read_text() if info.exists() else "", re.MULTILINE)
    flags = set(" ".join(lines[:1]).split())
    needed = {
        "neon": {"asimd"},
        "avx2": {"avx2", "fma", "popcnt"},
        "avx512": {"avx2", "fma", "avx512f", "avx512dq", "avx512bw", "avx512vl", "avx512_vpopcntdq"},
    }
    return [isa for isa, its in needed.items() if its <= flags]


def test_every_kernel_of_this_machine_is_exact(tmp_path: Path) -> None:
    try:
        program = build_executable(MAIN, PARTS, tmp_path, platform.machine())
    except BuildError as error:
        pytest.skip(str(error))
    assert_all_ran(cases_of([str(program)]), "portable", *vectors_of_this_processor())


@pytest.fixture(scope="module")
def board_program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program for aarch64."""
    if shutil.which(QEMU) is None:
        pytest.skip(f"needs {QEMU}, Debian's package qemu-user-static")
    try:
        return build_executable(MAIN, PARTS, tmp_path_factory.mktemp("aarch64"), "aarch64")
    except BuildError as error:
        pytest.skip(str(error))


# Slow once: ziglang compiles its own C and C++ libraries first.
# The oldest core of ours has ARMv8.0 alone: an instruction of a later version ends the program.
@pytest.mark.slow
@pytest.mark.parametrize("core", ["cortex-a53", "cortex-a72", "max"])
def test_every_kernel_of_a_board_is_exact(board_program: Path, core: str) -> None:
    assert_all_ran(cases_of([QEMU, "-cpu", core, str(board_program)]), "portable", "neon")


@pytest.mark.sanitize
def test_kernels_touch_no_memory_but_their_own(tmp_path: Path) -> None:
    compiler = shutil.which("g++")
    if compiler is None:
        pytest.skip("needs g++ with its sanitizers")
    # GCC 12 warns of its own AVX-512 header: bug 105593.
    flags = ("-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-Wno-maybe-uninitialized")
    program = build_executable(MAIN, PARTS, tmp_path, platform.machine(), command=(compiler,), flags=flags)
    assert_all_ran(cases_of([str(program)]), "portable")
