"""ELF headers: of real libraries, and of damaged ones."""

import random
import sys
from pathlib import Path

import pytest

from edgehybrid.runtime.native.elf import NotALibraryError, read_library

MAPPED = Path("/proc/self/maps")


@pytest.fixture(scope="module")
def c_library() -> Path:
    """The C library that this process runs with."""
    if not sys.platform.startswith("linux"):
        pytest.skip("needs Linux")
    names = {line.split()[-1] for line in MAPPED.read_text().splitlines() if "libc.so" in line or "libc-" in line}
    if not names:
        pytest.skip("this Python links its C library statically")
    return Path(names.pop())


def test_the_c_library_exports_what_programs_call(c_library: Path) -> None:
    library = read_library(c_library)
    assert {"printf", "malloc"} <= library.exports
    assert library.load_alignment_bytes >= 0x1000


def test_an_extension_module_needs_a_glibc() -> None:
    import numpy._core._multiarray_umath as extension

    library = read_library(Path(extension.__file__))
    assert "PyInit__multiarray_umath" in library.exports
    assert (2, 2) <= library.newest_glibc < (3, 0)


def test_other_files_are_refused(tmp_path: Path) -> None:
    for content in (b"", b"\x7fELF", b"MZ" * 100, b"\x7fELF\x01\x01" + bytes(100), b"\x7fELF\x02\x01" + bytes(100)):
        path = tmp_path / "library.so"
        path.write_bytes(content)
        with pytest.raises(NotALibraryError):
            read_library(path)


@pytest.mark.parametrize("place", [32, 40], ids=["segments", "sections"])
@pytest.mark.parametrize("offset", [2**31, 2**63 - 1, 2**63, 2**64 - 1])
def test_tables_beyond_the_end_are_refused(c_library: Path, place: int, offset: int, tmp_path: Path) -> None:
    """Also where the place is no number that Python can index with."""
    path = tmp_path / "library.so"
    content = bytearray(c_library.read_bytes())
    content[place : place + 8] = offset.to_bytes(8, "little")
    path.write_bytes(content)
    with pytest.raises(NotALibraryError, match="a table lies"):
        read_library(path)


def test_a_list_of_versions_ends_where_it_says_so(c_library: Path, tmp_path: Path) -> None:
    """Whatever number of entries its section names: the format ends a list by a zero step too."""
    content = bytearray(c_library.read_bytes())
    sections = int.from_bytes(content[40:48], "little")
    for number in range(int.from_bytes(content[60:62], "little")):
        header = sections + 64 * number
        if int.from_bytes(content[header + 4 : header + 8], "little") == 0x6FFFFFFE:
            content[header + 44 : header + 48] = b"\xff" * 4
            break
    else:
        pytest.skip("this C library needs no versions")
    path = tmp_path / "library.so"
    path.write_bytes(content)
    assert read_library(path) == read_library(c_library)


def test_damaged_libraries_are_refused_or_read(c_library: Path, tmp_path: Path) -> None:
    """Never another error, and never without end."""
    content = c_library.read_bytes()
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    path = tmp_path / "library.so"
    for _ in range(40):
        damaged = bytearray(content[: chance.randrange(len(content))] if chance.random() < 0.5 else content)
        for _ in range(8):
            if damaged:
                # The header and the tables: the front of the file, and its end.
                place = chance.randrange(min(len(damaged), 4096))
                damaged[place if chance.random() < 0.5 else -1 - place] = chance.randrange(256)
        path.write_bytes(damaged)
        try:
            read_library(path)
        except NotALibraryError:
            continue
