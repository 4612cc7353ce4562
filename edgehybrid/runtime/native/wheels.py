"""Builds the wheels for both architectures and checks what they hold.

In the root of the source: ``python -m edgehybrid.runtime.native.wheels DIR``
"""

import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from edgehybrid.runtime.native.build import GLIBC, PROCESSORS, library_name
from edgehybrid.runtime.native.elf import NotALibraryError, read_library

EXPORTS = frozenset({"tflite_plugin_create_delegate", "tflite_plugin_destroy_delegate"})
# The kernel of a Raspberry Pi 5 has pages of 16 KiB. Emulators and other boards do not notice smaller alignment.
LEAST_ALIGNMENT_BYTES = 0x4000


def faults(wheel: Path, architecture: str) -> list[str]:
    """What is wrong with a wheel; empty where nothing is."""
    found = []
    if not wheel.name.endswith(f"-py3-none-manylinux_2_17_{architecture}.whl"):
        found.append(f"{wheel.name}: the tag is not py3-none-manylinux_2_17_{architecture}")
    with zipfile.ZipFile(wheel) as files, tempfile.TemporaryDirectory() as folder:
        libraries = [name for name in files.namelist() if name.endswith(".so")]
        carried = PROCESSORS if architecture == "x86_64" else (architecture,)
        for needed in map(library_name, carried):
            if not any(name.endswith(needed) for name in libraries):
                found.append(f"{wheel.name}: {needed} is missing")
        for name in libraries:
            found.extend(f"{wheel.name}: {fault}" for fault in library_faults(Path(files.extract(name, folder))))
    return found


def library_faults(path: Path) -> list[str]:
    """What is wrong with a library whose name tells its architecture."""
    try:
        library = read_library(path)
    except NotALibraryError as error:
        return [f"{path.name}: {error}"]
    found = []
    if path.name != library_name(library.machine):
        found.append(f"{path.name}: compiled for {library.machine}")
    if library.exports != EXPORTS:
        found.append(f"{path.name}: exports {', '.join(sorted(library.exports ^ EXPORTS))} too many or too few")
    if library.load_alignment_bytes < LEAST_ALIGNMENT_BYTES:
        found.append(f"{path.name}: aligned to {library.load_alignment_bytes:#x}, needed {LEAST_ALIGNMENT_BYTES:#x}")
    if library.newest_glibc > tuple(int(part) for part in GLIBC.split(".")):
        found.append(f"{path.name}: needs glibc {'.'.join(map(str, library.newest_glibc))}, allowed {GLIBC}")
    return found


def main() -> int:
    """Builds both wheels into the folder named, and prints what is wrong with them."""
    if len(sys.argv) != 2:
        print("usage: python -m edgehybrid.runtime.native.wheels DIR", file=sys.stderr)
        return 2
    folder = Path(sys.argv[1])
    found = []
    for architecture in PROCESSORS:
        before = set(folder.glob("*.whl"))
        subprocess.run(
            [sys.executable, "-m", "pip", "wheel", "--no-deps", "--quiet", "--wheel-dir", str(folder), "."],
            env={**os.environ, "EDGEHYBRID_ARCH": architecture},
            check=True,
        )
        made = sorted(set(folder.glob(f"*{architecture}.whl")) - before) or sorted(folder.glob(f"*{architecture}.whl"))
        for wheel in made:
            print(f"{wheel}: {wheel.stat().st_size:,} bytes")
            found.extend(faults(wheel, architecture))
    print("\n".join(found) or "Both wheels are as they should be.")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
