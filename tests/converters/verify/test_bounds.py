import numpy as np
import pytest

from converters.filter_planes import packed_words
from converters.taps import Tap
from converters.verify.bounds import bounds, unpacked

SEED = 11


def test_a_float_map_says_what_the_numbers_are() -> None:
    value = np.array([[1.0, -2.0]], np.float32)
    assert np.array_equal(bounds(Tap(0, "x"), value, (1, 2)).nearest(np.zeros((1, 2), np.float32)), value)


def test_a_number_beyond_a_clip_stays_as_it_is() -> None:
    relu = Tap(0, "x", clip=(0.0, np.inf))
    value = np.array([0.0, 0.0, 3.0], np.float32)
    nearest = bounds(relu, value, (3,)).nearest(np.array([-5.0, 0.1, 2.0], np.float32))
    # Below 0 agrees with 0; 0.1 does not; 3 is 3.
    assert nearest.tolist() == [-5.0, 0.0, 3.0]


@pytest.mark.parametrize("is_complement", [False, True])
def test_a_bit_says_on_which_side_of_the_threshold(is_complement: bool) -> None:
    tap = Tap(0, "x", threshold=0.5, is_complement=is_complement, channels=4)
    numbers = np.array([[-1.0, 0.25, 0.5, 2.0]], np.float32)
    is_plus = (numbers >= 0.5) != is_complement
    words = packed_words(np.where(is_plus, 1, -1).astype(np.int8))
    within = bounds(tap, words, (1, 4))
    assert np.array_equal(within.nearest(numbers), numbers)
    # The other way round each is moved to the threshold, or to the float before it.
    before = np.nextafter(np.float32(0.5), np.float32(0))
    assert within.nearest(-numbers + 1).tolist() == [[before, before, 0.5, 0.5]]


@pytest.mark.parametrize("channels", [1, 31, 32, 33, 64, 65])
def test_unpacking_undoes_packing(channels: int) -> None:
    plane = np.random.default_rng(SEED).choice([-1, 1], (2, 3, channels)).astype(np.int8)
    assert np.array_equal(unpacked(packed_words(plane[None])[0], channels), plane == 1)


def test_not_a_number_stays() -> None:
    nearest = bounds(Tap(0, "x"), np.zeros(1, np.float32), (1,)).nearest(np.array([np.nan], np.float32))
    assert np.isnan(nearest[0])
