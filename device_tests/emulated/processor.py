"""What the emulated board tells of its processor: files in the place of /proc and /sys.

qemu-user shows a program the host's /proc. LiteRT's detection of processors reads there, and with x86's text it
crashes; with none it finds no processor, and XNNPACK stays off without a word. So neither is mounted, and these files
say what a Raspberry Pi 4 says.
"""

import os
import uuid
from pathlib import Path

# The name that qemu knows it by, and the part number in its main ID register (probe.ARM_CORES).
QEMU_NAME, NAME, _PART = "cortex-a72", "Cortex-A72", "0xd08"
_CORE = f"""processor\t: {{number}}
BogoMIPS\t: 108.00
Features\t: fp asimd evtstrm crc32 cpuid
CPU implementer\t: 0x41
CPU architecture: 8
CPU variant\t: 0x0
CPU part\t: {_PART}
CPU revision\t: 3

"""
_MEMORY_KIB = 4 << 20


def write_processor(root: Path) -> None:
    """Writes the files of a board that was just switched on."""
    # sysconf asks the host's kernel how many there are, and LiteRT these files: they must say the same.
    cores = len(os.sched_getaffinity(0))
    last = cores - 1
    files = {
        "proc/cpuinfo": "".join(_CORE.format(number=number) for number in range(cores)),
        "proc/meminfo": f"MemTotal: {_MEMORY_KIB} kB\nMemAvailable: {_MEMORY_KIB * 3 // 4} kB\n",
        "proc/sys/kernel/random/boot_id": f"{uuid.uuid4()}\n",
        **{f"sys/devices/system/cpu/{name}": f"0-{last}\n" if last else "0\n" for name in ("possible", "present")},
    }
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
