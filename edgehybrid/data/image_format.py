"""What a file is by its first bytes, whatever its name says, and whether it is a whole image of that format."""

from edgehybrid.data import jpeg, png
from edgehybrid.data.exif import AS_STORED
from edgehybrid.data.image_bytes import Read, UnfitImageError
from edgehybrid.data.jpeg import examine_jpeg
from edgehybrid.data.png import examine_png
from edgehybrid.data.rare_formats import examine_bmp, examine_gif, examine_webp

ALLOWED = "whole images in JPEG, PNG, GIF, BMP of 24 or 32 bits, or WebP without transparency, whatever their suffix"
# What is found under the name of an image, by its first bytes.
_OTHERS = (
    (b"II*\0", "a TIFF image"),
    (b"MM\0*", "a TIFF image"),
    (b"\xff\x0a", "a JPEG XL image"),
    (b"\0\0\0\x0cJXL ", "a JPEG XL image"),
    (b"\0\0\0\x0cjP  ", "a JPEG 2000 image"),
    (b"8BPS", "a Photoshop image"),
    (b"%PDF", "a PDF document"),
    (b"\0\x05\x16\x07", "a file of macOS that accompanies another (AppleDouble)"),
    (b"version https://git-lfs", "a pointer of Git LFS in place of the image"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"\x1f\x8b", "a gzip file"),
)


def examine(read: Read, size: int) -> int:
    """The EXIF orientation, 1 … 8, of a whole image of an allowed format.

    Reads headers and ends only: damage among the coded pixels is found when the image is decoded.

    Raises:
        UnfitImageError: anything else, with the reason.
    """
    start = read(0, 64)
    if not start:
        raise UnfitImageError("the file is empty")
    if start.startswith(jpeg.SIGNATURE):
        return examine_jpeg(read, size)
    if start.startswith(png.SIGNATURE):
        return examine_png(read, size)
    if start.startswith((b"GIF87a", b"GIF89a")):
        return examine_gif(read)
    if start.startswith(b"BM"):
        return examine_bmp(read, size)
    if start.startswith(b"RIFF") and start[8:12] == b"WEBP":
        return examine_webp(read, size)
    raise UnfitImageError(f"this is {_name_of(start)}")


def orientation_in(content: bytes) -> int:
    """The EXIF orientation, 1 … 8, of an image in memory; ``AS_STORED`` of what is no image that can be decoded."""
    try:
        return examine(lambda place, count: content[max(place, 0) : max(place, 0) + count], len(content))
    except UnfitImageError:
        return AS_STORED


def _name_of(start: bytes) -> str:
    for signature, name in _OTHERS:
        if start.startswith(signature):
            return name
    if start[4:8] == b"ftyp":
        return "an HEIC, AVIF or MP4 file"
    if start.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        return "a page of HTML or XML"
    if not any(start):
        return "no image: it begins with zeros"
    return f"no image of a known format: it begins with the bytes {start[:8].hex(' ')}"
