"""Bits and back, against NumPy's."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgehybrid.model.compat import tf
from edgehybrid.training.packed_bits import pack, unpack


@given(st.lists(st.booleans(), min_size=1, max_size=40))
def test_packs_as_numpy_does_and_comes_back(answers: list[bool]) -> None:
    bits = pack(tf.constant(answers))
    np.testing.assert_array_equal(bits, np.packbits(answers, bitorder="little"))
    assert unpack(bits, (len(answers),)).numpy().tolist() == answers


@pytest.mark.parametrize("shape", [(1,), (7,), (8,), (9,), (2, 3, 3, 5), (1, 1, 1, 33)])
def test_shapes_come_back(shape: tuple[int, ...]) -> None:
    answers = np.random.default_rng(7).random(shape) < 0.5
    bits = pack(tf.constant(answers))
    assert bits.shape == (-(-answers.size // 8),)
    np.testing.assert_array_equal(unpack(bits, shape), answers)
