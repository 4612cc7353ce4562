"""Medians of runs in blocks, and how sure a ratio of two of them is."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

# Of the bootstrap: a 95 % interval of so many draws moves by less than what is printed.
DRAWS = 2000
LOW_PERCENT, HIGH_PERCENT = 2.5, 97.5


class Ratio(NamedTuple):
    """Of two medians, with its 95 % interval."""

    ratio: float
    low: float
    high: float


def ratio_of(theirs: Sequence[Sequence[float]], ours: Sequence[Sequence[float]], seed: int = 0) -> Ratio:
    """Median of their block medians over that of ours, with an interval by a bootstrap of blocks.

    Runs of one block share what the machine did meanwhile, so blocks are drawn, not runs; and pairs of blocks, because
    the i-th blocks of both were measured side by side.

    Args:
        theirs, ours: times of the runs of each block, in any unit; as many blocks of one as of the other.

    Raises:
        ValueError: no blocks, an empty one, or unequal numbers of them.
    """
    if not ours or len(theirs) != len(ours) or not all(map(len, [*theirs, *ours])):
        raise ValueError(f"{len(theirs)} and {len(ours)} blocks of at least one run cannot be paired")
    pairs: NDArray[Any] = np.array([[np.median(block) for block in side] for side in (theirs, ours)])
    chosen = np.random.default_rng(seed).integers(0, pairs.shape[1], (DRAWS, pairs.shape[1]))
    drawn = np.median(pairs[:, chosen], axis=2)
    low, high = np.percentile(drawn[0] / drawn[1], [LOW_PERCENT, HIGH_PERCENT])
    theirs_median, ours_median = np.median(pairs, axis=1)
    return Ratio(float(theirs_median / ours_median), float(low), float(high))
