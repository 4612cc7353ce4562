"""What a shared library says of itself, read from its ELF headers: enough to know where it loads, and where not.

Source of layouts and numbers: System V ABI, chapters 4 and 5 (ELF64, little-endian), and the GNU symbol versioning
supplement of LSB 5.0.
"""

import re
import struct
from dataclasses import dataclass
from pathlib import Path

# e_machine: bytes 18 and 19 of the header.
MACHINES = {62: "x86_64", 183: "aarch64"}
_LOAD = 1
_DYNSYM, _GNU_VERNEED = 11, 0x6FFFFFFE
# At most four digits a part: Python refuses to read numbers of thousands of them.
_GLIBC = re.compile(r"GLIBC_([0-9]{1,4}(?:\.[0-9]{1,4})*)")


class NotALibraryError(ValueError):
    """The bytes are no whole ELF library of 64 bits."""


@dataclass(frozen=True)
class Library:
    """A shared library.

    Attributes:
        machine: architecture, as ``uname -m`` calls it.
        exports: names that a program that loads it can look up.
        load_alignment_bytes: the smallest alignment of what is mapped; a kernel with larger pages refuses it.
        newest_glibc: the newest version of glibc whose symbols it needs, such as (2, 17); (0, 0) without any.
    """

    machine: str
    exports: frozenset[str]
    load_alignment_bytes: int
    newest_glibc: tuple[int, ...]


def read_library(path: Path) -> Library:
    """Reads a file's headers.

    Raises:
        NotALibraryError: no ELF64 file, of an unknown machine, or cut off.
        OSError: it cannot be read.
    """
    content = path.read_bytes()
    try:
        return _read(content)
    except (IndexError, UnicodeDecodeError) as error:
        raise NotALibraryError(f"{path} is damaged: {error}") from error


def _read(content: bytes) -> Library:
    if content[:6] != b"\x7fELF\x02\x01":
        raise NotALibraryError("no ELF file of 64 bits, little-endian")
    machine, segments, sections = (
        _unpack("<H", content, 18)[0],
        _unpack("<Q", content, 32)[0],
        _unpack("<Q", content, 40)[0],
    )
    if machine not in MACHINES:
        raise NotALibraryError(f"machine {machine} is none of {', '.join(MACHINES.values())}")
    segment_count, section_count = _unpack("<H", content, 56)[0], _unpack("<H", content, 60)[0]
    alignments = []
    for number in range(segment_count):
        kind, *_, alignment = _unpack("<IIQQQQQQ", content, segments + 56 * number)
        if kind == _LOAD:
            alignments.append(alignment)
    headers = [_unpack("<IIQQQQIIQQ", content, sections + 64 * number) for number in range(section_count)]
    exports: set[str] = set()
    newest: tuple[int, ...] = (0, 0)
    for _, kind, _, _, offset, size, link, count, _, _ in headers:
        if kind == _DYNSYM:
            names = headers[link][4]
            exports |= _exports(content, offset, size, names)
        elif kind == _GNU_VERNEED:
            newest = max([newest, *_versions(content, offset, count, headers[link][4])])
    if not alignments:
        raise NotALibraryError("nothing of it is loaded")
    return Library(MACHINES[machine], frozenset(exports), min(alignments), newest)


def _exports(content: bytes, offset: int, size: int, names: int) -> set[str]:
    """Symbols that are defined, and bound globally or weakly."""
    found = set()
    for place in range(offset, offset + size, 24):
        name, info, _, section, _, _ = _unpack("<IBBHQQ", content, place)
        if section != 0 and info >> 4 in (1, 2):
            found.add(_text(content, names + name))
    return found


def _versions(content: bytes, offset: int, count: int, names: int) -> list[tuple[int, ...]]:
    """The GLIBC_… versions in the list of versions needed."""
    found = []
    for _ in range(count):
        _, entries, _, first, following = _unpack("<HHIII", content, offset)
        place = offset + first
        for _ in range(entries):
            _, _, _, name, next_entry = _unpack("<IHHII", content, place)
            if version := _GLIBC.fullmatch(_text(content, names + name)):
                found.append(tuple(int(part) for part in version[1].split(".")))
            if next_entry == 0:
                break
            place += next_entry
        if following == 0:
            break
        offset += following
    return found


def _unpack(form: str, content: bytes, place: int) -> tuple[int, ...]:
    """Reads at a place that the file itself names, and that may be any number of 64 bits."""
    if place > len(content) - struct.calcsize(form):
        raise NotALibraryError(f"a table lies at byte {place} of {len(content)}")
    return struct.unpack_from(form, content, place)


def _text(content: bytes, place: int) -> str:
    end = content.index(b"\0", place) if 0 <= place < len(content) else -1
    if end < 0:
        raise NotALibraryError("a name lies beyond the end")
    return content[place:end].decode()
