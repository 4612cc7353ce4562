"""What TensorFlow does with the forms of GIF, BMP and WebP that are refused: that is why they are."""

import io
from collections.abc import Callable

import numpy as np
import pytest
from image_kinds import SOUND, UNFIT
from PIL import Image

from edgehybrid.data.image_bytes import Read, UnfitImageError
from edgehybrid.data.rare_formats import examine_bmp, examine_gif, examine_webp
from edgehybrid.model.compat import tf

EXAMINE: dict[str, Callable[[Read, int], int]] = {
    "gif": lambda read, _: examine_gif(read),
    "bmp": examine_bmp,
    "webp": examine_webp,
}
REFUSED_FORMS = ("bmp palette", "bmp 1 bit", "gif transparent", "webp transparent")


def examined(kind: str, content: bytes) -> int:
    return EXAMINE[kind.split()[0]](lambda place, count: content[place : place + count], len(content))


@pytest.mark.parametrize("kind", [kind for kind in SOUND if kind.split()[0] in EXAMINE])
def test_accepts_a_sound_image(kind: str) -> None:
    assert examined(kind, SOUND[kind]().content) == 1


@pytest.mark.parametrize("kind", REFUSED_FORMS)
def test_what_is_refused_is_not_decoded_as_pillow_does(kind: str) -> None:
    content = UNFIT[kind][0]()
    with pytest.raises(UnfitImageError):
        examined(kind, content)
    expected = np.asarray(Image.open(io.BytesIO(content)).convert("RGB")).astype(int)
    try:
        decoded = tf.io.decode_image(content, 3, expand_animations=False).numpy()
    except tf.errors.InvalidArgumentError:
        return
    assert abs(decoded - expected).max() > 50


@pytest.mark.parametrize("kind", ["bmp", "gif", "webp"])
def test_an_image_without_rows_is_refused(kind: str) -> None:
    content = bytearray(SOUND[kind]().content)
    if kind == "bmp":
        content[22:26] = bytes(4)
    elif kind == "gif":
        place = content.index(b",", 13 + 3 * 64)
        content[8:10] = content[place + 7 : place + 9] = bytes(2)
    else:
        content[12:16] = b"none"
    with pytest.raises(UnfitImageError, match=r"no pixels|damaged|does not fill"):
        examined(kind, bytes(content))
