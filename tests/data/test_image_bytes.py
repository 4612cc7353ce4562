"""Bytes at a place of an image file: as many as asked for, or the file is cut off."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgehybrid.data.image_bytes import UnfitImageError, exactly


@given(st.binary(max_size=20), st.integers(0, 25), st.integers(0, 25))
def test_gives_all_bytes_that_are_asked_for_or_refuses(content: bytes, place: int, count: int) -> None:
    def read(at: int, most: int) -> bytes:
        return content[at : at + most]

    if count == 0 or place + count <= len(content):
        assert exactly(read, place, count) == content[place : place + count]
    else:
        with pytest.raises(UnfitImageError, match="the image is cut off"):
            exactly(read, place, count)
