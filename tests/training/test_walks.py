"""What is computed between convolutions, at the edges; test_layerwise.py compares whole nodes with NumPy."""

import numpy as np

from edgehybrid.model.compat import tf
from edgehybrid.training import walks

NUMBERS = tf.constant([0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 2.0, -2.0, 1e-7], tf.float16)


def test_signs_come_back_from_their_bits() -> None:
    bits = walks.packed_signs(NUMBERS)
    assert walks.signs_of(bits, (9,), 1.0).numpy().tolist() == [1, 1, 1, -1, 1, -1, 1, -1, 1]
    assert walks.signs_of(bits, (9,), 1.0, 1.0).numpy().tolist() == [0, 0, 0, -2, 0, -2, 0, -2, 0]


def test_nothing_passes_at_one_or_beyond() -> None:
    passed = walks.where_inside(tf.ones([9], tf.bfloat16), walks.inside(NUMBERS))
    assert tf.cast(passed, tf.float32).numpy().tolist() == [1, 1, 0, 0, 1, 1, 0, 0, 1]


def test_only_what_is_above_zero_is_positive() -> None:
    passed = walks.where_inside(tf.ones([9], tf.bfloat16), walks.positive(NUMBERS))
    np.testing.assert_array_equal(tf.cast(passed, tf.float32), NUMBERS.numpy() > 0)
