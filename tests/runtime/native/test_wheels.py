"""The checks of wheels, and the wheels."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from edgehybrid.runtime.native.build import library_name
from edgehybrid.runtime.native.wheels import faults, library_faults

ROOT = Path(__file__).parents[3]


def test_a_wheel_without_its_library_is_at_fault(tmp_path: Path) -> None:
    wheel = tmp_path / "edgehybrid-0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as files:
        files.writestr("edgehybrid/__init__.py", "")
    found = faults(wheel, "aarch64")
    assert any("the tag is not py3-none-manylinux_2_17_aarch64" in fault for fault in found)
    assert any("libedgehybrid_aarch64.so is missing" in fault for fault in found)


def test_a_library_is_judged(tmp_path: Path) -> None:
    import numpy._core._multiarray_umath as extension

    copy = tmp_path / library_name("riscv64")
    copy.write_bytes(Path(extension.__file__).read_bytes())
    found = library_faults(copy)
    assert any("compiled for " in fault for fault in found)
    assert any("exports " in fault for fault in found)
    copy.write_bytes(b"no library")
    assert library_faults(copy) == ["libedgehybrid_riscv64.so: no ELF file of 64 bits, little-endian"]


@pytest.mark.slow
def test_both_wheels_are_as_they_should_be(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "edgehybrid.runtime.native.wheels", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(list(tmp_path.glob("*.whl"))) == 2
