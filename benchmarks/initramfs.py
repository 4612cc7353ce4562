"""Writes the file system that a Linux kernel unpacks into memory before it starts /init.

The format is cpio's "newc": for each file a header of hexadecimal numbers, the name, the content, the last two each
filled up to four bytes. A kernel takes several archives in a row as one.
"""

import stat
from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import BinaryIO

ALIGNMENT = 4
END = "TRAILER!!!"
# Every file belongs to root.
ROOT_USER = ROOT_GROUP = 0


class Initramfs:
    """An archive that is being written. Folders of a file come before it, each once."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._inode = 0
        self._folders: set[str] = set()

    def add_folder(self, name: str) -> None:
        """A folder and those around it; a second time is no mistake."""
        path = PurePosixPath(name)
        for folder in map(str, [*reversed(path.parents), path]):
            if folder != "." and folder not in self._folders:
                self._folders.add(folder)
                self._write(folder, stat.S_IFDIR | 0o755)

    def add_file(self, name: str, content: bytes, is_program: bool = False) -> None:
        """A file that everybody may read."""
        self.add_folder(str(PurePosixPath(name).parent))
        self._write(name, stat.S_IFREG | (0o755 if is_program else 0o644), content)

    def add_link(self, name: str, target: str) -> None:
        """A symbolic link."""
        self.add_folder(str(PurePosixPath(name).parent))
        self._write(name, stat.S_IFLNK | 0o777, target.encode())

    def add_character_device(self, name: str, major: int, minor: int) -> None:
        """A device's name, such as /dev/console, without which /init cannot print."""
        self.add_folder(str(PurePosixPath(name).parent))
        self._write(name, stat.S_IFCHR | 0o600, device=(major, minor))

    def close(self) -> None:
        """Writes the end mark; the file stays open."""
        self._write(END, 0)

    def _write(self, name: str, mode: int, content: bytes = b"", device: Iterable[int] = (0, 0)) -> None:
        self._inode += 1
        path = name.encode() + b"\0"
        links, modified, checksum, of_device = 1, 0, 0, (0, 0)
        numbers = [self._inode, mode, ROOT_USER, ROOT_GROUP, links, modified, len(content), *of_device, *device]
        header = b"070701" + b"".join(b"%08X" % number for number in [*numbers, len(path), checksum])
        self._file.write(_filled_up(header + path) + _filled_up(content))


def _filled_up(content: bytes) -> bytes:
    return content + b"\0" * (-len(content) % ALIGNMENT)
