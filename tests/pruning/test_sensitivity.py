"""Sensitivities against their definition, share by share, and the laws that follow from it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgehybrid.model.compat import tf
from edgehybrid.pruning.sensitivity import EPSILON, Floats, patches_of, sensitivities

# Shares are quotients of float32 sums of some ten terms, in another order here.
CLOSE = 1e-5


def reference(patches: Floats, kernel: Floats) -> np.ndarray:
    """Every share of every sum, one after the other."""
    positions, channels, filters = kernel.shape
    found = np.zeros(channels)
    for patch in patches:
        for a in (np.maximum(patch, 0), np.maximum(-patch, 0)):
            for part in (np.maximum(kernel, 0), np.maximum(-kernel, 0)):
                for i in range(filters):
                    total = sum(float(part[k, j, i] * a[k, j]) for k in range(positions) for j in range(channels))
                    if total <= EPSILON:
                        continue
                    for k in range(positions):
                        for j in range(channels):
                            found[j] = max(found[j], part[k, j, i] * a[k, j] / total)
    return found


def case(seed: int, positions: int, channels: int, filters: int, has_negatives: bool) -> tuple[Floats, Floats]:
    random = np.random.default_rng(seed)
    patches = random.normal(size=(5, positions, channels)).astype(np.float32)
    kernel = random.normal(size=(positions, channels, filters)).astype(np.float32)
    return (patches if has_negatives else np.maximum(patches, 0)), kernel


cases = st.builds(
    case, st.integers(0, 2**31), st.sampled_from([1, 4, 9]), st.integers(1, 5), st.integers(1, 4), st.booleans()
)


@given(cases)
def test_they_are_the_largest_shares(found: tuple[Floats, Floats]) -> None:
    patches, kernel = found
    np.testing.assert_allclose(sensitivities([patches], kernel), reference(patches, kernel), rtol=CLOSE, atol=1e-7)


@given(cases)
def test_batches_filters_scales_and_order_do_not_matter(found: tuple[Floats, Floats]) -> None:
    patches, kernel = found
    whole = sensitivities([patches], kernel)
    assert ((whole >= 0) & (whole <= 1 + CLOSE)).all()
    np.testing.assert_allclose(sensitivities([patches[:2], patches[2:]], kernel), whole, rtol=CLOSE)
    np.testing.assert_allclose(sensitivities([3 * patches], kernel * 5), whole, rtol=CLOSE)
    np.testing.assert_allclose(sensitivities([patches[:, :, ::-1]], kernel[:, ::-1]), whole[::-1], rtol=CLOSE)


def test_a_channel_that_nothing_weighs_or_that_is_never_there_has_none() -> None:
    patches, kernel = case(3, 9, 4, 3, has_negatives=False)
    kernel[:, 1] = 0
    patches[:, :, 2] = 0
    found = sensitivities([patches], kernel)
    assert found[1] == found[2] == 0 < found[0]


def test_of_signs_each_share_is_one_over_a_count() -> None:
    random = np.random.default_rng(5)
    patches = np.where(random.random((50, 9, 64)) < 0.5, -1, 1).astype(np.float32)
    kernel = np.where(random.random((9, 64, 32)) < 0.5, -1, 1).astype(np.float32)
    found = sensitivities([patches], kernel)
    # About a quarter of 576 products are positive in both: 144, and at the least some hundred.
    assert found.max() / found.min() < 1.5
    assert 1 / found.min() == pytest.approx(round(1 / found.min()), rel=1e-4)


@given(st.integers(1, 9), st.sampled_from([1, 2, 3]), st.sampled_from([1, 3, 5]), st.integers(1, 3), st.integers(0, 99))
def test_patches_times_the_kernel_are_the_convolution(
    side: int, stride: int, kernel_side: int, c: int, seed: int
) -> None:
    random = np.random.default_rng(seed)
    maps = random.normal(size=(2, side, side, c)).astype(np.float32)
    kernel = random.normal(size=(kernel_side, kernel_side, c, 4)).astype(np.float32)
    patches = patches_of(maps, kernel_side, stride, 0.0)
    found = patches.reshape(len(patches), -1) @ kernel.reshape(-1, 4)
    expected = tf.nn.conv2d(maps, kernel, stride, "SAME").numpy()
    # float32 sums of up to 75 products of numbers near 1.
    np.testing.assert_allclose(found.reshape(expected.shape), expected, atol=1e-4)
