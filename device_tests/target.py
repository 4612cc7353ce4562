"""A board, and the installed command that measures on it."""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from emulated.board import EmulatedBoard

_COMMAND = Path(sys.executable).parent / "edgehybrid"
# Far more than any command takes, also in an emulator on a busy machine.
_TIMEOUT_SECONDS = 900.0


@dataclass
class Target:
    """A board, and the command that measures on it.

    Attributes:
        address: for ``--device`` of the command.
        folder: the working folder.
        emulated: the board, where it is an emulated one, which tests may break.
    """

    address: str
    folder: Path
    environment: dict[str, str]
    emulated: EmulatedBoard | None

    def call(self, *arguments: object, status: int = 0) -> "subprocess.CompletedProcess[str]":
        """Runs the command to its end."""
        done = subprocess.run(
            [str(_COMMAND), *map(str, arguments)],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=_TIMEOUT_SECONDS,
        )
        assert done.returncode == status, done.stderr
        assert "Traceback" not in done.stderr
        return done

    def printed(self, *arguments: object, status: int = 0) -> Any:
        """What the command prints with ``--json``."""
        return json.loads(self.call(*arguments, "--json", status=status).stdout)

    def refused(self, *arguments: object) -> str:
        """The one message of a command that fails."""
        done = self.call(*arguments, status=1)
        assert done.stderr.count("Error: ") == 1, done.stderr
        assert done.stdout == ""
        return done.stderr

    def start(self, *arguments: object) -> "subprocess.Popen[str]":
        """A command that goes on beside the test."""
        return subprocess.Popen(
            [str(_COMMAND), *map(str, arguments)],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
