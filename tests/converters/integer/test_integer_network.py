"""The integers' own steps against loops, and against the float network they come from."""

import numpy as np
import pytest

from converters.integer.integer_network import convolve

SEED = 1969


def convolve_by_loops(levels: np.ndarray, filters: np.ndarray, stride: int) -> np.ndarray:
    count, side, _, _ = levels.shape
    outputs, kernel, _, _ = filters.shape
    out = (side + stride - 1) // stride
    before = max((out - 1) * stride + kernel - side, 0) // 2
    sums = np.zeros((count, out, out, outputs), np.int64)
    for n, y, x, o in np.ndindex(sums.shape):
        for ky in range(kernel):
            for kx in range(kernel):
                row, column = y * stride - before + ky, x * stride - before + kx
                if 0 <= row < side and 0 <= column < side:
                    sums[n, y, x, o] += int(levels[n, row, column] @ filters[o, ky, kx])
    return sums


@pytest.mark.parametrize("side", [1, 4, 5])
@pytest.mark.parametrize("kernel", [1, 3])
@pytest.mark.parametrize("stride", [1, 2])
def test_convolves_as_loops_do(side: int, kernel: int, stride: int) -> None:
    rng = np.random.default_rng(SEED)
    levels = rng.integers(0, 4, (2, side, side, 3))
    filters = rng.choice(np.array([-1, 1], np.int8), (4, kernel, kernel, 3))
    expected = convolve_by_loops(levels, filters.astype(np.int64), stride)
    np.testing.assert_array_equal(convolve(levels, filters, stride), expected, err_msg=f"seed {SEED}")
