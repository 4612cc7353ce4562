"""An arm64 Debian in a folder, of its packages alone: what an emulated board starts from.

The packages are unpacked, not installed (mmdebstrap's variant "extract"): no program of theirs runs, and the whole
takes seconds. What their scripts would have made, users and configuration, is written here. It is built once and kept;
each board gets a copy.
"""

import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from emulated.processor import write_processor

SUITE = "bookworm"
MIRROR = "http://deb.debian.org/debian"
# A server, a Python for the runner, and what a login needs. base-passwd holds Debian's list of users.
PACKAGES = (
    *("base-files", "base-passwd", "bash", "coreutils", "dash", "grep", "libc-bin", "libstdc++6", "openssh-server"),
    *("python3", "sed"),
)
USER, USER_ID = "pi", 1000
HOME = f"home/{USER}"
# As ``probe.EMULATED_MARK``, which tests compare.
MARK = "etc/edgehybrid-emulated"


def kept_root(cache: Path) -> Path:
    """The root filesystem, built if this recipe of it is not there yet; it must not be changed.

    Raises:
        subprocess.CalledProcessError: mmdebstrap fails, for example without a network.
    """
    recipe = "\n".join((SUITE, MIRROR, *PACKAGES, Path(__file__).read_text()))
    place = cache / f"{SUITE}-arm64-{hashlib.sha256(recipe.encode()).hexdigest()[:12]}"
    if not place.is_dir():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as scratch:
            root = Path(scratch) / "root"
            _unpack(root)
            _configure(root)
            root.rename(place)
    return place


def copy_of(root: Path, place: Path) -> Path:
    """A root filesystem that may be changed, with devices and owners as they are."""
    subprocess.run(["cp", "--archive", "--reflink=auto", root, place], check=True)
    write_processor(place)
    return place


def _unpack(root: Path) -> None:
    command = ["mmdebstrap", "--quiet", "--architectures=arm64", "--variant=extract"]
    subprocess.run([*command, f"--include={','.join(PACKAGES)}", SUITE, str(root), MIRROR], check=True)


def _configure(root: Path) -> None:
    etc, masters = root / "etc", root / "usr" / "share" / "base-passwd"
    users = [
        (masters / "passwd.master").read_text(),
        # The server's part before a login runs as this user.
        "sshd:*:101:65534::/run/sshd:/usr/sbin/nologin\n",
        f"{USER}:*:{USER_ID}:{USER_ID}::/{HOME}:/bin/sh\n",
    ]
    (etc / "passwd").write_text("".join(users))
    (etc / "group").write_text((masters / "group.master").read_text() + f"{USER}:*:{USER_ID}:\n")
    (root / MARK).touch()
    (root / "run" / "sshd").mkdir(parents=True)
    (root / HOME).mkdir(parents=True)
    os.chown(root / HOME, USER_ID, USER_ID)
    # Nothing of it is read.
    for name in ("usr/share/doc", "usr/share/locale", "usr/share/man", "var/cache/apt", "var/lib/apt"):
        shutil.rmtree(root / name, ignore_errors=True)
