"""Whether a file is a whole and undamaged PNG image, by its chunks and their checksums. Nothing is decoded.

Source: PNG specification, third edition, sections 5 and 11.
"""

import zlib

from edgehybrid.data.exif import AS_STORED, MOST_BYTES, orientation_of
from edgehybrid.data.image_bytes import Read, UnfitImageError, exactly

SIGNATURE = b"\x89PNG\r\n\x1a\n"


def examine_png(read: Read, size: int) -> int:
    """The EXIF orientation of a PNG image.

    Raises:
        UnfitImageError: a damaged header, no end, no pixels, or a chunk that is not what its checksum says.
    """
    head = exactly(read, len(SIGNATURE), 16)
    if head[4:8] == b"CgBI":
        raise UnfitImageError("a PNG image in Apple's own form for phones, which cannot be decoded")
    if head[:8] != b"\0\0\0\x0dIHDR" or not any(head[8:12]) or not any(head[12:16]):
        raise UnfitImageError("the header of the PNG image is damaged")
    place, orientation, has_pixels = len(SIGNATURE), AS_STORED, False
    while True:
        head = read(place, 8)
        length, kind = int.from_bytes(head[:4], "big"), head[4:]
        # 4 bytes of length, 4 of kind, 4 of checksum.
        if len(head) < 8 or place + 12 + length > size:
            raise UnfitImageError("the PNG image is cut off: it has no end")
        # Decoders pass over damage in chunks that an image can do without; their names begin with a small letter.
        checksum = exactly(read, place + 8 + length, 4)
        if kind[:1].isupper() and zlib.crc32(exactly(read, place + 4, length + 4)) != int.from_bytes(checksum, "big"):
            raise UnfitImageError("the PNG image is damaged: a checksum is wrong")
        if kind == b"IEND":
            break
        if kind == b"eXIf":
            orientation = orientation_of(read(place + 8, min(length, MOST_BYTES)))
        has_pixels = has_pixels or kind == b"IDAT"
        place += 12 + length
    if not has_pixels:
        raise UnfitImageError("the PNG image has no pixels")
    return orientation
