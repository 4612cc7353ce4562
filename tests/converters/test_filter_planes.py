"""Filters as sums of signs."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from converters.filter_planes import filter_planes, packed_words


@given(st.integers(0, 2**31), st.sampled_from([1, 2, 3, 7, 15]))
def test_planes_sum_up_to_the_filter(seed: int, scale: int) -> None:
    random = np.random.default_rng(seed)
    odd = 2 * random.integers(0, scale + 1, (6, 3, 2, 9)) - scale
    weights = (odd * random.uniform(1e-3, 10, (6, 1, 1, 1))).astype(np.float32)
    planes = filter_planes(weights)
    assert planes is not None
    assert all(set(np.unique(plane)) <= {-1, 1} for plane in planes.planes)
    whole = sum(2.0**e * plane for e, plane in zip(planes.exponents, planes.planes, strict=True))
    np.testing.assert_allclose(planes.scales[:, None, None, None] * whole, weights, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(planes.sums(), weights.sum(axis=(1, 2, 3), dtype=np.float64), rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("values", [[-5, 3, 1], [13, -9, 7, 1], [-11, 5, -3]])
def test_a_filter_that_does_not_reach_the_ends_of_its_scale_is_split_beside_others(values: list[int]) -> None:
    ends = [15, -15, 1] if max(map(abs, values)) > 7 else [7, -7, 1]
    both = np.array([(ends * 2)[: len(values)], values], np.float32).reshape(2, 1, 1, -1) * np.float32(0.37)
    planes = filter_planes(both)
    assert planes is not None
    whole = sum(2.0**e * plane for e, plane in zip(planes.exponents, planes.planes, strict=True))
    np.testing.assert_allclose(planes.scales[:, None, None, None] * whole, both, rtol=1e-6)


def test_as_few_planes_as_the_values_need() -> None:
    for values, count in (([-1, 1], 1), ([-1, 0, 1], 2), ([-3, -1, 1, 3], 2), ([-7, 5, 1], 3)):
        planes = filter_planes(np.array(values, np.float32).reshape(1, 1, 1, -1))
        assert planes is not None
        assert len(planes.planes) == count


@pytest.mark.parametrize("weights", [[1, 0.5, 0.3, 0.1], [1, 0.999], [1, 0.9, -1]])
def test_other_filters_have_none(weights: list[float]) -> None:
    assert filter_planes(np.array(weights, np.float32).reshape(1, 1, 1, -1)) is None


def test_one_weight_off_its_place_is_found() -> None:
    """By a hundredth: rounding moves a weight by a millionth."""
    weights = np.where(np.random.default_rng(0).random((4, 3, 3, 32)) < 0.5, -1, 1).astype(np.float32)
    weights[2, 1, 1, 7] *= 0.99
    assert filter_planes(weights) is None


@pytest.mark.parametrize("channels", [1, 31, 32, 33, 64])
def test_words_hold_a_bit_for_each_minus_one(channels: int) -> None:
    plane = np.where(np.random.default_rng(0).random((2, 1, 3, channels)) < 0.5, -1, 1).astype(np.int8)
    words = packed_words(plane)
    assert words.shape == (2, 1, 3, -(-channels // 32))
    for index in np.ndindex(plane.shape):
        word = int(words[(*index[:-1], index[-1] // 32)]) & 0xFFFFFFFF
        assert word >> index[-1] % 32 & 1 == (plane[index] < 0)
    # Behind the last channel there is nothing.
    assert sum(int(word & 0xFFFFFFFF).bit_count() for word in words.reshape(-1).astype(np.int64)) == (plane < 0).sum()


@given(st.integers(0, 2**31), st.sampled_from([2, 3, 4]), st.floats(1e-3, 10))
def test_twos_complement_is_its_digits_and_a_plane_of_minus_one(seed: int, bits: int, unit: float) -> None:
    m = 2 ** (bits - 1)
    whole = np.random.default_rng(seed).integers(-m, m, (6, 3, 2, 9))
    # The ends, so that fewer planes do not do.
    whole[0, 0, 0, :3] = -m, m - 1, 0
    weights = (whole * unit).astype(np.float32)
    planes = filter_planes(weights)
    assert planes is not None
    assert (planes.bits, planes.exponents) == (bits, (*range(bits)[::-1], 0))
    assert (planes.planes[-1] == -1).all()
    total = sum(2.0**e * plane for e, plane in zip(planes.exponents, planes.planes, strict=True))
    np.testing.assert_allclose(planes.scales[:, None, None, None] * total, weights, rtol=1e-6, atol=1e-6)


def test_fixed_point_weights_keep_an_exact_unit() -> None:
    """A filter of few numbers, or of none but 0, beside one of all; float32 then rounds no product."""
    whole = np.array([[-8, 7, 1, 0], [4, -4, 0, 4], [0, 0, 0, 0], [-8, 6, 2, -8]])
    planes = filter_planes((whole / 8).astype(np.float32).reshape(4, 1, 1, 4))
    assert planes is not None
    assert planes.scales.tolist() == [1 / 16, 1 / 4, 1 / 2, 1 / 8]
    assert planes.sums().tolist() == (whole.sum(axis=1) / 8).tolist()


def test_one_more_than_the_highest_number_of_twos_complement_is_none() -> None:
    assert filter_planes(np.array([-8, 7, 8], np.float32).reshape(1, 1, 1, -1)) is None
