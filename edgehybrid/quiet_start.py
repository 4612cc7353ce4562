"""TensorFlow's first import, for all that bring it along: without its notes."""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quiet_start() -> Iterator[None]:
    """Holds back what TensorFlow writes to stderr while it starts, unless it fails or the user set a log level.

    Its notes on absent GPUs and CPU instructions are not about the user's work, and no log level silences them, for
    they come before logging is set up (TensorFlow issue 100442).
    """
    if "TF_CPP_MIN_LOG_LEVEL" in os.environ:
        yield
        return
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"
    sys.stderr.flush()
    stderr = os.dup(2)
    with tempfile.TemporaryFile() as notes:
        os.dup2(notes.fileno(), 2)
        has_started = False
        try:
            yield
            has_started = True
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)
            if not has_started:
                notes.seek(0)
                os.write(2, notes.read())
