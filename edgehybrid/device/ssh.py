"""A board over OpenSSH, by the user's own configuration, keys and known hosts.

Nothing is asked (BatchMode), and a host's key is checked as the user's configuration says, never less. All commands
share one connection (ControlMaster), which ends with the program. A board that is gone is noticed within
``ALIVE_SECONDS`` times ``ALIVE_COUNT``.
"""

import os
import re
import shlex
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from edgehybrid.device.transport import (
    DEFAULT_TIMEOUT_SECONDS,
    Finished,
    Running,
    TransportError,
    finished,
    started,
)
from edgehybrid.errors import EdgehybridError, UsageError

# As git's GIT_SSH_COMMAND: another client, or options such as -F config and -J jump host.
SSH_VARIABLE = "EDGEHYBRID_SSH"
CONNECT_SECONDS = 10
ALIVE_SECONDS, ALIVE_COUNT = 5, 3
_SSH_PORT, _HIGHEST_PORT = 22, 65535
# ssh's own exit status; a command's is passed through (ssh(1), EXIT STATUS).
_LOST = 255
_ADDRESS = re.compile(r"ssh://(?:(?P<user>[\w.+-]+)@)?(?P<host>[\w.-]+|\[[0-9A-Fa-f:.%\w]+\])(?::(?P<port>\d{1,5}))?/?")


class Address(NamedTuple):
    """Parts of ``ssh://[user@]host[:port]``; what is None is as the user's configuration says."""

    user: str | None
    host: str
    port: int | None

    def destination(self) -> str:
        """As ssh takes it."""
        return self.host if self.user is None else f"{self.user}@{self.host}"

    def port_option(self) -> list[str]:
        """As ssh and ssh-copy-id take it."""
        return [] if self.port is None else ["-p", str(self.port)]

    def known_host(self) -> str:
        """As known_hosts has it; ssh's own port stands in none of its lines."""
        return self.host if self.port in (None, _SSH_PORT) else f"'[{self.host}]:{self.port}'"


def parse_address(text: str) -> Address:
    """Reads an address.

    Raises:
        UsageError: it is none. A host that begins with a hyphen would be an option.
    """
    match = _ADDRESS.fullmatch(text)
    if match is None or match["host"].startswith("-") or (match["user"] or "").startswith("-"):
        raise UsageError(
            "This is no address of a board.",
            received=text,
            allowed="local, the name of a device, or ssh://[user@]host[:port]",
            next_step="'edgehybrid devices list' shows the names.",
        )
    port = None if match["port"] is None else int(match["port"])
    if port is not None and not 1 <= port <= _HIGHEST_PORT:
        raise UsageError("There is no such port.", received=text, allowed=f"1 to {_HIGHEST_PORT}")
    return Address(match["user"], match["host"].strip("[]"), port)


class SshTransport:
    """A board; connects with the first command."""

    def __init__(self, address: str) -> None:
        """Raises UsageError for what is no address."""
        self.address = address
        self._parts = parse_address(address)
        # Short: the path of a socket has 108 bytes at most.
        self._folder = Path(tempfile.mkdtemp(prefix="eh-ssh-"))

    def run(
        self, command: Sequence[str], stdin: bytes = b"", timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS
    ) -> Finished:
        """See ``Transport``."""
        done = finished(self._ssh(command), stdin, timeout_seconds + CONNECT_SECONDS, self.address)
        self.refuse_loss(done.status, done.stderr)
        return done

    @contextmanager
    def start(self, command: Sequence[str]) -> Iterator[Running]:
        """See ``Transport``."""
        with started(self._ssh(command)) as running:
            yield running

    def refuse_loss(self, status: int, stderr: str) -> None:
        """See ``Transport``."""
        if status == _LOST:
            raise _loss(self.address, self._parts, stderr)

    def close(self) -> None:
        """Ends the shared connection, if there is one. Whatever came of the work stays what it is."""
        try:
            if self._folder.is_dir() and any(self._folder.iterdir()):
                command = [*self._client(), "-O", "exit", "--", self._parts.destination()]
                with suppress(EdgehybridError):
                    finished(command, b"", CONNECT_SECONDS, self.address)
        finally:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _ssh(self, command: Sequence[str]) -> list[str]:
        # ssh joins its arguments for the shell over there: quoted, they are the words of the command.
        return [*self._client(), "-T", "--", self._parts.destination(), shlex.join(command)]

    def _client(self) -> list[str]:
        options = {
            "BatchMode": "yes",
            "ConnectTimeout": CONNECT_SECONDS,
            "ServerAliveInterval": ALIVE_SECONDS,
            "ServerAliveCountMax": ALIVE_COUNT,
            "ControlMaster": "auto",
            "ControlPath": self._folder / "%C",
            "ControlPersist": 60,
            "LogLevel": "ERROR",
        }
        settings = [part for key, value in options.items() for part in ("-o", f"{key}={value}")]
        return [*_ssh_command(), *settings, *self._parts.port_option()]


def _ssh_command() -> list[str]:
    text = os.environ.get(SSH_VARIABLE, "")
    try:
        return shlex.split(text) or ["ssh"]
    except ValueError as error:
        raise UsageError(
            f"{SSH_VARIABLE} cannot be read: {error}.", received=text, allowed="a command as a shell takes it"
        ) from error


_LOOK = "Look whether it is switched on and in this network: ping {host}"
# What OpenSSH says → what that means, what to do. The first that is found.
_REASONS: Sequence[tuple[str, str, str]] = (
    (
        "REMOTE HOST IDENTIFICATION HAS CHANGED",
        "The board's host key is not the one that is known: it was installed anew, or this is another machine.",
        "If you know why, remove the old key: ssh-keygen -R {known_host}",
    ),
    (
        "Host key verification failed",
        "The board's host key is not known yet.",
        "Connect once by hand, and compare its fingerprint: ssh {port}{destination}",
    ),
    (
        "Permission denied",
        "The board refuses the key, or knows none of yours.",
        "Send it your key: ssh-copy-id {port}{destination}",
    ),
    (
        "Could not resolve hostname",
        "The board's name is not known in this network.",
        "Look for its name or IP address; a Raspberry Pi is raspberrypi.local unless it was named otherwise.",
    ),
    (
        "Connection refused",
        "The board has no SSH server running.",
        "On a Raspberry Pi: sudo systemctl enable --now ssh",
    ),
    ("timed out", "The board does not answer.", _LOOK),
    ("No route to host", "The board does not answer.", _LOOK),
    ("Too many authentication failures", "The board refuses the keys.", "Name the key in ~/.ssh/config: IdentityFile"),
)


def _loss(address: str, parts: Address, stderr: str) -> TransportError:
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    received = f"{address}: {lines[-1][:300] if lines else 'the connection ended'}"
    for sign, what, next_step in _REASONS:
        if sign in stderr:
            words = {
                "host": parts.host,
                "known_host": parts.known_host(),
                "port": "".join(f"{word} " for word in parts.port_option()),
                "destination": parts.destination(),
            }
            return TransportError(what, received=received, next_step=next_step.format(**words))
    return TransportError(
        "The connection to the board was lost.",
        received=received,
        next_step="Look whether the board restarted or its network broke, and try again.",
    )
