"""An emulated 64-bit ARM board: Debian, LiteRT and nothing else, in memory, one core that counts its instructions.

QEMU's ``-icount shift=0`` lets the board's clock go on by one nanosecond with every instruction, and makes its
performance counter of instructions exact. Neither tells how long a real core takes.
"""

import json
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

from initramfs import Initramfs

RELEASE, PYTHON = "bookworm", "3.11"
MIRROR = "http://deb.debian.org/debian"
PACKAGES = ("linux-image-cloud-arm64", "python3-minimal", "libpython3.11-stdlib", "libstdc++6")
# Of those packages, what no measurement reads: every driver that it needs is in the kernel itself.
LEFT_OUT = ("boot/", "lib/modules/", "lib/systemd/", "lib/udev/", "usr/share/", "var/")
KERNEL = "boot/vmlinuz-"
SITE_PACKAGES = "usr/lib/python3/dist-packages"
# pip takes a wheel for the very tags that it is told, not for older ones: those from glibc 2.17 to RELEASE's.
GLIBC_MINORS = range(17, 37)
QEMU = "qemu-system-aarch64"
TOOLS = {QEMU: "qemu-system-arm", "mmdebstrap": "mmdebstrap"}
CONSOLE = "console=ttyAMA0 quiet panic=-1 rootfstype=ramfs"
# The archive and what is unpacked from it, at the same time, and room to work.
MEMORY_COPIES, MEMORY_MIB = 2, 768
GUEST = Path(__file__).with_name("emulated_guest.py")
RESULT = "RESULT "


class BoardError(Exception):
    """The board cannot be built, or a program on it failed; the message says why."""


class Board(NamedTuple):
    """Files of a board that can be started.

    Attributes:
        kernel, system: what QEMU starts, and the archive that the kernel unpacks.
        versions: of what is in there.
    """

    kernel: Path
    system: Path
    versions: Mapping[str, str]


def board_in(folder: Path) -> Board:
    """The board kept in a folder; the first time it is built, from Debian's packages and PyPI's wheels.

    LiteRT is of the version installed here, so that outputs can be compared.

    Raises:
        BoardError: a tool is missing, or fails.
    """
    for tool, package in TOOLS.items():
        if shutil.which(tool) is None:
            raise BoardError(f"{tool} is not installed. Run: apt-get install --no-install-recommends {package}")
    litert = version("ai-edge-litert")
    home = folder / f"{RELEASE}-litert-{litert}"
    board = Board(home / "vmlinuz", home / "system.cpio", {})
    versions = home / "versions.json"
    # Written last: with it, the rest is whole.
    if not versions.exists():
        home.mkdir(parents=True, exist_ok=True)
        wheels = _download_wheels(home / "wheels", litert)
        packages = home / "packages.tar"
        print("unpacking Debian …", file=sys.stderr)
        options = ["--quiet", "--variant=extract", "--architectures=arm64", f"--include={','.join(PACKAGES)}"]
        _run(["mmdebstrap", *options, RELEASE, str(packages), f"deb {MIRROR} {RELEASE} main"])
        kernel = _write_system(board, packages, wheels)
        packages.unlink()
        found = {"debian": RELEASE, "kernel": kernel}
        versions.write_text(json.dumps(found | dict(wheel.name.split("-")[:2] for wheel in wheels)))
    return board._replace(versions=json.loads(versions.read_text()))


def _download_wheels(folder: Path, litert: str) -> list[Path]:
    platforms = [f"--platform=manylinux_2_{minor}_aarch64" for minor in GLIBC_MINORS]
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--dest", str(folder), "--only-binary=:all:"]
    command += [f"--python-version={PYTHON}", "--implementation=cp", "--platform=manylinux2014_aarch64", *platforms]
    print("downloading wheels …", file=sys.stderr)
    _run([*command, f"ai-edge-litert=={litert}", "numpy"])
    return sorted(folder.glob("*.whl"))


def _write_system(board: Board, packages: Path, wheels: list[Path]) -> str:
    """Returns the kernel's version."""
    kernel = ""
    with board.system.open("wb") as file, tarfile.open(packages) as debian:
        system = Initramfs(file)
        for member in debian:
            name = member.name.removeprefix("./")
            if name.startswith(KERNEL):
                kernel = name.removeprefix(KERNEL)
                board.kernel.write_bytes(_content(debian, member))
            if name.startswith(LEFT_OUT):
                continue
            if member.issym():
                system.add_link(name, member.linkname)
            elif member.isreg() or member.islnk():
                system.add_file(name, _content(debian, member), bool(member.mode & 0o100))
        for path in wheels:
            with zipfile.ZipFile(path) as wheel:
                for name in wheel.namelist():
                    if not name.endswith("/"):
                        system.add_file(f"{SITE_PACKAGES}/{name}", wheel.read(name))
        for folder in ("dev", "proc", "sys"):
            system.add_folder(folder)
        system.add_character_device("dev/console", 5, 1)
        system.close()
    if not kernel:
        raise BoardError(f"{', '.join(PACKAGES)} of {RELEASE} brought no {KERNEL}…")
    return kernel


def _content(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file = archive.extractfile(member)
    return b"" if file is None else file.read()


def run_on(board: Board, cpu: str, files: Mapping[str, bytes], folder: Path, timeout_seconds: float) -> dict[str, Any]:
    """Starts the board with more files, on which /init works (emulated_guest.py), and waits until it goes off.

    Args:
        cpu: one of QEMU's, such as ``cortex-a72``.
        files: content by name.
        folder: where the archive goes.

    Returns:
        what /init printed as its result.

    Raises:
        BoardError: it printed none, or took too long.
    """
    archive = folder / "board.cpio"
    try:
        with archive.open("wb") as file:
            with board.system.open("rb") as system:
                shutil.copyfileobj(system, file)
            more = Initramfs(file)
            more.add_file("init", GUEST.read_bytes(), is_program=True)
            for name, content in files.items():
                more.add_file(name, content)
            more.close()
        console = _start(board, cpu, archive, timeout_seconds)
    finally:
        archive.unlink(missing_ok=True)
    results = [line for line in console.splitlines() if line.startswith(RESULT)]
    if not results:
        raise BoardError(f"The emulated {cpu} gave no result. Its console:\n{console[-4000:]}")
    return dict(json.loads(results[-1].removeprefix(RESULT)))


def _start(board: Board, cpu: str, archive: Path, timeout_seconds: float) -> str:
    memory = MEMORY_COPIES * archive.stat().st_size // 2**20 + MEMORY_MIB
    command = [QEMU, "-M", "virt", "-cpu", cpu, "-m", f"{memory}M", "-icount", "shift=0,sleep=off"]
    command += ["-display", "none", "-nodefaults", "-no-reboot", "-serial", "stdio", "-append", CONSOLE]
    command += ["-kernel", str(board.kernel), "-initrd", str(archive)]
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout_seconds, preexec_fn=_give_way
        )
    except subprocess.TimeoutExpired as late:
        console = (late.stdout or b"").decode(errors="replace")
        raise BoardError(f"The emulated {cpu} took longer than {timeout_seconds:g} s:\n{console[-4000:]}") from late
    return (done.stdout + done.stderr).decode(errors="replace").replace("\r\n", "\n")


def _give_way() -> None:
    """An instruction is counted once however long it takes: other programs go first."""
    os.nice(5)


def qemu_version() -> str:
    """As QEMU says it."""
    return subprocess.run([QEMU, "--version"], capture_output=True, text=True, check=True).stdout.split()[3]


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise BoardError(f"{command[0]} failed: {' '.join(command)}\n{done.stdout}{done.stderr}")
