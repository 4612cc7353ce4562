"""Writes files that are whole or absent, also after a crash or a power loss. Modes follow the user's umask."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from edgehybrid.errors import EdgehybridError


def refuse_existing(paths: Iterable[Path], overwrite: bool) -> None:
    """Raises EdgehybridError for an output that is there already, unless it may be replaced."""
    for path in paths:
        if path.exists() and not overwrite:
            raise EdgehybridError(
                f"{path} exists already.", next_step="Use --overwrite to replace it, or another folder."
            )


def write_output(what: str, contents: Mapping[Path, bytes]) -> None:
    """``write_together`` in folders that are made where they are missing.

    Args:
        what: that is written, as the beginning of a sentence.

    Raises:
        EdgehybridError: a folder cannot be made, or a file not be written.
    """
    try:
        for path in contents:
            make_folder(path.parent, exist_ok=True)
        write_together(contents)
    except OSError as error:
        raise EdgehybridError(
            f"{what} cannot be written: {error}.", next_step="Choose a folder that can be written."
        ) from error


def make_folder(path: Path, exist_ok: bool = False) -> None:
    """Makes a folder, and those above it that are missing. They are still there after a power loss."""
    if not path.parent.is_dir():
        make_folder(path.parent, exist_ok=True)
    path.mkdir(exist_ok=exist_ok)
    _sync_folder(path.parent)


def write_atomically(path: Path, content: bytes) -> None:
    """Writes a file so that a reader finds the old content or the new one, never a part; also after a power loss."""
    write_together({path: content})


def write_together(contents: Mapping[Path, bytes]) -> None:
    """``write_atomically`` for files that belong together: all are on the disk before the first one is replaced.

    Raises:
        OSError: the disk is full or refuses; the old files are untouched if it did so while the new ones were written.
    """
    temporary = {path: path.with_name(f".{path.name}.{os.getpid()}.tmp") for path in contents}
    try:
        for path, content in contents.items():
            with temporary[path].open("wb") as stream:
                stream.write(content)
                stream.flush()
                os.fsync(stream.fileno())
        for path in contents:
            temporary[path].replace(path)
        for folder in dict.fromkeys(path.parent for path in contents):
            _sync_folder(folder)
    finally:
        for path in temporary.values():
            path.unlink(missing_ok=True)


def _sync_folder(path: Path) -> None:
    """Names of files and folders reach the disk with the folder that holds them."""
    folder = os.open(path, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
