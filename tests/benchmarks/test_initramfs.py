"""benchmarks/initramfs.py, read back by a reader that knows only the format's description."""

import io
import stat
from typing import NamedTuple

from initramfs import END, Initramfs


class Entry(NamedTuple):
    name: str
    mode: int
    device: tuple[int, int]
    content: bytes


def entries(archive: bytes) -> list[Entry]:
    """Each header has 13 numbers of 8 digits behind a magic of 6."""
    found, at = [], 0
    while at < len(archive):
        assert archive[at : at + 6] == b"070701"
        numbers = [int(archive[at + 6 + 8 * i : at + 14 + 8 * i], 16) for i in range(13)]
        size, name_size = numbers[6], numbers[11]
        name = archive[at + 110 : at + 110 + name_size]
        assert name.endswith(b"\0")
        first = (at + 110 + name_size + 3) // 4 * 4
        found.append(Entry(name[:-1].decode(), numbers[1], (numbers[9], numbers[10]), archive[first : first + size]))
        at = (first + size + 3) // 4 * 4
    return found


def written() -> bytes:
    file = io.BytesIO()
    archive = Initramfs(file)
    for length in range(6):
        archive.add_file(f"usr/share/{'n' * (length + 1)}", b"x" * length)
    archive.add_file("init", b"#!", is_program=True)
    archive.add_link("usr/bin/python3", "python3.11")
    archive.add_folder("usr/share")
    archive.add_character_device("dev/console", 5, 1)
    archive.close()
    return file.getvalue()


def test_content_of_every_length_comes_back() -> None:
    by_name = {entry.name: entry for entry in entries(written())}
    assert [by_name[f"usr/share/{'n' * (length + 1)}"].content for length in range(6)] == [
        b"x" * length for length in range(6)
    ]
    assert by_name["usr/bin/python3"].content == b"python3.11"
    assert by_name["dev/console"].device == (5, 1)


def test_each_folder_comes_once_and_before_what_is_in_it() -> None:
    names = [entry.name for entry in entries(written())]
    assert len(set(names)) == len(names)
    assert names.index("usr") < names.index("usr/share") < names.index("usr/share/n")
    assert names[-1] == END


def test_kinds_and_permissions() -> None:
    modes = {entry.name: stat.filemode(entry.mode) for entry in entries(written())}
    assert modes["init"] == "-rwxr-xr-x"
    assert modes["usr/share/n"] == "-rw-r--r--"
    assert modes["usr/bin/python3"] == "lrwxrwxrwx"
    assert modes["usr"] == "drwxr-xr-x"
    assert modes["dev/console"] == "crw-------"
