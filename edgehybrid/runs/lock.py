"""One process owns a run folder while it trains it."""

import fcntl
import json
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from edgehybrid.errors import RunError
from edgehybrid.runs.run_folder import RunFolder


@contextmanager
def owned(run: RunFolder) -> Iterator[None]:
    """Holds the run folder's lock; its file ``lock`` names the owner.

    The lock is the kernel's (flock): it ends with its process, however that ends, so a dead owner blocks nobody.

    Raises:
        RunError: another process trains this run, or its folder cannot be written.
    """
    path = run.path / "lock"
    try:
        # Unbuffered: what the disk refuses must not be tried again when the file is closed.
        file = path.open("a+b", buffering=0)
    except OSError as error:
        raise _unwritable(path, error) from error
    owner = {"pid": os.getpid(), "host": platform.node(), "since_utc": datetime.now(UTC).isoformat("T", "seconds")}
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            file.truncate(0)
            file.write(json.dumps(owner).encode())
        except BlockingIOError as error:
            file.seek(0)
            raise RunError(
                "Another process trains this run.",
                received=f"{run.path}, owned by {file.read().decode()}",
                next_step="Wait for it or end it, then resume; or train a new run.",
            ) from error
        except OSError as error:
            raise _unwritable(path, error) from error
        try:
            yield
        finally:
            file.truncate(0)


def _unwritable(path: Path, error: OSError) -> RunError:
    return RunError(
        f"The run folder cannot be locked: {error}.",
        received=path,
        next_step="Make room on the disk, or the folder writable.",
    )
