"""What a Linux machine tells of itself, as one JSON object. Runs on boards as it is: ``python3 - < probe.py``.

The standard library alone, and no syntax later than Python 3.7, so that a board with too old a Python can say so.
A fact that a machine does not tell is null.
"""

from __future__ import annotations

import ctypes
import json
import os
import platform
import re
import subprocess
import sys
from pathlib import Path

CPU0 = "/sys/devices/system/cpu/cpu0/cpufreq"
# An image that is made to run in an emulator holds this file.
EMULATED_MARK = "/etc/edgehybrid-emulated"
# Bits of the firmware's answer that say what is so now; those above, from 16 on, only that it was so once.
# https://www.raspberrypi.com/documentation/computers/os.html#get_throttled
THROTTLED_NOW = {0: "under-voltage", 1: "clock capped", 2: "throttled", 3: "soft temperature limit"}
_FIRMWARE_FILE = "/sys/devices/platform/soc/soc:firmware/get_throttled"


def facts() -> dict[str, object]:
    """Everything that does not change while one measures, and the disk space where files of ours go."""
    cache = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return {
        "machine": platform.machine(),
        "userland_bits": 64 if sys.maxsize > 2**32 else 32,
        "cpu": cpu_name(),
        "board_model": read("/proc/device-tree/model"),
        "cores": os.cpu_count(),
        "isa_features": _features(),
        "min_mhz": _mhz("cpuinfo_min_freq"),
        "max_mhz": _mhz("cpuinfo_max_freq"),
        "memory_bytes": _memory("MemTotal"),
        "available_memory_bytes": _memory("MemAvailable"),
        "free_disk_bytes": _free_disk(Path(cache)),
        "page_bytes": os.sysconf("SC_PAGE_SIZE"),
        "kernel": platform.release(),
        "os": _os_name(),
        "firmware": _firmware(),
        "python": platform.python_version(),
        "glibc": _glibc(),
        "boot_id": read("/proc/sys/kernel/random/boot_id"),
        "cache": cache,
        "emulator": _emulator(),
    }


def state() -> dict[str, object]:
    """What changes: clock, who chooses it, temperature, throttling, load. Some 0.2 ms."""
    return {
        "governor": read(CPU0 + "/scaling_governor"),
        "cpu_mhz": _mhz("scaling_cur_freq"),
        "temperature_c": temperature(),
        "throttled": throttled(),
        "load_1min": round(os.getloadavg()[0], 2),
    }


def cpu_name() -> str:
    """x86 says 'model name'; of ARM cores the kernel tells implementer and part."""
    text = read("/proc/cpuinfo") or ""
    found = re.search(r"^model name\s*:\s*(.+)$", text, re.M)
    if found:
        return found.group(1).strip()
    part = re.search(r"^CPU part\s*:\s*(0x[0-9a-f]+)$", text, re.M)
    implementer = re.search(r"^CPU implementer\s*:\s*(0x[0-9a-f]+)$", text, re.M)
    if part and implementer:
        return ARM_CORES.get((implementer.group(1), part.group(1)), "ARM part " + part.group(1))
    return platform.machine()


# What the kernels of the native runtime and of XNNPACK choose by.
FEATURES = (
    *("asimd", "asimddp", "i8mm", "sve", "sse4_1", "avx", "avx2", "fma", "avx_vnni", "avx512f", "avx512bw", "avx512cd"),
    *("avx512dq", "avx512vl", "avx512_vnni", "avx512_vpopcntdq", "avx512_bitalg", "amx_tile", "amx_int8"),
)
# Main ID register of Arm's cores (implementer 0x41), from each core's Technical Reference Manual.
ARM_CORES = {
    ("0x41", "0xd03"): "Cortex-A53",
    ("0x41", "0xd04"): "Cortex-A35",
    ("0x41", "0xd05"): "Cortex-A55",
    ("0x41", "0xd07"): "Cortex-A57",
    ("0x41", "0xd08"): "Cortex-A72",
    ("0x41", "0xd09"): "Cortex-A73",
    ("0x41", "0xd0a"): "Cortex-A75",
    ("0x41", "0xd0b"): "Cortex-A76",
    ("0x41", "0xd0c"): "Neoverse-N1",
    ("0x41", "0xd41"): "Cortex-A78",
}


def temperature() -> float | None:
    """Of the hottest zone, degrees Celsius."""
    zones = []
    for zone in Path("/sys/class/thermal").glob("thermal_zone*"):
        text = read(zone / "temp")
        if text and re.match(r"-?\d+$", text):
            zones.append(int(text) / 1000.0)
    return max(zones) if zones else None


def throttled() -> list[str] | None:
    """What holds the clock back at this moment: a list of words, empty for nothing; null where nobody tells.

    Only the bits of now: the others stick until the kernel's own monitor clears them, every two seconds.
    """
    text = read(_FIRMWARE_FILE)
    if text is None:
        return None
    try:
        bits = int(text, 16)
    except ValueError:
        return None
    return [word for bit, word in sorted(THROTTLED_NOW.items()) if bits >> bit & 1]


def peak_memory_bytes() -> int | None:
    """The largest resident set of this process, bytes.

    From /proc: ``ru_maxrss`` of getrusage(2) survives execve, so it also counts the process that started this one.
    """
    found = re.search(r"^VmHWM:\s*(\d+) kB", read("/proc/self/status") or "", re.M)
    return int(found.group(1)) * 1024 if found else None


def read(path: str | Path) -> str | None:
    """A small file's text, or None."""
    try:
        return Path(path).read_text(errors="replace").strip("\x00\n ")
    except OSError:
        return None


def _features() -> list[str]:
    text = read("/proc/cpuinfo") or ""
    found = re.search(r"^(?:flags|Features)\s*:\s*(.+)$", text, re.M)
    return [name for name in FEATURES if found and name in found.group(1).split()]


def _mhz(name: str) -> float | None:
    text = read(CPU0 + "/" + name)
    return int(text) / 1000.0 if text and text.isdigit() else None


def _memory(key: str) -> int | None:
    found = re.search(rf"^{key}:\s*(\d+) kB", read("/proc/meminfo") or "", re.M)
    return int(found.group(1)) * 1024 if found else None


def _free_disk(folder: Path) -> int | None:
    while not folder.is_dir() and folder != folder.parent:
        folder = folder.parent
    try:
        disk = os.statvfs(str(folder))
    except OSError:
        return None
    return disk.f_bavail * disk.f_frsize


def _os_name() -> str | None:
    found = re.search(r'^PRETTY_NAME="?([^"\n]+)"?$', read("/etc/os-release") or "", re.M)
    return found.group(1) if found else None


def _firmware() -> str | None:
    """Of a Raspberry Pi: the date of its VideoCore firmware."""
    try:
        done = subprocess.run(["vcgencmd", "version"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=5)
    except (OSError, subprocess.TimeoutExpired):
        return None
    lines = done.stdout.decode(errors="replace").splitlines()
    return lines[0].strip() if done.returncode == 0 and lines else None


def _glibc() -> str | None:
    try:
        version = ctypes.CDLL(None).gnu_get_libc_version
    except (OSError, AttributeError):
        return None
    version.restype = ctypes.c_char_p
    return str(version().decode())


def _emulator() -> str | None:
    """'qemu' where another processor's instructions run this machine's programs, or the whole machine is one of
    QEMU's models without hardware's help.
    """
    if re.search(r"QEMU", read("/proc/device-tree/model") or read("/proc/device-tree/compatible") or "", re.I):
        return "qemu"
    if "linux,dummy-virt" in (read("/proc/device-tree/compatible") or ""):
        return "qemu"
    # qemu-user shows the host's processor under the guest's name.
    text = read("/proc/cpuinfo") or ""
    shows_x86 = re.search(r"^vendor_id\s*:\s*(GenuineIntel|AuthenticAMD)", text, re.M) is not None
    if platform.machine() in ("aarch64", "armv7l") and (shows_x86 or Path(EMULATED_MARK).exists()):
        return "qemu-user"
    return None


if __name__ == "__main__":
    print(json.dumps({"facts": facts(), "state": state()}))
