"""The runner on a board: one folder, put there and removed by this machine.

    ~/.cache/edgehybrid/runner/     runner.py probe.py processor_time.py libedgehybrid_<machine>.so venv/ manifest.json
    ~/.cache/edgehybrid/models/     flatbuffers and images by their hash

The manifest lists every file's hash and is written last: a folder without it, or with another one, is made anew.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from edgehybrid import __version__
from edgehybrid.device import probe, processor_time, runner
from edgehybrid.device.board import Board
from edgehybrid.device.transport import Transport, put, refused
from edgehybrid.device.wheels import wheels_folder, wheels_for
from edgehybrid.errors import EdgehybridError
from edgehybrid.runtime.native_library import library

_SCRIPTS = (runner, probe, processor_time)
_MANIFEST = "manifest.json"
SETUP_SECONDS = 600.0
# Makes the interpreter's environment of wheels, as pip would: each is a zip file that is unpacked. A Debian without
# python3-venv has no pip to put into it, and none is needed.
_UNPACK = """
import glob, os, subprocess, sys, zipfile
folder = sys.argv[1]
subprocess.run([sys.executable, "-m", "venv", "--clear", "--without-pip", os.path.join(folder, "venv")], check=True)
version = "python%d.%d" % sys.version_info[:2]
packages = os.path.join(folder, "venv", "lib", version, "site-packages")
for wheel in sorted(glob.glob(os.path.join(folder, "wheels", "*.whl"))):
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(packages)
    os.remove(wheel)
"""


class Installation(NamedTuple):
    """Paths on the board."""

    folder: PurePosixPath

    @property
    def command(self) -> list[str]:
        """Starts the runner."""
        return [str(self.folder / "runner" / "venv" / "bin" / "python"), str(self.folder / "runner" / "runner.py")]

    def library(self, machine: str) -> str:
        """The native runtime's."""
        return str(self.folder / "runner" / f"libedgehybrid_{machine}.so")

    @property
    def lock(self) -> str:
        """Held by one measurement at a time."""
        return str(self.folder / "lock")

    def model(self, sha256: str) -> PurePosixPath:
        """A file of a model or of images."""
        return self.folder / "models" / sha256


def set_up(transport: Transport, board: Board) -> bool:
    """Installs the runner, unless the same is there.

    Returns:
        whether anything was sent.

    Raises:
        EdgehybridError: the board is unfit, its disk is full, there are no wheels, or what was installed does not run.
    """
    board.refuse_if_unfit()
    wheels = {PurePosixPath("wheels") / path.name: path.read_bytes() for path in wheels_for(board, wheels_folder())}
    contents = {**_own_files(board), **wheels}
    manifest = _manifest(contents)
    if installed_manifest(transport, board) == manifest and not _damaged(transport, board, manifest):
        return False
    place = board.folder / "runner"
    remove_folder(transport, place)
    for name, content in contents.items():
        put(transport, place / name, content, SETUP_SECONDS)
    done = transport.run(["python3", "-", str(place)], _UNPACK.encode(), SETUP_SECONDS)
    if done.status:
        remove_folder(transport, place)
        raise refused(f"The runner's environment cannot be made on {transport.address}", done)
    _try(transport, board)
    put(transport, place / _MANIFEST, json.dumps(manifest, indent=1).encode())
    return True


def installed_manifest(transport: Transport, board: Board) -> dict[str, str] | None:
    """What a finished setup has left there; None without one."""
    done = transport.run(["cat", str(board.folder / "runner" / _MANIFEST)])
    try:
        found = json.loads(done.stdout) if done.status == 0 else None
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _damaged(transport: Transport, board: Board, manifest: Mapping[str, str]) -> bool:
    """Whether a file of ours on the board is not what the manifest says; wheels are gone when they are unpacked."""
    names = [str(name) for name in _own_files(board)]
    there = transport.run(["sha256sum", "--", *(str(board.folder / "runner" / name) for name in names)])
    hashes = [line.split()[0] for line in there.stdout.decode(errors="replace").splitlines() if line.strip()]
    return there.status != 0 or hashes != [manifest.get(name) for name in names]


def refuse_if_absent(transport: Transport, board: Board) -> None:
    """Raises EdgehybridError where the runner and the library of this installation are not on the board, and whole."""
    found, own = installed_manifest(transport, board), _manifest(_own_files(board))
    if found is None or any(found.get(name) != value for name, value in own.items()):
        raise EdgehybridError(
            "The runner is not installed on the board." if found is None else "The board has another version's runner.",
            received=f"{transport.address}: {'nothing' if found is None else found.get('edgehybrid')}",
            allowed=f"that of this installation, {__version__}",
            next_step="edgehybrid devices setup NAME",
        )
    if _damaged(transport, board, found):
        raise EdgehybridError(
            "The runner on the board is damaged: its files are not those that were sent.",
            received=f"{transport.address}: {board.folder / 'runner'}",
            next_step="edgehybrid devices setup NAME",
        )


def remove(transport: Transport, board: Board) -> None:
    """Removes everything that was put on a board; what edgehybrid itself keeps there, if it is used there, stays."""
    for name in ("runner", "models", "lock"):
        remove_folder(transport, board.folder / name)


def remove_folder(transport: Transport, folder: PurePosixPath) -> None:
    """Removes a folder of ours, which is named so."""
    if "edgehybrid" not in folder.parts:
        raise EdgehybridError("Only folders of edgehybrid are removed.", received=folder)
    done = transport.run(["rm", "-rf", "--", str(folder)], b"", SETUP_SECONDS)
    if done.status:
        raise refused(f"{folder} cannot be removed on {transport.address}", done)


def _own_files(board: Board) -> dict[PurePosixPath, bytes]:
    """What is sent but for the wheels."""
    files = [*(Path(str(script.__file__)) for script in _SCRIPTS), library(board.machine)]
    return {PurePosixPath(path.name): path.read_bytes() for path in files}


def _manifest(contents: Mapping[PurePosixPath, bytes]) -> dict[str, str]:
    hashes = {str(name): hashlib.sha256(content).hexdigest() for name, content in contents.items()}
    return {"edgehybrid": __version__, **hashes}


def _try(transport: Transport, board: Board) -> None:
    """Loads what was installed."""
    there = Installation(board.folder)
    script = (
        "import sys, numpy; from ai_edge_litert.interpreter import load_delegate; load_delegate(sys.argv[1]); "
        "print(numpy.__version__)"
    )
    done = transport.run([there.command[0], "-c", script, there.library(board.machine)], b"", SETUP_SECONDS)
    if done.status:
        raise refused(f"What was installed does not run on {transport.address}", done)
