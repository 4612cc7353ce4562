"""Where the shared library of the native runtime is, one for each architecture, and whether it can be loaded here."""

import ctypes
import platform
from pathlib import Path

from edgehybrid.errors import RuntimeMissingError
from edgehybrid.runtime.native.elf import MACHINES

FOLDER = Path(__file__).parent / "native" / "lib"


def library(arch: str | None = None) -> Path:
    """The shared library, an external delegate of TensorFlow Lite and LiteRT, for programs in C, C++ and Java.

    It exports ``tflite_plugin_create_delegate`` and ``tflite_plugin_destroy_delegate`` and needs the C library alone.

    Args:
        arch: as ``uname -m`` says it: x86_64 or aarch64. By default this machine's.

    Raises:
        RuntimeMissingError: there is no library for that architecture.
    """
    arch = arch or platform.machine()
    path = FOLDER / f"libedgehybrid_{arch}.so"
    if path.is_file():
        return path
    there = sorted(found.stem.removeprefix("libedgehybrid_") for found in FOLDER.glob("libedgehybrid_*.so"))
    raise RuntimeMissingError(
        f"The native runtime has no library for {arch}.",
        received=path,
        allowed=f"{' or '.join(there)}, which are installed" if there else "none is installed",
        next_step="'pip install .' in a checkout of edgehybrid builds it, for x86_64 and aarch64.",
    )


def loadable_library() -> Path:
    """The library of this machine, once the system's loader has taken it.

    Raises:
        RuntimeMissingError: it is missing, damaged, or another architecture's.
    """
    path = library()
    try:
        ctypes.CDLL(str(path))
    except OSError as error:
        # Of a library of another architecture glibc says that there is no such file.
        raise RuntimeMissingError(
            "The native runtime's library cannot be loaded.",
            received=f"{path}, {_kind(path)}: {error}",
            allowed=f"a library for {platform.machine()}, in a Python of {platform.architecture()[0]}",
            next_step="Install edgehybrid again.",
        ) from error
    return path


def _kind(path: Path) -> str:
    """What the file's header says it is."""
    header = path.read_bytes()[:20]
    if len(header) < 20 or not header.startswith(b"\x7fELF"):
        return "which is no library"
    number = int.from_bytes(header[18:20], "little")
    return f"for {MACHINES.get(number, f'machine {number}')}"
