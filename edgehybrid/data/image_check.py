"""One pass over all image files before training: that each is a whole image, and how it has to be turned."""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np

from edgehybrid.data.folders import ImageFiles
from edgehybrid.data.image_bytes import UnfitImageError
from edgehybrid.data.image_format import ALLOWED, examine
from edgehybrid.data.names import NAMED, shown
from edgehybrid.errors import DataError

# Enough to keep a disk or a file server busy, which most of the time is waited for.
THREADS = 16
AT_ONCE = 500
# What most headers need; more is read where they are longer.
HEAD_BYTES = 4096


class _Examined(NamedTuple):
    orientations: list[int]
    faults: list[str]


def check_images(files: ImageFiles) -> ImageFiles:
    """``files`` with the orientation of each.

    Raises:
        DataError: files that are no whole images of an allowed format, or cannot be read: the first ones, and how many.
    """
    groups = [files.paths[begin : begin + AT_ONCE] for begin in range(0, len(files.paths), AT_ONCE)]
    with ThreadPoolExecutor(THREADS) as pool:
        examined = list(pool.map(_examine_group, groups))
    if faults := [fault for group in examined for fault in group.faults]:
        more = f"\n    and {len(faults) - NAMED} more" if len(faults) > NAMED else ""
        raise DataError(
            faults[0] if len(faults) == 1 else f"{len(faults)} files among the images cannot be trained on.",
            received=None if len(faults) == 1 else "".join(f"\n    {fault}" for fault in faults[:NAMED]) + more,
            allowed=ALLOWED,
            next_step="Convert each to JPEG or PNG, copy it again, or take it out of the folder.",
        )
    return files._replace(
        orientations=np.fromiter((turn for group in examined for turn in group.orientations), np.uint8)
    )


def _examine_group(paths: Sequence[str]) -> _Examined:
    found = _Examined([], [])
    for path in paths:
        try:
            found.orientations.append(_examine_file(path))
        except UnfitImageError as reason:
            found.faults.append(f"{shown(path)}: {reason}.")
        except OSError as error:
            found.faults.append(f"{shown(path)}: the file cannot be read: {error.strerror}.")
    return found


def _examine_file(path: str) -> int:
    # Without O_NONBLOCK, opening a pipe would wait for a writer that never comes.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        size = os.fstat(descriptor).st_size
        head = os.pread(descriptor, HEAD_BYTES, 0)

        def read(place: int, count: int) -> bytes:
            if place + count <= len(head):
                return head[place : place + count]
            return os.pread(descriptor, max(count, 0), max(place, 0))

        return examine(read, size)
    finally:
        os.close(descriptor)
