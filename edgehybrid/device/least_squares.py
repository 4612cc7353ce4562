"""Least squares without negative coefficients, for the few columns of a calibration."""

from itertools import combinations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
# Of two sets that fit equally well but for rounding, the larger is kept.
_ROUNDING = 1e-12


def non_negative_least_squares(matrix: Floats, target: Floats) -> Floats:
    """The x ≥ 0 that minimises |matrix · x − target|², by trying every set of columns.

    At the optimum the coefficients above 0 are the plain least squares of their columns: so it is among the solutions
    for all 2^n − 1 sets that have no negative number. With the five columns of a calibration these are 31, and no
    active set has to be followed.

    Args:
        matrix: (rows, n), n small.
        target: (rows,).

    Returns:
        (n,); all 0 where no set does better.
    """
    # Columns of one size: MACs count millions, operators tens. One of zeros fits nothing.
    sizes = np.linalg.norm(matrix, axis=0)
    used = np.flatnonzero(sizes)
    scaled = matrix / np.where(sizes == 0, 1, sizes)
    best, least = np.zeros(matrix.shape[1]), float(target @ target)
    for count in range(len(used), 0, -1):
        for support in map(list, combinations(used, count)):
            found = np.linalg.lstsq(scaled[:, support], target, rcond=None)[0]
            if (found < 0).any():
                continue
            rest = scaled[:, support] @ found - target
            if (loss := float(rest @ rest)) < least * (1 - _ROUNDING):
                best, least = np.zeros(matrix.shape[1]), loss
                best[support] = found / sizes[support]
            if count == len(used):
                # No set does better than all of them, even with negative numbers.
                return best
    return best


def inseparable_columns(matrix: Floats) -> list[int]:
    """The columns that are sums of multiples of one another, so that no coefficient of theirs is known; else none."""
    sizes = np.linalg.norm(matrix, axis=0)
    _, strengths, directions = np.linalg.svd(matrix / np.where(sizes == 0, 1, sizes), full_matrices=True)
    weakest = strengths[-1] if len(strengths) == matrix.shape[1] else 0.0
    # The last right singular vector: with these multiples the columns add up to nothing.
    if weakest > 1e-6 * strengths[0]:
        return []
    return [index for index, part in enumerate(directions[-1]) if abs(part) > 1e-3]
