"""What the image formats have in common: bytes at a place, and why a file is no image that can be trained on."""

from collections.abc import Callable

# At most so many bytes from a place on: fewer where the file ends before.
Read = Callable[[int, int], bytes]


class UnfitImageError(Exception):
    """Why bytes are no image that can be decoded rightly: the end of a sentence that begins with the file's name."""


def exactly(read: Read, place: int, count: int) -> bytes:
    """``count`` bytes from a place on.

    Raises:
        UnfitImageError: there are fewer.
    """
    found = read(place, count)
    if len(found) < count:
        raise UnfitImageError("the image is cut off")
    return found
