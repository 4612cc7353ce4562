"""Holds back what libraries write to stderr while they start, which is not about the user's work."""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

LEVEL = "TF_CPP_MIN_LOG_LEVEL"
# Errors, too: what fails is raised, and what is logged only is no failure, such as a kernel that oneDNN lacks.
QUIET = "3"


@contextmanager
def quiet_start() -> Iterator[None]:
    """For TensorFlow's first import, and that of all that bring it along: ``held_back``, and its log level.

    Its notes on absent GPUs and CPU instructions come before logging is set up (TensorFlow issue 100442), so no log
    level silences them.
    """
    with held_back():
        os.environ.setdefault(LEVEL, QUIET)
        yield


@contextmanager
def held_back() -> Iterator[None]:
    """Holds back stderr, also of compiled code, unless the block fails or the user set a log level."""
    if os.environ.get(LEVEL, QUIET) != QUIET:
        yield
        return
    sys.stderr.flush()
    stderr = os.dup(2)
    with tempfile.TemporaryFile() as notes:
        os.dup2(notes.fileno(), 2)
        has_finished = False
        try:
            yield
            has_finished = True
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)
            if not has_finished:
                notes.seek(0)
                os.write(2, notes.read())
