"""A board without a board: an arm64 Debian whose own SSH server runs on loopback, by qemu in user mode.

Root changes into the board's folder (chroot), and Linux starts arm64 programs there in qemu, which it keeps open for
that (binfmt_misc with flag F). The key is made for the board and goes with it. Its time is no latency, and the probe
knows by the mark in the image.
"""

import os
import shlex
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from emulated.processor import QEMU_NAME, write_processor
from emulated.root_filesystem import HOME, USER, USER_ID, copy_of, kept_root

_BINFMT = Path("/proc/sys/fs/binfmt_misc")
START_SECONDS = 15.0
_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
_PROGRAMS = {
    "mmdebstrap": "mmdebstrap",
    "qemu-aarch64-static": "qemu-user-static",
    "update-binfmts": "binfmt-support",
    "ssh": "openssh-client",
    "ssh-keygen": "openssh-client",
}


def missing() -> str | None:
    """What this machine lacks for an emulated board; None for nothing."""
    if os.geteuid() != 0:
        return "an emulated board needs root: it changes into another root filesystem"
    packages = sorted({package for program, package in _PROGRAMS.items() if shutil.which(program) is None})
    if packages:
        return f"an emulated board needs: apt install {' '.join(packages)}"
    if not (_BINFMT / "register").exists():
        # Nobody has mounted it yet, or this container may not.
        subprocess.run(["mount", "-t", "binfmt_misc", "none", _BINFMT], capture_output=True, check=False)
    if not (_BINFMT / "register").exists():
        return "an emulated board needs binfmt_misc, which cannot be mounted here"
    if not (_BINFMT / "qemu-aarch64").exists():
        subprocess.run(["update-binfmts", "--enable", "qemu-aarch64"], capture_output=True, check=False)
    registered = _BINFMT / "qemu-aarch64"
    if not registered.exists() or "F" not in registered.read_text().partition("flags:")[2].partition("\n")[0]:
        return "an emulated board needs qemu-aarch64 in binfmt_misc with flag F"
    return None


@dataclass
class EmulatedBoard:
    """A board that runs.

    Attributes:
        root: its root filesystem, as this machine sees it.
        start_seconds: from the command to the open port.
    """

    root: Path
    folder: Path
    port: int
    start_seconds: float = 0.0
    _server: "subprocess.Popen[bytes] | None" = field(default=None, repr=False)

    @property
    def address(self) -> str:
        """For ``--device``."""
        return f"ssh://{USER}@127.0.0.1:{self.port}"

    @property
    def client(self) -> str:
        """What EDGEHYBRID_SSH must say to reach it."""
        return shlex.join(["ssh", "-F", str(self.folder / "config")])

    @property
    def home(self) -> Path:
        """Its user's home, as this machine sees it."""
        return self.root / HOME

    def start(self) -> None:
        """Switches it on."""
        began = time.monotonic()
        command = ["chroot", str(self.root), "/usr/sbin/sshd", "-D", "-e", "-f", "/etc/ssh/board_config"]
        with (self.folder / "log").open("ab") as log:
            self._server = subprocess.Popen(
                command, stderr=log, env=os.environ | {"QEMU_CPU": QEMU_NAME, "PATH": _PATH}
            )
        while time.monotonic() < began + START_SECONDS:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    self.start_seconds = time.monotonic() - began
                    return
            if self._server.poll() is not None:
                break
            time.sleep(0.05)
        self.switch_off()
        raise RuntimeError(f"The emulated board does not start: {(self.folder / 'log').read_text()}")

    def switch_off(self) -> None:
        """Ends every process on it at once, as a cut power line does."""
        # What is forked meanwhile is found in the next round.
        while pids := self.processes():
            for pid in pids:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    continue
            if self._server is not None:
                self._server.wait()
            time.sleep(0.02)

    def restart(self) -> None:
        """Switches it off and on; it has another boot ID then."""
        self.switch_off()
        write_processor(self.root)
        self.start()

    def run(self, *command: str) -> str:
        """What a program prints there, run as the board's user in its home."""
        destination, port = self.address.removeprefix("ssh://").rsplit(":", 1)
        words = [*shlex.split(self.client), "-p", port, destination, shlex.join(command)]
        return subprocess.run(words, stdout=subprocess.PIPE, check=True, text=True).stdout

    def processes(self, word: str = "") -> list[int]:
        """Processes that run on it and have a word in their command line."""
        found = []
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                is_ours = (entry / "root").readlink() == self.root
                command = (entry / "cmdline").read_bytes().decode(errors="replace")
            except OSError:
                # It has ended.
                continue
            if is_ours and command and word in command:
                found.append(int(entry.name))
        return found


@contextmanager
def emulated_board(folder: Path, cache: Path) -> Iterator[EmulatedBoard]:
    """A fresh board for the time of the block, in an empty folder; the image it is copied from is kept in ``cache``."""
    folder = folder.resolve()
    board = EmulatedBoard(copy_of(kept_root(cache), folder / "root"), folder, _free_port())
    _let_in(board)
    try:
        board.start()
        yield board
    finally:
        board.switch_off()
        shutil.rmtree(board.root)


def _let_in(board: EmulatedBoard) -> None:
    """Makes keys for both sides, and the files of server and client."""
    folder, ssh = board.folder, board.root / "etc" / "ssh"
    for name in ("host", "user"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True)
    shutil.copy(folder / "host", ssh / "board_key")
    (ssh / "board_key").chmod(0o600)
    keys = board.home / ".ssh"
    keys.mkdir()
    shutil.copy(folder / "user.pub", keys / "authorized_keys")
    for path in (keys, keys / "authorized_keys"):
        os.chown(path, USER_ID, USER_ID)
    (ssh / "board_config").write_text(
        f"Port {board.port}\nListenAddress 127.0.0.1\nHostKey /etc/ssh/board_key\nPidFile none\n"
        # Without /proc there is no PAM that works. The processor's name reaches the programs of a login, too.
        f"PasswordAuthentication no\nUsePAM no\nSetEnv QEMU_CPU={QEMU_NAME}\n"
    )
    host_key = " ".join((folder / "host.pub").read_text().split()[:2])
    (folder / "known").write_text(f"[127.0.0.1]:{board.port} {host_key}\n")
    (folder / "config").write_text(
        f"UserKnownHostsFile {folder}/known\nIdentityFile {folder}/user\nIdentitiesOnly yes\n"
    )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
