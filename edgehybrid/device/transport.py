"""Runs commands on a machine and puts files there: this machine, or (``ssh.py``) a board."""

import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import PurePosixPath
from typing import IO, NamedTuple, Protocol

from edgehybrid.errors import EdgehybridError

LOCAL = "local"
DEFAULT_TIMEOUT_SECONDS = 60.0


class TransportError(EdgehybridError):
    """A machine that cannot be reached, or was lost."""


class Finished(NamedTuple):
    """A command that has ended."""

    status: int
    stdout: bytes
    stderr: str


class Running(NamedTuple):
    """A command that runs, with its pipes; ``stderr`` is a file that it writes to."""

    process: "subprocess.Popen[bytes]"
    stdin: IO[bytes]
    stdout: IO[bytes]
    stderr: IO[bytes]

    def errors(self) -> str:
        """What it has written to stderr so far."""
        self.stderr.seek(0)
        return self.stderr.read().decode(errors="replace")


class Transport(Protocol):
    """A way to a machine. Commands are lists of words, which reach the program as they are: no shell reads them."""

    @property
    def address(self) -> str:
        """``local``, or ``ssh://…``."""

    def run(
        self, command: Sequence[str], stdin: bytes = b"", timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS
    ) -> Finished:
        """Runs a command to its end.

        Raises:
            TransportError: the machine cannot be reached or was lost, or the command took too long.
        """

    def start(self, command: Sequence[str]) -> AbstractContextManager[Running]:
        """Runs a command beside this program, and ends it with the block."""

    def refuse_loss(self, status: int, stderr: str) -> None:
        """Raises TransportError where a command's end was that of the way to it."""

    def close(self) -> None:
        """Ends the connection."""


class LocalTransport:
    """This machine."""

    address = LOCAL

    def run(
        self, command: Sequence[str], stdin: bytes = b"", timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS
    ) -> Finished:
        """See ``Transport``."""
        return finished(command, stdin, timeout_seconds, self.address)

    def start(self, command: Sequence[str]) -> AbstractContextManager[Running]:
        """See ``Transport``."""
        return started(command)

    def refuse_loss(self, status: int, stderr: str) -> None:
        """This machine is never lost."""

    def close(self) -> None:
        """Nothing is open."""


def put(transport: Transport, path: PurePosixPath, content: bytes, timeout_seconds: float = 600.0) -> None:
    """Writes a file so that it is whole or absent, also where the connection is lost halfway: ``cat`` ends well then.

    Raises:
        TransportError: the machine was lost.
        EdgehybridError: it refuses the file.
    """
    script = (
        'part="$2.$$.part"; mkdir -p -- "${2%/*}" && cat > "$part" && [ "$(wc -c < "$part")" -eq "$1" ] '
        '&& mv -f -- "$part" "$2" || { rm -f -- "$part"; exit 1; }'
    )
    done = transport.run(["sh", "-c", script, "sh", str(len(content)), str(path)], content, timeout_seconds)
    if done.status:
        raise refused(f"{path} cannot be written on {transport.address}", done)


def refused(what: str, done: Finished) -> EdgehybridError:
    """The error of a command that failed there, in its own words."""
    lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
    is_full = any("No space left" in line for line in lines)
    return EdgehybridError(
        f"{what}: the disk is full." if is_full else f"{what}.",
        received=lines[-1][:500] if lines else f"exit status {done.status}",
        next_step="Make room there." if is_full else None,
    )


def finished(command: Sequence[str], stdin: bytes, timeout_seconds: float, address: str) -> Finished:
    """A program of this machine, run to its end.

    Args:
        address: whose command it carries out, for messages.
    """
    try:
        done = subprocess.run(command, input=stdin, capture_output=True, timeout=timeout_seconds, check=False)
    except subprocess.TimeoutExpired as error:
        raise TransportError(
            f"{address} did not answer in time.",
            received=f"nothing for {timeout_seconds:.0f} s",
            next_step="Look whether the board is overloaded or its network slow, and try again.",
        ) from error
    except (FileNotFoundError, NotADirectoryError, PermissionError) as error:
        raise _missing_program(command[0]) from error
    return Finished(done.returncode, done.stdout, done.stderr.decode(errors="replace"))


@contextmanager
def started(command: Sequence[str]) -> Iterator[Running]:
    """A program of this machine, with pipes; killed with the block."""
    with tempfile.TemporaryFile() as stderr:
        try:
            process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr)
        except (FileNotFoundError, NotADirectoryError, PermissionError) as error:
            raise _missing_program(command[0]) from error
        if process.stdin is None or process.stdout is None:
            raise TransportError("A program was started without pipes.", received=command[0])
        try:
            yield Running(process, process.stdin, process.stdout, stderr)
        finally:
            process.kill()
            process.wait()
            process.stdout.close()
            # What was not sent yet has nobody to read it.
            with suppress(BrokenPipeError):
                process.stdin.close()


def _missing_program(name: str) -> EdgehybridError:
    """Of this machine."""
    return EdgehybridError(
        f"The program '{name}' is not installed on this machine, or is none.",
        next_step="Install OpenSSH's client: sudo apt install openssh-client" if name == "ssh" else None,
    )
