"""A PostgreSQL server of Debian's package, for one test: on loopback, in a folder of its own, without passwords."""

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from processes import free_ports

_USER = "postgres"


def programs() -> Path:
    """Where the server's programs are; skips the test without them."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/pg_ctl"))
    if not found:
        pytest.skip("needs PostgreSQL: apt-get install postgresql")
    return found[-1].parent


@contextlib.contextmanager
def server() -> Iterator[str]:
    """The URL of an empty database; the server ends with the block."""
    bin_folder, (port,) = programs(), free_ports(1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        # The server refuses to run as root.
        if os.getuid() == 0:
            shutil.chown(folder, _USER)

        def run(*command: str) -> None:
            as_user = ["runuser", "-u", _USER, "--"] if os.getuid() == 0 else []
            subprocess.run([*as_user, *command], check=True, cwd=folder, stdout=subprocess.DEVNULL)

        data = str(folder / "data")
        run(str(bin_folder / "initdb"), "-D", data, "-U", "tester", "-A", "trust", "--no-sync")
        options = f"-h 127.0.0.1 -p {port} -k {folder} -F"
        run(str(bin_folder / "pg_ctl"), "-D", data, "-w", "-l", str(folder / "log"), "-o", options, "start")
        try:
            run(str(bin_folder / "createdb"), "-h", "127.0.0.1", "-p", str(port), "-U", "tester", "studies")
            yield f"postgresql://tester@127.0.0.1:{port}/studies"
        finally:
            run(str(bin_folder / "pg_ctl"), "-D", data, "-m", "immediate", "stop")
