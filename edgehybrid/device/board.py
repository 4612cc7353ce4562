"""What can be read about a Linux machine: processor, clock, governor, load; and what a process took of its memory."""

import os
import platform
from pathlib import Path
from typing import Any

CPU0 = Path("/sys/devices/system/cpu/cpu0/cpufreq")


def board_state() -> dict[str, Any]:
    """The state of this machine now; a fact that it does not tell is null."""
    megahertz = _read(CPU0 / "scaling_cur_freq")
    return {
        "cpu": _cpu_name(),
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        "governor": _read(CPU0 / "scaling_governor"),
        "cpu_mhz": int(megahertz) / 1000 if megahertz else None,
        "load_1min": round(os.getloadavg()[0], 2),
        "kernel": platform.release(),
    }


def peak_memory_bytes() -> int:
    """The largest resident set of this process, bytes.

    From /proc: ``ru_maxrss`` of getrusage(2) survives execve, so it also counts the process that started this one.
    """
    status = Path("/proc/self/status").read_text()
    return 1024 * next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:"))


def _cpu_name() -> str:
    """x86 says 'model name'; ARM boards name the board in the device tree."""
    for line in (_read(Path("/proc/cpuinfo")) or "").splitlines():
        key, _, value = line.partition(":")
        if key.strip() == "model name":
            return value.strip()
    return _read(Path("/proc/device-tree/model")) or platform.machine()


def _read(path: Path) -> str | None:
    try:
        return path.read_text(errors="replace").strip("\x00\n ")
    except OSError:
        return None
