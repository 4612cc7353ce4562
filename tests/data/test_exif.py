"""EXIF blocks: the orientation they name, and none in damaged ones."""

import struct

import numpy as np
import pytest

from edgehybrid.data.exif import PREFIX, orientation_of


def block(order: str, *entries: tuple[int, int, int, int], directory: int = 8) -> bytes:
    mark = {"<": b"II*\0", ">": b"MM\0*"}[order]
    body = b"".join(struct.pack(f"{order}HHIHH", *entry, 0) for entry in entries)
    return mark + struct.pack(f"{order}I", directory) + struct.pack(f"{order}H", len(entries)) + body


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("orientation", range(1, 9))
def test_finds_the_orientation_among_others(order: str, orientation: int) -> None:
    whole = block(order, (0x010F, 2, 1, 65), (0x0112, 3, 1, orientation), (0x0128, 3, 1, 2))
    assert orientation_of(whole) == orientation_of(PREFIX + whole) == orientation


@pytest.mark.parametrize(
    "damaged",
    [
        b"",
        b"II*\0",
        PREFIX,
        b"GIF89a" + bytes(40),
        block("<"),
        block("<", (0x0112, 3, 1, 0)),
        block("<", (0x0112, 3, 1, 9)),
        block("<", (0x0112, 4, 1, 6)),
        block("<", (0x0112, 3, 2, 6)),
        block("<", (0x0112, 3, 1, 6), directory=2**32 - 1),
        block("<", (0x0112, 3, 1, 6))[:-4],
        block("<", (0x0128, 3, 1, 6)),
    ],
)
def test_without_a_sound_entry_pixels_are_as_they_are_stored(damaged: bytes) -> None:
    assert orientation_of(damaged) == 1


def test_a_count_beyond_the_block_ends_with_it() -> None:
    whole = bytearray(block("<", (0x0128, 3, 1, 6)))
    whole[8:10] = b"\xff\xff"
    assert orientation_of(bytes(whole)) == 1


def test_any_bytes_give_an_orientation() -> None:
    random = np.random.default_rng(2)
    for _ in range(2000):
        assert 1 <= orientation_of(b"MM\0*" + random.bytes(random.integers(0, 60))) <= 8
