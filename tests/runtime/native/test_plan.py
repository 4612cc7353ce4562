"""Plans of random graphs against the reference: runs the program ``plan_test``, also as a board would."""

import platform
import random
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from edgehybrid.runtime.native.build import BuildError
from edgehybrid.runtime.native.executable import build_executable

MAIN, PARTS = "plan/plan_test.cc", ("base", "graph", "kernels", "plan")
QEMU = "qemu-aarch64-static"
# GCC 12 warns of its own AVX-512 header: bug 105593.
SANITIZED = ("-O1", "-g", "-fno-sanitize-recover=all", "-Wno-maybe-uninitialized", "-Wno-uninitialized")


def runs_of(command: list[str], graphs: int) -> dict[str, int]:
    """Runs the program with a seed of its own; how often each instruction set ran."""
    done = subprocess.run(
        [*command, str(graphs), str(random.getrandbits(30))], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return {isa: int(count) for isa, count in re.findall(r"^(\w+): (\d+) runs$", done.stdout, re.MULTILINE)}


def test_random_graphs_give_the_references_numbers(tmp_path: Path) -> None:
    try:
        program = build_executable(MAIN, PARTS, tmp_path, platform.machine())
    except BuildError as error:
        pytest.skip(str(error))
    runs = runs_of([str(program)], graphs=300)
    assert runs["portable"] > 300


@pytest.mark.slow
def test_random_graphs_give_the_same_on_a_board(tmp_path: Path) -> None:
    if shutil.which(QEMU) is None:
        pytest.skip(f"needs {QEMU}, Debian's package qemu-user-static")
    try:
        program = build_executable(MAIN, PARTS, tmp_path, "aarch64")
    except BuildError as error:
        pytest.skip(str(error))
    assert runs_of([QEMU, "-cpu", "cortex-a53", str(program)], graphs=200)["neon"] > 200


@pytest.mark.sanitize
@pytest.mark.parametrize("sanitizer", ["address,undefined", "thread"])
def test_random_graphs_touch_no_memory_but_their_own(tmp_path: Path, sanitizer: str) -> None:
    compiler = shutil.which("g++")
    if compiler is None:
        pytest.skip("needs g++ with its sanitizers")
    flags = (*SANITIZED, f"-fsanitize={sanitizer}")
    program = build_executable(MAIN, PARTS, tmp_path, platform.machine(), command=(compiler,), flags=flags)
    assert runs_of([str(program)], graphs=200)["portable"] > 200
