"""How often files are opened, by whatever process of this machine."""

import ctypes
import os
import struct
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType

# Of Linux's sys/inotify.h. Closings are wanted only because two openings in a row are reported as one.
IN_CLOSE_NOWRITE, IN_OPEN, IN_ISDIR = 0x10, 0x20, 0x40000000
HEADER = struct.Struct("iIII")


class FileOpens:
    """Context manager: counts the openings of each file in some folders."""

    def __init__(self, folders: Iterable[Path]) -> None:
        self._folders = list(folders)

    def __enter__(self) -> "FileOpens":
        libc = ctypes.CDLL(None, use_errno=True)
        self._queue = libc.inotify_init1(os.O_NONBLOCK)
        watches = [
            libc.inotify_add_watch(self._queue, os.fsencode(folder), IN_OPEN | IN_CLOSE_NOWRITE)
            for folder in self._folders
        ]
        if min(self._queue, *watches) < 0:
            raise OSError(ctypes.get_errno(), "inotify")
        self._folder_of = dict(zip(watches, self._folders, strict=True))
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        os.close(self._queue)

    def counts(self) -> Counter[Path]:
        """Openings of each file since the last call. Linux keeps some 16,000 events."""
        found: Counter[Path] = Counter()
        while True:
            try:
                events = os.read(self._queue, 2**16)
            except BlockingIOError:
                return found
            begin = 0
            while begin < len(events):
                watch, mask, _, length = HEADER.unpack_from(events, begin)
                name = events[begin + HEADER.size :][:length].rstrip(b"\0")
                begin += HEADER.size + length
                if mask & IN_OPEN and not mask & IN_ISDIR:
                    found[self._folder_of[watch] / os.fsdecode(name)] += 1
