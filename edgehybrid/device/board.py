"""A board before anything is measured there: what it is, and what is missing for a measurement."""

import json
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import get_args

from edgehybrid.census.formats import Target
from edgehybrid.device import probe
from edgehybrid.device.facts import Facts, State
from edgehybrid.device.transport import LOCAL, Transport
from edgehybrid.errors import EdgehybridError

# Of what setup sends, unpacked: NumPy 40 MB, LiteRT 45 MB, the rest 10 MB.
LEAST_FREE_DISK_BYTES = 200 * 2**20
# Wheels of ai-edge-litert and NumPy for aarch64 ask for it.
LEAST_GLIBC = (2, 27)
PYTHONS = ("3.10", "3.11", "3.12", "3.13", "3.14")
MACHINES: tuple[str, ...] = get_args(Target)


@dataclass(frozen=True)
class Board:
    """A machine, by what it tells of itself."""

    address: str
    facts: Facts
    state: State

    @property
    def machine(self) -> str:
        """Its architecture."""
        return self.facts.machine

    @property
    def folder(self) -> PurePosixPath:
        """Where everything of ours is."""
        return PurePosixPath(self.facts.cache) / "edgehybrid"

    @property
    def python(self) -> str:
        """Major and minor version."""
        return ".".join(self.facts.python.split(".")[:2])

    @property
    def glibc(self) -> tuple[int, int] | None:
        """None without the GNU C library."""
        parts = (self.facts.glibc or "").split(".")
        return (int(parts[0]), int(parts[1])) if len(parts) >= 2 and parts[1].isdigit() else None

    def missing(self) -> list[tuple[str, str]]:
        """What stands against a measurement, and what to do about it."""
        found = []
        if self.machine not in MACHINES or self.facts.userland_bits != 64:
            found.append(
                (
                    f"a 64-bit system for ARM: this is {self.machine}, {self.facts.userland_bits} bits",
                    "Install the 64-bit Raspberry Pi OS; packed kernels need AArch64.",
                )
            )
        if self.python not in PYTHONS:
            found.append((f"Python {PYTHONS[0]} or later: it has {self.facts.python}", "Update the board's system."))
        if self.glibc is None or self.glibc < LEAST_GLIBC:
            found.append(
                (
                    f"glibc {'.'.join(map(str, LEAST_GLIBC))} or later: it has {self.facts.glibc or 'another'}",
                    "Use a system with a newer GNU C library, such as Raspberry Pi OS of 2023 or later.",
                )
            )
        free = self.facts.free_disk_bytes
        if free is not None and free < LEAST_FREE_DISK_BYTES:
            found.append(
                (f"{LEAST_FREE_DISK_BYTES >> 20} MiB of disk: {free >> 20} MiB are free", "Make room on the board.")
            )
        return found

    def refuse_if_unfit(self) -> None:
        """Raises EdgehybridError for the first thing that is missing."""
        for what, next_step in self.missing():
            raise EdgehybridError(f"The board lacks {what}.", received=self.address, next_step=next_step)


def examine(transport: Transport) -> Board:
    """Asks a machine what it is.

    Raises:
        TransportError: it cannot be reached.
        EdgehybridError: it has no Python, or answers something else.
    """
    if transport.address == LOCAL:
        return _board(LOCAL, probe.facts(), probe.state())
    script = Path(probe.__file__).read_bytes()
    done = transport.run(["python3", "-"], script)
    if done.status:
        lines = done.stderr.strip().splitlines()
        raise EdgehybridError(
            "The board cannot run Python 3.",
            received=f"{transport.address}: {lines[-1][:300] if lines else f'exit status {done.status}'}",
            next_step="Install it: sudo apt install python3",
        )
    # A login script may have printed something before.
    for line in reversed(done.stdout.decode(errors="replace").splitlines()):
        try:
            told = json.loads(line)
            return _board(transport.address, told["facts"], told["state"])
        except (ValueError, TypeError, KeyError):
            continue
    raise EdgehybridError(
        "The board's answer cannot be read.",
        received=f"{transport.address}: {done.stdout[:200].decode(errors='replace')!r}",
        next_step="Log in by hand, and see what it prints: it should print nothing without a terminal.",
    )


def _board(address: str, facts: object, state: object) -> Board:
    return Board(address, Facts.model_validate(facts), State.model_validate(state))
