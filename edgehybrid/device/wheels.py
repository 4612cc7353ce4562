"""The wheels that a board needs, downloaded by this machine: the board itself needs no internet."""

import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

from edgehybrid.device.board import Board
from edgehybrid.errors import EdgehybridError

# manylinux tags have been numbered by glibc since 2.17; pip takes only those that it is told (PEP 600).
_FIRST_TAG = 17


def wheels_for(board: Board, folder: Path) -> list[Path]:
    """Wheels of LiteRT and NumPy for the board's Python, architecture and C library, in a folder of their own.

    Every tag up to the board's glibc is named, and LiteRT's version is this machine's: with a newer tag alone pip finds
    an old LiteRT and says nothing.

    Raises:
        EdgehybridError: pip finds none, or there is no network.
    """
    litert = version("ai-edge-litert")
    glibc = board.glibc or (2, _FIRST_TAG)
    place = folder / f"{board.machine}-{board.python}-glibc{glibc[0]}.{glibc[1]}-litert{litert}"
    mark = place / "complete"
    try:
        if not mark.exists():
            place.mkdir(parents=True, exist_ok=True)
            _download(board, glibc, litert, place)
            mark.touch()
    except OSError as error:
        raise EdgehybridError(
            f"Wheels for the board cannot be kept on this machine: {error}.", received=place
        ) from error
    return sorted(place.glob("*.whl"))


def wheels_folder() -> Path:
    """Where they are kept on this machine."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "edgehybrid" / "wheels"


def _download(board: Board, glibc: tuple[int, int], litert: str, place: Path) -> None:
    tags = [f"manylinux_2_{minor}_{board.machine}" for minor in range(_FIRST_TAG, glibc[1] + 1)]
    tags.append(f"manylinux2014_{board.machine}")
    abi = board.python.replace(".", "")
    command = [
        *(sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"),
        *("--dest", str(place), "--only-binary", ":all:"),
        *("--python-version", board.python, "--implementation", "cp", "--abi", f"cp{abi}", "--abi", "none"),
        *(part for tag in tags for part in ("--platform", tag)),
        *(f"ai-edge-litert=={litert}", "numpy"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.startswith("ERROR")] or done.stderr.splitlines()
        raise EdgehybridError(
            f"There are no wheels for the board: Python {board.python}, {board.machine}, glibc {glibc[0]}.{glibc[1]}.",
            received=lines[-1][:500] if lines else f"pip's exit status {done.returncode}",
            next_step="This machine needs a network to PyPI for that, once.",
        )
