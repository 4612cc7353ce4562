"""How a camera was held: the orientation among the EXIF data of an image.

Source: Exif 2.32 (CIPA DC-008), sections 4.5.2 and 4.6.4; an EXIF block has the form of a TIFF file.
"""

import struct

# Rows from top to bottom, columns from left to right: the pixels as they are stored.
AS_STORED = 1
PREFIX = b"Exif\0\0"
# A JPEG segment holds no more; blocks of other formats are read as far.
MOST_BYTES = 2**16
_TAG, _SHORT = 0x0112, 3


def orientation_of(block: bytes) -> int:
    """The orientation 1 … 8 that an EXIF block names; ``AS_STORED`` where it names none, or is damaged.

    Args:
        block: the TIFF file, with or without the prefix ``Exif`` and two zeros.
    """
    tiff = block.removeprefix(PREFIX)
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(tiff[:4])
    if order is None or len(tiff) < 8:
        return AS_STORED
    (directory,) = struct.unpack_from(f"{order}I", tiff, 4)
    if directory + 2 > len(tiff):
        return AS_STORED
    (count,) = struct.unpack_from(f"{order}H", tiff, directory)
    # Entries of 12 bytes: at most 65535 of them, and no further than the block.
    for place in range(directory + 2, min(directory + 2 + 12 * count, len(tiff) - 11), 12):
        tag, kind, values = struct.unpack_from(f"{order}HHI", tiff, place)
        if tag == _TAG:
            (value,) = struct.unpack_from(f"{order}H", tiff, place + 8)
            return value if (kind, values) == (_SHORT, 1) and 1 <= value <= 8 else AS_STORED
    return AS_STORED
