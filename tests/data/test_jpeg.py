"""The segments of a JPEG image: what libjpeg reads is read, and only the end of the picture is its end."""

import numpy as np
import pytest
from image_kinds import COLOUR, JPEG_TOLERANCE, PICTURE, jpeg, turned

from edgehybrid.data.image_bytes import UnfitImageError
from edgehybrid.data.jpeg import examine_jpeg
from edgehybrid.model.compat import tf

WHOLE = jpeg(COLOUR)


def examined(content: bytes) -> int:
    return examine_jpeg(lambda place, count: content[place : place + count], len(content))


def before_second_segment(inserted: bytes) -> bytes:
    place = 4 + int.from_bytes(WHOLE[4:6], "big")
    return WHOLE[:place] + inserted + WHOLE[place:]


@pytest.mark.parametrize(
    "inserted",
    [b"\xff" * 5, b"\xff" * 70_000, b"junk", b"\xff\0junk", bytes(70_000)],
    ids=["fill bytes", "many fill bytes", "junk", "an escaped byte", "many zeros"],
)
def test_bytes_before_a_marker_are_skipped_as_tensorflow_does(inserted: bytes) -> None:
    content = before_second_segment(inserted)
    assert examined(content) == 1
    decoded = tf.io.decode_image(content, 3).numpy()
    assert abs(decoded.astype(int) - PICTURE).max() <= 2 * JPEG_TOLERANCE


def test_the_end_of_a_thumbnail_is_not_that_of_the_picture() -> None:
    thumbnail = b"\xff\xd8\xff\xd9"
    whole = before_second_segment(b"\xff\xe2" + (2 + len(thumbnail)).to_bytes(2, "big") + thumbnail)
    assert examined(whole) == 1
    with pytest.raises(UnfitImageError, match="it has no end"):
        examined(whole[:-2])


def test_the_first_exif_segment_counts() -> None:
    six, three = turned("JPEG", 6).content, turned("JPEG", 3).content
    place = three.index(b"\xff\xe1")
    segment = three[place : place + 2 + int.from_bytes(three[place + 2 : place + 4], "big")]
    place = six.index(b"\xff\xe1")
    assert examined(six[:place] + segment + six[place:]) == 3
    # Another use of the same marker.
    xmp = b"http://ns.adobe.com/xap/1.0/\0"
    other = b"\xff\xe1" + (2 + len(xmp)).to_bytes(2, "big") + xmp
    assert examined(six[:place] + other + six[place:]) == 6


@pytest.mark.parametrize("sides", [b"\0\0\0\x40", b"\0\x30\0\0"], ids=["no rows", "no columns"])
def test_refuses_an_image_without_rows_or_columns(sides: bytes) -> None:
    place = WHOLE.index(b"\xff\xc0") + 5
    with pytest.raises(UnfitImageError, match="no pixels"):
        examined(WHOLE[:place] + sides + WHOLE[place + 4 :])


def test_refuses_two_colours() -> None:
    place = WHOLE.index(b"\xff\xc0") + 9
    with pytest.raises(UnfitImageError, match="2 colours"):
        examined(WHOLE[:place] + b"\x02" + WHOLE[place + 1 :])


def test_any_bytes_behind_the_signature_are_refused() -> None:
    random = np.random.default_rng(4)
    for _ in range(500):
        with pytest.raises(UnfitImageError):
            examined(b"\xff\xd8\xff" + random.bytes(random.integers(0, 200)))
