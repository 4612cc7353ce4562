"""Binary convolutions that write the bits of the next layer."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_graphs import SAME, SmallGraph, edited, maps, ops, run, signs

from converters.edits.fold_vectors import fold_vectors
from converters.edits.pack_layers import pack_layers
from converters.edits.pack_pools import pack_pools
from converters.edits.thresholds import fuse_thresholds

EDITS = (pack_layers, pack_pools, fold_vectors, fuse_thresholds)


@given(st.integers(0, 2**31), st.data())
def test_two_layers_in_a_row(seed: int, data: st.DataObject) -> None:
    """Scales of both signs and 0, biases that are whole sums, so that values are exactly 0 at a threshold."""
    random = np.random.default_rng(seed)
    channels, middle = (data.draw(st.sampled_from([1, 31, 32, 33, 64])) for _ in range(2))
    small = SmallGraph(1, 6, 6, channels)
    value = small.conv(small.sign(small.image), signs(random, middle, 3, 3, channels))
    for op in data.draw(st.lists(st.sampled_from(["MUL", "ADD", "SUB", "RELU", "RELU_N1_TO_1"]), max_size=4)):
        whole = random.integers(-6, 7, middle).astype(np.float32)
        value = small.add(op, value) if op.startswith("RELU") else small.add(op, value, whole)
    if data.draw(st.booleans()):
        value = small.max_pool(value)
    small.conv(small.sign(value), signs(random, 5, 1, 1, middle))
    copy = edited(small.graph, *EDITS)
    fused = ["LceQuantize", "LceBconv2d", "LceBconv2d"]
    assert [op for op in ops(copy) if op != "LceBMaxPool2d"] == fused
    images = maps(random, small.image.shape)
    # Whole numbers throughout: to the bit.
    np.testing.assert_array_equal(run(copy, images), run(small.graph, images))


@pytest.mark.parametrize("is_read", [False, True])
def test_sums_that_must_be_stored_stay(is_read: bool) -> None:
    """A border of zeros has no bits; a sum that an addition reads is needed whole."""
    random = np.random.default_rng(0)
    small = SmallGraph(1, 6, 6, 32)
    first = small.conv(small.sign(small.image), signs(random, 32, 3, 3, 32), padding=1 if is_read else SAME)
    second = small.conv(small.sign(first), signs(random, 32, 1, 1, 32))
    if is_read:
        small.add("ADD", first, second)
    copy = edited(small.graph, *EDITS)
    assert ops(copy).count("LceQuantize") == 2
    images = maps(random, small.image.shape)
    np.testing.assert_array_equal(run(copy, images), run(small.graph, images))
