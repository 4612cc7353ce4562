"""Image files of every kind that people have in their folders: sound ones with their pixels, and unfit ones.

Pillow writes them, and says what is in them: another decoder than TensorFlow's.
"""

import io
import struct
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

HEIGHT, WIDTH = 48, 64
ROWS, COLUMNS = np.mgrid[0:HEIGHT, 0:WIDTH]
# Smooth, so that JPEG keeps it; and nowhere the same turned or mirrored.
PICTURE = np.stack([COLUMNS * 4, ROWS * 5, (ROWS + COLUMNS) * 2], -1).astype(np.uint8)
COLOUR = Image.fromarray(PICTURE)
GREY, INK, PALETTE = COLOUR.convert("L"), COLOUR.convert("CMYK"), COLOUR.quantize(64)
BLACK = Image.fromarray((COLUMNS * 2).astype(np.uint8))
ALPHA = Image.fromarray((COLUMNS * 4).astype(np.uint8))
TRANSPARENT = Image.merge("RGBA", (*COLOUR.split(), ALPHA))
# Of two decoders of JPEG, each rounds a colour, in a transform and in a change of colours; TensorFlow's is the coarser.
JPEG_TOLERANCE = 5


class Sound(NamedTuple):
    """A sound image file, its pixels, uint8 (height, width, 3), and by how much two decoders may differ."""

    content: bytes
    pixels: NDArray[np.uint8]
    tolerance: int


def encoded(image: Image.Image, form: str, **how: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, form, **how)
    return stream.getvalue()


def as_pillow_reads(content: bytes, tolerance: int = 0) -> Sound:
    image = ImageOps.exif_transpose(Image.open(io.BytesIO(content)))
    return Sound(content, np.asarray(image.convert("RGB")), tolerance)


def jpeg(image: Image.Image, **how: Any) -> bytes:
    return encoded(image, "JPEG", quality=95, **how)


def turned(form: str, orientation: int) -> Sound:
    """With an EXIF orientation 1 … 8."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    how = {"JPEG": {"quality": 95}, "PNG": {}, "WEBP": {"lossless": True}}[form]
    return as_pillow_reads(encoded(COLOUR, form, exif=exif, **how), JPEG_TOLERANCE if form == "JPEG" else 0)


def ycck() -> bytes:
    """As Photoshop writes it: the colours of ink, transformed. Pillow cannot write it, but read it."""
    content = bytearray(jpeg(Image.merge("CMYK", (*COLOUR.convert("YCbCr").split(), BLACK))))
    content[content.index(b"Adobe") + 11] = 2
    return bytes(content)


def deep_png(colours: int) -> Sound:
    """16 bits a colour, written by hand: Pillow does not read colours of 16 bits."""
    import zlib

    deep = (np.arange(HEIGHT * WIDTH * colours) * 21 % 65536).astype(">u2").reshape(HEIGHT, WIDTH, colours)
    rows = b"".join(b"\0" + row.tobytes() for row in deep)
    header = struct.pack(">IIBBBBB", WIDTH, HEIGHT, 16, {1: 0, 3: 2}[colours], 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    content = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks
    )
    pixels = np.broadcast_to((deep // 256).astype(np.uint8), (HEIGHT, WIDTH, 3))
    # Of 65535 levels, the upper 8 bits are within 1 of the rounded level of 255.
    assert abs(deep / 257 - deep // 256).max() < 1
    return Sound(content, pixels, 0)


def from_top_bmp() -> Sound:
    content = bytearray(encoded(COLOUR, "BMP"))
    struct.pack_into("<i", content, 22, -HEIGHT)
    return Sound(bytes(content), PICTURE[::-1], 0)


def masked_bmp(red_first: bool = False) -> bytes:
    """32 bits a pixel with the masks of its colours written out."""
    pixels = np.dstack([PICTURE[::-1, :, ::-1], np.zeros((HEIGHT, WIDTH), np.uint8)]).tobytes()
    masks = (0xFF, 0xFF00, 0xFF0000) if red_first else (0xFF0000, 0xFF00, 0xFF)
    head = struct.pack("<2sIII", b"BM", 66 + len(pixels), 0, 66)
    head += struct.pack("<IiiHHIIiiII", 40, WIDTH, HEIGHT, 1, 32, 3, len(pixels), 0, 0, 0, 0)
    return head + struct.pack("<3I", *masks) + pixels


SOUND: dict[str, Callable[[], Sound]] = {
    "jpeg": lambda: as_pillow_reads(jpeg(COLOUR), JPEG_TOLERANCE),
    "jpeg progressive": lambda: as_pillow_reads(jpeg(COLOUR, progressive=True), JPEG_TOLERANCE),
    "jpeg full colours": lambda: as_pillow_reads(jpeg(COLOUR, subsampling=0), JPEG_TOLERANCE),
    "jpeg of red, green and blue": lambda: as_pillow_reads(jpeg(COLOUR, keep_rgb=True), JPEG_TOLERANCE),
    "jpeg grey": lambda: as_pillow_reads(jpeg(GREY), JPEG_TOLERANCE),
    "jpeg CMYK": lambda: as_pillow_reads(jpeg(INK), JPEG_TOLERANCE),
    "jpeg CMYK with black": lambda: as_pillow_reads(
        jpeg(Image.merge("CMYK", (*INK.split()[:3], BLACK))), JPEG_TOLERANCE
    ),
    "jpeg YCCK": lambda: as_pillow_reads(ycck(), JPEG_TOLERANCE),
    "jpeg with more behind it": lambda: as_pillow_reads(jpeg(COLOUR) + bytes(range(256)) * 40, JPEG_TOLERANCE),
    "jpeg of two pictures": lambda: as_pillow_reads(
        encoded(COLOUR, "MPO", quality=95, save_all=True, append_images=[COLOUR.rotate(90)]), JPEG_TOLERANCE
    ),
    "jpeg with a long comment": lambda: as_pillow_reads(jpeg(COLOUR, comment=b"\xff\xd9" * 9000), JPEG_TOLERANCE),
    "png": lambda: as_pillow_reads(encoded(COLOUR, "PNG")),
    "png grey": lambda: as_pillow_reads(encoded(GREY, "PNG")),
    "png 1 bit": lambda: as_pillow_reads(encoded(COLOUR.convert("1"), "PNG")),
    "png palette": lambda: as_pillow_reads(encoded(PALETTE, "PNG")),
    "png palette of 8": lambda: as_pillow_reads(encoded(COLOUR.quantize(8), "PNG")),
    "png palette with transparency": lambda: as_pillow_reads(encoded(PALETTE, "PNG", transparency=3)),
    "png transparent": lambda: as_pillow_reads(encoded(TRANSPARENT, "PNG")),
    "png grey transparent": lambda: as_pillow_reads(encoded(TRANSPARENT.convert("LA"), "PNG")),
    "png 16 bits grey": lambda: deep_png(1),
    "png 16 bits": lambda: deep_png(3),
    "png moving": lambda: as_pillow_reads(encoded(COLOUR, "PNG", save_all=True, append_images=[COLOUR.rotate(90)])),
    "png with more behind it": lambda: as_pillow_reads(encoded(COLOUR, "PNG") + b"more" * 2000),
    "bmp": lambda: as_pillow_reads(encoded(COLOUR, "BMP")),
    "bmp 32 bits": lambda: as_pillow_reads(encoded(TRANSPARENT, "BMP")),
    "bmp from the top": from_top_bmp,
    "bmp with masks": lambda: Sound(masked_bmp(), PICTURE, 0),
    "gif": lambda: as_pillow_reads(encoded(PALETTE, "GIF")),
    "gif interlaced": lambda: as_pillow_reads(encoded(PALETTE, "GIF", interlace=True)),
    "gif with a comment": lambda: as_pillow_reads(encoded(PALETTE, "GIF", comment=b"x" * 700)),
    "gif moving": lambda: as_pillow_reads(
        encoded(PALETTE, "GIF", save_all=True, append_images=[COLOUR.rotate(90).quantize(64)])
    ),
    "webp": lambda: as_pillow_reads(encoded(COLOUR, "WEBP", quality=90)),
    "webp lossless": lambda: as_pillow_reads(encoded(COLOUR, "WEBP", lossless=True)),
    "webp with more behind it": lambda: as_pillow_reads(encoded(COLOUR, "WEBP") + b"more" * 20),
}


def without_adobe_marker() -> bytes:
    content = jpeg(INK)
    place = content.index(b"\xff\xee")
    return content[:place] + content[place + 16 :]


def with_bits(content: bytes, bits: int) -> bytes:
    """A JPEG whose frame says so many bits a colour."""
    place = content.index(b"\xff\xc0") + 4
    return content[:place] + bytes([bits]) + content[place + 1 :]


def without_pixels(png: bytes) -> bytes:
    place, end = png.index(b"IDAT") - 4, png.index(b"IEND") - 4
    return png[:place] + png[end:]


HTML = b"\r\n<!DOCTYPE html><html><body>404 Not Found</body></html>"
SMALLER_FIRST = b"GIF89a\x05\0\x05\0\0\0\0,\0\0\0\0\x04\0\x05\0\0\x02\x02\x4c\x01\0;"
# Each with a part of the reason that is given.
UNFIT: dict[str, tuple[Callable[[], bytes], str]] = {
    "empty": (lambda: b"", "the file is empty"),
    "one byte": (lambda: b"\xff", "no image of a known format"),
    "zeros": (lambda: bytes(5000), "begins with zeros"),
    "html": (lambda: HTML, "a page of HTML or XML"),
    "svg": (lambda: b"\xef\xbb\xbf<svg xmlns='http://www.w3.org/2000/svg'/>", "a page of HTML or XML"),
    "text": (lambda: b"404: Not Found", "begins with the bytes 34 30 34 3a 20 4e 6f 74"),
    "apple double": (lambda: b"\0\x05\x16\x07\0\x02\0\0Mac OS X" + bytes(40), "AppleDouble"),
    "lfs pointer": (lambda: b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 5\n", "Git LFS"),
    "tiff": (lambda: encoded(COLOUR, "TIFF"), "a TIFF image"),
    "jpeg 2000": (lambda: b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(40), "a JPEG 2000 image"),
    "heic": (lambda: b"\0\0\0\x18ftypheic" + bytes(40), "an HEIC, AVIF or MP4 file"),
    "pdf": (lambda: b"%PDF-1.4\n" + bytes(40), "a PDF document"),
    "jpeg without its end": (lambda: jpeg(COLOUR)[:-2], "it has no end"),
    "jpeg filled up with zeros": (lambda: jpeg(COLOUR)[:1000] + bytes(3000), "it has no end"),
    "jpeg cut off in its header": (lambda: jpeg(COLOUR)[:100], "cut off"),
    "jpeg header and end": (lambda: b"\xff\xd8\xff\xd9", "has no pixels"),
    "jpeg of 12 bits": (lambda: with_bits(jpeg(COLOUR), 12), "12 bits a colour"),
    "jpeg lossless": (lambda: jpeg(COLOUR).replace(b"\xff\xc0", b"\xff\xc3", 1), "lossless"),
    "jpeg arithmetic": (lambda: jpeg(COLOUR).replace(b"\xff\xc0", b"\xff\xc9", 1), "arithmetic"),
    "jpeg CMYK without a marker": (without_adobe_marker, "whether its colours are inverted"),
    "png without its end": (lambda: encoded(COLOUR, "PNG")[:-12], "it has no end"),
    "png cut off": (lambda: encoded(COLOUR, "PNG")[:-30], "it has no end"),
    "png without pixels": (lambda: without_pixels(encoded(COLOUR, "PNG")), "has no pixels"),
    "png of a phone": (lambda: b"\x89PNG\r\n\x1a\n\0\0\0\x04CgBI" + bytes(40), "Apple's own form"),
    "bmp palette": (lambda: encoded(PALETTE, "BMP"), "8 bits a pixel"),
    "bmp 1 bit": (lambda: encoded(COLOUR.convert("1"), "BMP"), "1 bits a pixel"),
    "bmp cut off": (lambda: encoded(COLOUR, "BMP")[:-4], "cut off"),
    "bmp in another order": (lambda: masked_bmp(red_first=True), "colours in another order"),
    "gif without its end": (lambda: encoded(PALETTE, "GIF")[:-1], "cut off"),
    "gif transparent": (lambda: encoded(PALETTE, "GIF", transparency=3), "transparent pixels"),
    "gif with a smaller picture": (lambda: SMALLER_FIRST, "does not fill it"),
    "webp transparent": (lambda: encoded(TRANSPARENT, "WEBP", quality=90), "transparency"),
    "webp lossless transparent": (lambda: encoded(TRANSPARENT, "WEBP", lossless=True), "transparency"),
    "webp moving": (
        lambda: encoded(COLOUR, "WEBP", save_all=True, append_images=[COLOUR.rotate(90)]),
        "a moving WebP image",
    ),
    "webp cut off": (lambda: encoded(COLOUR, "WEBP")[:-10], "cut off"),
}
