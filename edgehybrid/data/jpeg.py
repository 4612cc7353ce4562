"""Whether a file is a whole JPEG image that TensorFlow decodes rightly, by its segments and its end.

Source: ITU-T T.81, annex B. Nothing is decoded. Damage between the first scan and the end is not found: TensorFlow
decodes such an image, too, as far as it goes.
"""

from edgehybrid.data.exif import AS_STORED, PREFIX, orientation_of
from edgehybrid.data.image_bytes import Read, UnfitImageError, exactly

SIGNATURE = b"\xff\xd8\xff"
_END = b"\xff\xd9"
_BLOCK = 2**16
# Markers, the byte after 0xFF: start of a frame, which says how it is coded; of a scan, which is pixels; and others.
_HUFFMAN_FRAMES = {0xC0, 0xC1, 0xC2}
_OTHER_FRAMES = {0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF}
_SCAN, _END_OF_IMAGE, _EXIF, _ADOBE = 0xDA, 0xD9, 0xE1, 0xEE
_WITHOUT_LENGTH = {0x01, *range(0xD0, 0xD9)}


def examine_jpeg(read: Read, size: int) -> int:
    """The EXIF orientation of a JPEG image.

    Raises:
        UnfitImageError: a damaged header, no end, or a form that TensorFlow does not decode or not rightly.
    """
    place, orientation, colours, is_adobe = 2, None, None, False
    while True:
        place, marker = _next_marker(read, place)
        if marker == _END_OF_IMAGE:
            raise UnfitImageError("the JPEG image has no pixels")
        if marker in _WITHOUT_LENGTH:
            continue
        length = int.from_bytes(exactly(read, place, 2), "big")
        if length < 2:
            raise UnfitImageError("the header of the JPEG image is damaged")
        if marker == _SCAN:
            break
        if marker in _HUFFMAN_FRAMES:
            colours = _colours(exactly(read, place + 2, 6))
        elif marker in _OTHER_FRAMES:
            raise UnfitImageError("a lossless, hierarchical or arithmetic JPEG image, which is not read")
        elif marker == _EXIF and orientation is None:
            body = read(place + 2, length - 2)
            orientation = orientation_of(body) if body.startswith(PREFIX) else None
        elif marker == _ADOBE:
            is_adobe = is_adobe or read(place + 2, 5) == b"Adobe"
        place += length
    if colours is None:
        raise UnfitImageError("the header of the JPEG image is damaged")
    if colours == 4 and not is_adobe:
        raise UnfitImageError(
            "a CMYK JPEG image that does not say, by an Adobe marker, whether its colours are inverted"
        )
    # Cameras append more data. Among coded pixels 0xFF never stands before 0xD9, so any is the end.
    if read(size - 2, 2) != _END and _END not in read(place, size - place):
        raise UnfitImageError("the JPEG image is cut off: it has no end")
    return orientation or AS_STORED


def _colours(frame: bytes) -> int:
    """How many colours the start of a frame names: 1, 3 or 4."""
    precision, colours = frame[0], frame[5]
    if precision != 8:
        raise UnfitImageError(f"a JPEG image of {precision} bits a colour, which cannot be decoded")
    if colours not in (1, 3, 4):
        raise UnfitImageError(f"a JPEG image of {colours} colours")
    if frame[1:3] == b"\0\0" or frame[3:5] == b"\0\0":
        raise UnfitImageError("the JPEG image has no pixels")
    return colours


def _next_marker(read: Read, place: int) -> tuple[int, int]:
    """The first marker from ``place`` on, and the place behind it. As in libjpeg, other bytes before it are skipped."""
    head = read(place, 2)
    if len(head) == 2 and head[0] == 0xFF and head[1] not in (0, 0xFF):
        return place + 2, head[1]
    while block := read(place, _BLOCK):
        before = block.find(b"\xff")
        if before < 0:
            place += len(block)
            continue
        # Any number of 0xFF may stand before a marker.
        place += before + len(block[before:]) - len(block[before:].lstrip(b"\xff"))
        following = read(place, 1)
        if following not in (b"", b"\0", b"\xff"):
            return place + 1, following[0]
        place += following == b"\0"
    raise UnfitImageError("the JPEG image is cut off within its header")
