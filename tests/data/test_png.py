"""The chunks of a PNG image: its pixels and its end among them."""

import struct
import zlib

import pytest
from image_kinds import COLOUR, encoded, turned

from edgehybrid.data.image_bytes import UnfitImageError
from edgehybrid.data.png import examine_png

WHOLE = encoded(COLOUR, "PNG")
HEADER_BYTES = 8 + 25


def examined(content: bytes) -> int:
    return examine_png(lambda place, count: content[place : place + count], len(content))


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def test_a_chunk_with_the_bytes_of_an_end_is_no_end() -> None:
    whole = WHOLE[:HEADER_BYTES] + chunk(b"tEXt", chunk(b"IEND", b"")) + WHOLE[HEADER_BYTES:]
    assert examined(whole) == 1
    with pytest.raises(UnfitImageError, match="it has no end"):
        examined(whole[:-12])


def test_a_chunk_that_is_longer_than_the_file_is_refused() -> None:
    with pytest.raises(UnfitImageError, match="it has no end"):
        examined(WHOLE[:HEADER_BYTES] + b"\xff\xff\xff\xffIDAT" + WHOLE[HEADER_BYTES + 8 :])


def test_exif_may_stand_behind_the_pixels() -> None:
    six = turned("PNG", 6).content
    place = six.index(b"eXIf") - 4
    length = 12 + int.from_bytes(six[place : place + 4], "big")
    assert examined(WHOLE[:-12] + six[place : place + length] + WHOLE[-12:]) == 6


@pytest.mark.parametrize("place", [16, 20], ids=["width", "height"])
def test_refuses_an_image_without_rows_or_columns(place: int) -> None:
    with pytest.raises(UnfitImageError, match="header of the PNG image is damaged"):
        examined(WHOLE[:place] + bytes(4) + WHOLE[place + 4 :])


@pytest.mark.parametrize("kind", [b"IHDR", b"IDAT", b"IEND"])
def test_refuses_a_changed_bit_in_what_an_image_needs(kind: bytes) -> None:
    damaged = bytearray(WHOLE)
    start = WHOLE.index(kind) - 4
    length = int.from_bytes(WHOLE[start : start + 4], "big")
    damaged[start + 8 + length] ^= 1
    with pytest.raises(UnfitImageError, match="a checksum is wrong"):
        examined(bytes(damaged))


def test_a_changed_bit_among_the_pixels_is_refused() -> None:
    damaged = bytearray(WHOLE)
    damaged[WHOLE.index(b"IDAT") + 6] ^= 1
    with pytest.raises(UnfitImageError, match="a checksum is wrong"):
        examined(bytes(damaged))


def test_a_changed_bit_in_what_decoders_pass_over_is_not_refused() -> None:
    text = bytearray(chunk(b"tEXt", b"Title"))
    text[-1] ^= 1
    assert examined(WHOLE[:HEADER_BYTES] + bytes(text) + WHOLE[HEADER_BYTES:]) == 1
