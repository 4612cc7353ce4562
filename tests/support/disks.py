"""A full disk, and what a disk is told to keep."""

import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest


@contextmanager
def files_of_at_most(size_bytes: int) -> Iterator[None]:
    """Files of this process, and of those it starts, cannot grow beyond that, as on a full disk; for TensorFlow too."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def record_calls(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """All that is asked of the disk from now on, in order: ("mkdir", "replace" or "fsync", name of file or folder)."""
    calls: list[tuple[str, str]] = []
    mkdir, replace, fsync = os.mkdir, os.replace, os.fsync

    def recorded_mkdir(path: Any, *mode: int) -> None:
        mkdir(path, *mode)
        calls.append(("mkdir", Path(path).name))

    def recorded_replace(old: Any, new: Any) -> None:
        replace(old, new)
        calls.append(("replace", Path(new).name))

    def recorded_fsync(descriptor: int) -> None:
        calls.append(("fsync", Path(f"/proc/self/fd/{descriptor}").readlink().name))
        fsync(descriptor)

    monkeypatch.setattr(os, "mkdir", recorded_mkdir)
    monkeypatch.setattr(os, "replace", recorded_replace)
    monkeypatch.setattr(os, "fsync", recorded_fsync)
    return calls


def calls_of_a_write(path: Path) -> list[tuple[str, str]]:
    """The content reaches the disk before the name that it is found under; then that name."""
    return [("fsync", f".{path.name}.{os.getpid()}.tmp"), ("replace", path.name), ("fsync", path.parent.name)]


def calls_of_a_new_folder(path: Path) -> list[tuple[str, str]]:
    """The folder that holds the new one's name reaches the disk too."""
    return [("mkdir", path.name), ("fsync", path.parent.name)]
