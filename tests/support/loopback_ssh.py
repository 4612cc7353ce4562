"""An SSH server of this machine on loopback, with a throw-away key: a board that every machine has."""

import getpass
import os
import shlex
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest


class Server(NamedTuple):
    """Its address, and what ``EDGEHYBRID_SSH`` must say to reach it."""

    address: str
    client: str
    folder: Path


def needs_sshd() -> None:
    """Skips the test where no server can be started."""
    if os.geteuid() != 0:
        pytest.skip("needs root: sshd wants /run/sshd")
    if shutil.which("sshd", path="/usr/sbin:/usr/bin") is None or shutil.which("ssh") is None:
        pytest.skip("needs OpenSSH's server and client: apt install openssh-server openssh-client")


@contextmanager
def loopback_server(folder: Path) -> Iterator[Server]:
    """A running server whose files are in a folder."""
    for name in ("host", "user"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True)
    port = _free_port()
    (folder / "authorized").write_bytes((folder / "user.pub").read_bytes())
    host_key = " ".join((folder / "host.pub").read_text().split()[:2])
    (folder / "known").write_text(f"[127.0.0.1]:{port} {host_key}\n")
    (folder / "sshd_config").write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {folder}/host\nAuthorizedKeysFile {folder}/authorized\n"
        f"PidFile {folder}/pid\nStrictModes no\nPasswordAuthentication no\nUsePAM no\nPermitRootLogin yes\n"
        f'SetEnv "XDG_CACHE_HOME={folder}/cache"\n'
    )
    (folder / "config").write_text(
        f"UserKnownHostsFile {folder}/known\nIdentityFile {folder}/user\nIdentitiesOnly yes\n"
    )
    # sshd wants its folder of privilege separation, which only root can make.
    Path("/run/sshd").mkdir(exist_ok=True)
    command = [shutil.which("sshd", path="/usr/sbin:/usr/bin") or "sshd", "-D", "-e", "-f", str(folder / "sshd_config")]
    with (folder / "log").open("wb") as log, subprocess.Popen(command, stderr=log) as process:
        try:
            _wait_for(port, process, folder / "log")
            client = shlex.join(["ssh", "-F", str(folder / "config")])
            yield Server(f"ssh://{getpass.getuser()}@127.0.0.1:{port}", client, folder)
        finally:
            process.kill()


def _wait_for(port: int, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        if process.poll() is not None:
            break
        time.sleep(0.05)
    pytest.skip(f"sshd does not start here: {log.read_text().strip()}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
