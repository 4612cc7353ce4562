"""Every kind of file under the name of an image: whole ones are accepted, all others refused with their reason."""

import numpy as np
import pytest
from image_kinds import SOUND, UNFIT, turned

from edgehybrid.data.image_bytes import UnfitImageError
from edgehybrid.data.image_format import examine, orientation_in
from edgehybrid.model.compat import tf

SEED = 11


def examined(content: bytes) -> int:
    return examine(lambda place, count: content[place : place + count], len(content))


@pytest.mark.parametrize("kind", SOUND)
def test_accepts_a_sound_image(kind: str) -> None:
    assert examined(SOUND[kind]().content) == 1


@pytest.mark.parametrize("kind", UNFIT)
def test_refuses_what_is_no_sound_image(kind: str) -> None:
    make, reason = UNFIT[kind]
    with pytest.raises(UnfitImageError) as caught:
        examined(make())
    assert reason in str(caught.value)
    assert orientation_in(make()) == 1


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_reads_how_an_image_has_to_be_turned(form: str, orientation: int) -> None:
    content = turned(form, orientation).content
    assert examined(content) == orientation_in(content) == orientation


@pytest.mark.parametrize("kind", SOUND)
def test_an_image_cut_off_anywhere_is_refused_or_can_still_be_decoded(kind: str) -> None:
    content, pixels, tolerance = SOUND[kind]()
    accepted = []
    for length in {
        *range(0, len(content), max(1, len(content) // 200)),
        *range(max(0, len(content) - 20), len(content)),
    }:
        try:
            examined(content[:length])
        except UnfitImageError:
            continue
        accepted.append(length)
    for length in accepted:
        decoded = tf.io.decode_image(content[:length], 3, expand_animations=False).numpy()
        assert abs(decoded.astype(int) - pixels).max() <= tolerance, length
    # Only what stands behind the image may be missing.
    assert not accepted or "behind it" in kind or "two pictures" in kind


@pytest.mark.parametrize("kind", SOUND)
def test_a_damaged_header_is_refused_or_accepted_and_nothing_else(kind: str) -> None:
    content = SOUND[kind]().content
    random = np.random.default_rng(SEED)
    for _ in range(300):
        damaged = bytearray(content)
        for place in random.integers(0, min(len(content), 700), 3):
            damaged[place] = random.integers(0, 256)
        try:
            assert 1 <= examined(bytes(damaged)) <= 8
        except UnfitImageError:
            continue
