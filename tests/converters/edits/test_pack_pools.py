"""The maximum of signs is the sign of the maximum."""

import numpy as np
import pytest
from small_graphs import SmallGraph, edited, maps, ops, run, signs

from converters.edits.pack_layers import pack_layers
from converters.edits.pack_pools import pack_pools

# The maps have no subnormal numbers: XNNPACK's pools make them 0.


def pooled(activation: int = 0, bits: int = 1, is_read: bool = False) -> SmallGraph:
    """A map is pooled, quantised and convolved; perhaps the pooled map is added, too."""
    random = np.random.default_rng(0)
    small = SmallGraph(1, 8, 6, 40)
    pool = small.max_pool(small.image, activation=activation)
    value = small.sign(pool) if bits == 1 else small.levels(pool, bits)
    convolved = small.conv(value, signs(random, 40, 1, 1, 40))
    if is_read:
        small.add("ADD", convolved, pool)
    return small


@pytest.mark.parametrize("activation", [0, 2])
def test_pools_before_a_sign_are_pools_of_bits(activation: int) -> None:
    small = pooled(activation)
    copy = edited(small.graph, pack_layers, pack_pools)
    assert ops(copy) == ["LceQuantize", "LceBMaxPool2d", "LceBconv2d"]
    images = maps(np.random.default_rng(1), small.image.shape, tiniest=False)
    np.testing.assert_array_equal(run(copy, images), run(small.graph, images))


@pytest.mark.parametrize(
    "small",
    [pooled(activation=1), pooled(activation=3), pooled(bits=2), pooled(is_read=True)],
    ids=["behind a ReLU", "behind a ReLU6", "of two bits", "read by an addition"],
)
def test_other_pools_stay(small: SmallGraph) -> None:
    """A ReLU makes every negative maximum 0, whose sign is +1."""
    copy = edited(small.graph, pack_layers, pack_pools)
    assert "MAX_POOL_2D" in ops(copy)
    images = maps(np.random.default_rng(1), small.image.shape, tiniest=False)
    np.testing.assert_allclose(run(copy, images), run(small.graph, images), atol=1e-5)
