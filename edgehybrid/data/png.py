"""Whether a file is a whole PNG image, by its chunks. Nothing is decoded, and no checksum computed.

Source: PNG specification, third edition, sections 5 and 11.
"""

from edgehybrid.data.exif import AS_STORED, orientation_of
from edgehybrid.data.image_bytes import Read, UnfitImageError, exactly

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_EXIF_BYTES = 2**16


def examine_png(read: Read, size: int) -> int:
    """The EXIF orientation of a PNG image.

    Raises:
        UnfitImageError: a damaged header, no end, or no pixels.
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
        if kind == b"IEND":
            break
        if kind == b"eXIf":
            orientation = orientation_of(read(place + 8, min(length, _EXIF_BYTES)))
        has_pixels = has_pixels or kind == b"IDAT"
        place += 12 + length
    if not has_pixels:
        raise UnfitImageError("the PNG image has no pixels")
    return orientation
