"""Boards that are not there: transports whose commands and runners a test makes up."""

import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

from edgehybrid.device import probe
from edgehybrid.device.board import Board
from edgehybrid.device.facts import Facts, State
from edgehybrid.device.transport import Finished, LocalTransport, Running, TransportError, started

ADDRESS = "ssh://pi@board"
# What a Raspberry Pi 4 tells; the values of its manual and of a Raspberry Pi OS of 2024.
PI = {
    **dict.fromkeys(probe.facts()),
    "machine": "aarch64",
    "userland_bits": 64,
    "cpu": "Cortex-A72",
    "board_model": "Raspberry Pi 4 Model B Rev 1.4",
    "cores": 4,
    "isa_features": ["asimd"],
    "memory_bytes": 4 << 30,
    "free_disk_bytes": 8 << 30,
    "page_bytes": 4096,
    "kernel": "6.6.51+rpt-rpi-v8",
    "python": "3.11.2",
    "glibc": "2.36",
    "cache": "/home/pi/.cache",
    "boot_id": "one",
}
COOL = {"governor": "performance", "cpu_mhz": 1800.0, "temperature_c": 51.0, "throttled": [], "load_1min": 0.1}


class FakeBoard(LocalTransport):
    """A board whose commands a function answers, and whose runner is a Python script of the test's own."""

    address = ADDRESS

    def __init__(
        self, answer: Callable[[Sequence[str], bytes], Finished] = lambda *_: Finished(0, b"", ""), script: str = ""
    ) -> None:
        self.answer, self.script = answer, script
        self.commands: list[list[str]] = []

    def run(self, command: Sequence[str], stdin: bytes = b"", timeout_seconds: float = 1.0) -> Finished:
        self.commands.append(list(command))
        return self.answer(command, stdin)

    def start(self, command: Sequence[str]) -> AbstractContextManager[Running]:
        self.commands.append(list(command))
        return started([sys.executable, "-c", self.script])

    def refuse_loss(self, status: int, stderr: str) -> None:
        if status == 255:
            raise TransportError("The connection to the board was lost.", received=stderr)


def facts(**changes: Any) -> Mapping[str, Any]:
    return {**PI, **changes}


def pi_board(**changes: Any) -> Board:
    """A Raspberry Pi with other facts."""
    return Board(ADDRESS, Facts.model_validate(facts(**changes)), State.model_validate(COOL))
