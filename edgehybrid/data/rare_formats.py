"""Whether a file is a whole GIF, BMP or WebP image that TensorFlow decodes rightly.

Sources: GIF89a specification; Microsoft's BITMAPINFOHEADER; RFC 9649 (WebP). What TensorFlow 2.21 decodes otherwise
than other programs, or not at all, is refused by name: palettes in BMP, transparency in GIF and WebP, moving WebP.
"""

import struct

from edgehybrid.data.exif import AS_STORED, MOST_BYTES, orientation_of
from edgehybrid.data.image_bytes import Read, UnfitImageError, exactly

_PALETTE_FLAG, _TRANSPARENT_FLAG, _GRAPHIC_CONTROL = 0x80, 0x01, 0xF9
_WEBP_ALPHA_FLAG, _WEBP_LOSSLESS_ALPHA_FLAG = 0x10, 0x10
_UNCOMPRESSED, _BIT_FIELDS = 0, 3
# Blue, green, red: the order of bytes of an uncompressed BMP, as masks of red, green and blue.
_USUAL_MASKS = struct.pack("<3I", 0xFF0000, 0xFF00, 0xFF)


def examine_gif(read: Read) -> int:
    """``AS_STORED``; of a moving GIF the first picture is decoded.

    Raises:
        UnfitImageError: cut off, or a first picture that is transparent or smaller than the image.
    """
    head = exactly(read, 0, 13)
    canvas, place, pictures = head[6:10], 13 + _palette_bytes(head[10]), 0
    while (kind := exactly(read, place, 1)) != b";":
        if kind == b"!":
            extension = exactly(read, place + 1, 3)
            if extension[0] == _GRAPHIC_CONTROL and extension[2] & _TRANSPARENT_FLAG and not pictures:
                raise UnfitImageError("a GIF image with transparent pixels, which cannot be decoded rightly")
            place += 2
        elif kind == b",":
            descriptor = exactly(read, place + 1, 9)
            if descriptor[:8] != b"\0\0\0\0" + canvas and not pictures:
                raise UnfitImageError(
                    "a GIF image whose first picture does not fill it, which cannot be decoded rightly"
                )
            pictures += 1
            place += 11 + _palette_bytes(descriptor[8])
        else:
            raise UnfitImageError("the GIF image is damaged")
        while length := exactly(read, place, 1)[0]:
            place += 1 + length
        place += 1
    if not pictures or not any(canvas[:2]) or not any(canvas[2:]):
        raise UnfitImageError("the GIF image has no pixels")
    return AS_STORED


def _palette_bytes(flags: int) -> int:
    return 3 * 2 ** ((flags & 7) + 1) if flags & _PALETTE_FLAG else 0


def examine_bmp(read: Read, size: int) -> int:
    """``AS_STORED``.

    Raises:
        UnfitImageError: cut off, compressed, or of other than 24 or 32 bits a pixel.
    """
    head = exactly(read, 0, 54)
    first, header, width, height, _, bits, compression = struct.unpack_from("<IIiiHHI", head, 10)
    if header < 40 or width <= 0 or height == 0:
        raise UnfitImageError("the header of the BMP image is damaged")
    if bits not in (24, 32):
        raise UnfitImageError(f"a BMP image of {bits} bits a pixel, which cannot be decoded rightly")
    if compression == _BIT_FIELDS and exactly(read, 54, 12) != _USUAL_MASKS:
        raise UnfitImageError("a BMP image with its colours in another order, which cannot be decoded rightly")
    if compression not in (_UNCOMPRESSED, _BIT_FIELDS):
        raise UnfitImageError("a compressed BMP image, which cannot be decoded")
    # Rows are filled up to 4 bytes.
    if first + (width * bits // 8 + 3) // 4 * 4 * abs(height) > size:
        raise UnfitImageError("the BMP image is cut off")
    return AS_STORED


def examine_webp(read: Read, size: int) -> int:
    """The EXIF orientation of a WebP image.

    Raises:
        UnfitImageError: cut off, moving, or with transparency.
    """
    end = 8 + int.from_bytes(exactly(read, 4, 4), "little")
    if end > size:
        raise UnfitImageError("the WebP image is cut off")
    place, orientation, has_pixels = 12, AS_STORED, False
    while place + 8 <= end:
        kind, length = struct.unpack("<4sI", exactly(read, place, 8))
        content = read(place + 8, min(length, MOST_BYTES if kind == b"EXIF" else 5))
        if kind in (b"ANIM", b"ANMF"):
            raise UnfitImageError("a moving WebP image, which cannot be decoded")
        extended_alpha = kind == b"VP8X" and content and content[0] & _WEBP_ALPHA_FLAG
        # Bit 28 of a lossless picture, behind a signature of one byte.
        lossless_alpha = kind == b"VP8L" and len(content) == 5 and content[4] & _WEBP_LOSSLESS_ALPHA_FLAG
        if extended_alpha or lossless_alpha or kind == b"ALPH":
            raise UnfitImageError("a WebP image with transparency, which cannot be decoded")
        has_pixels = has_pixels or kind in (b"VP8 ", b"VP8L")
        if kind == b"EXIF":
            orientation = orientation_of(content)
        # Chunks are filled up to 2 bytes.
        place += 8 + length + length % 2
    if not has_pixels:
        raise UnfitImageError("the WebP image has no pixels")
    return orientation
