"""Ctrl-C and SIGTERM end a training between two steps, so that a checkpoint can be written."""

import signal
import threading
from types import FrameType, TracebackType


class Interruption:
    """Context manager; ``requested`` becomes true at the first signal. A second one ends the process at once."""

    def __init__(self) -> None:
        self.requested = False
        # Only the main thread may set handlers; elsewhere signals are not ours.
        self._signals = (signal.SIGINT, signal.SIGTERM) if threading.current_thread() is threading.main_thread() else ()

    def __enter__(self) -> "Interruption":
        self._before = {number: signal.signal(number, self._request) for number in self._signals}
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _request(self, number: int, frame: FrameType | None) -> None:
        if self.requested:
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
        self.requested = True
