"""Available memory, read from the kernel's figures written by hand."""

from pathlib import Path

import pytest

from edgehybrid.training.available_memory import available_bytes

KIB, MIB = 2**10, 2**20
HELD_KIB, AVAILABLE_KIB, SWAP_KIB = 1000, 50_000, 300
OF_MACHINE = (HELD_KIB + AVAILABLE_KIB + SWAP_KIB) * KIB


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    folder = tmp_path / "proc"
    (folder / "self").mkdir(parents=True)
    (folder / "meminfo").write_text(
        f"MemTotal: 99999 kB\nMemFree: 7 kB\nMemAvailable:   {AVAILABLE_KIB} kB\nSwapTotal: 999 kB\n"
        f"SwapFree:  {SWAP_KIB} kB\n"
    )
    (folder / "self" / "status").write_text(f"Name:\tpython\nVmHWM:\t 2000 kB\nVmRSS:\t {HELD_KIB} kB\n")
    (folder / "self" / "cgroup").write_text("0::/outer/inner\n")
    return folder


def group(folder: Path, limit: str, used: int, files: int = 0) -> Path:
    """A control group of version 2 whose files in memory are half active, half not."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "memory.max").write_text(f"{limit}\n")
    (folder / "memory.current").write_text(f"{used}\n")
    (folder / "memory.stat").write_text(f"anon 5\nfile 9\ninactive_file {files // 2}\nactive_file {files // 2}\n")
    return folder


def group_1(folder: Path, limit: int, used: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "memory.limit_in_bytes").write_text(f"{limit}\n")
    (folder / "memory.usage_in_bytes").write_text(f"{used}\n")
    (folder / "memory.stat").write_text("active_file 0\ninactive_file 0\ntotal_active_file 40\ntotal_inactive_file 2\n")


def test_without_groups_it_is_what_the_machine_has_and_the_process_holds(proc: Path, tmp_path: Path) -> None:
    assert available_bytes(proc, tmp_path / "absent") == OF_MACHINE


def test_without_membership_in_groups_it_is_what_the_machine_has(proc: Path, tmp_path: Path) -> None:
    (proc / "self" / "cgroup").unlink()
    assert available_bytes(proc, tmp_path) == OF_MACHINE


def test_a_groups_limit_holds_and_its_files_can_go(proc: Path, tmp_path: Path) -> None:
    group(tmp_path / "outer" / "inner", str(10 * MIB), used=4 * MIB, files=MIB)
    assert available_bytes(proc, tmp_path) == HELD_KIB * KIB + 10 * MIB - 4 * MIB + MIB


@pytest.mark.parametrize("folder", [".", "outer"])
def test_the_limit_of_a_group_around_holds_too(proc: Path, tmp_path: Path, folder: str) -> None:
    group(tmp_path / "outer" / "inner", "max", used=MIB)
    group(tmp_path / folder, str(5 * MIB), used=2 * MIB)
    assert available_bytes(proc, tmp_path) == HELD_KIB * KIB + 3 * MIB


def test_no_limit_is_the_machines(proc: Path, tmp_path: Path) -> None:
    group(tmp_path / "outer" / "inner", "max", used=MIB)
    assert available_bytes(proc, tmp_path) == OF_MACHINE


def test_groups_of_version_1(proc: Path, tmp_path: Path) -> None:
    (proc / "self" / "cgroup").write_text("5:cpu,cpuacct:/here\n4:memory:/box\n0::/\n")
    group_1(tmp_path / "memory" / "box", 3 * MIB, used=MIB)
    group_1(tmp_path / "memory", 2**63 - 4096, used=9 * MIB)
    assert available_bytes(proc, tmp_path) == HELD_KIB * KIB + 2 * MIB + 42


def test_a_groups_path_that_only_the_host_sees_leaves_the_root(proc: Path, tmp_path: Path) -> None:
    (proc / "self" / "cgroup").write_text("0::/docker/0123\n")
    group(tmp_path, str(2 * MIB), used=MIB)
    assert available_bytes(proc, tmp_path) == HELD_KIB * KIB + MIB


def test_unknown_without_a_proc_folder(tmp_path: Path) -> None:
    assert available_bytes(tmp_path, tmp_path) is None


def test_on_linux_this_process_holds_a_part_of_it() -> None:
    if not Path("/proc/meminfo").is_file():
        pytest.skip("needs Linux")
    available = available_bytes()
    assert available is not None
    assert available > MIB
