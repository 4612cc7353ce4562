"""BatchNorm and a quantiser of levels, behind a map of integers: three thresholds a channel."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]
Reals = NDArray[np.float64]

MOST_LEVEL = 3
# Levels in a unit of what the quantiser reads, whose largest value is 2.
LEVELS_A_UNIT = MOST_LEVEL / 2


@dataclass(frozen=True, eq=False)
class Normalisation:
    r"""BatchNorm after training, all (C,): $\gamma (x - \mu) / \sqrt{\sigma^2 + \epsilon} + \beta$."""

    gamma: Reals
    beta: Reals
    mean: Reals
    variance: Reals
    epsilon: float

    def __call__(self, x: Reals) -> Reals:
        """The formula above, of (…, C)."""
        y: Reals = (x - self.mean) * (self.gamma / np.sqrt(self.variance + self.epsilon)) + self.beta
        return y


def thresholds_of(normalisation: Normalisation, scales: Reals, least: Integers, most: Integers) -> Integers:
    r"""The levels of γ (s x - μ) / σ + β as comparisons of the integer x.

    Levels are reached at 1/3, 1 and 5/3 of what is normalised, and it rises or falls with x, so that

    $$q(x) = \#\{i : d x \ge t_i\}, \qquad d = 1, \text{ or } -1 \text{ where it falls}$$

    The thresholds are found by bisection over the integers that x can be, with the formula of the float network in
    float64: whatever it says of an integer at the very edge of a level, they say too.

    Args:
        scales: s, (C,), above 0.
        least, most: what x can be, (C,).

    Returns:
        (C, 4): t_1 ≤ t_2 ≤ t_3 and d. A level that is never reached has a threshold above all x; one that always is,
        one below.
    """
    falls = normalisation.gamma < 0
    direction = np.where(falls, -1, 1)
    low, high = np.where(falls, -most, least), np.where(falls, -least, most)

    def is_reached(level: int) -> Callable[[Integers], NDArray[np.bool_]]:
        return lambda u: levels_of(normalisation(direction * u * scales)) >= level

    columns = [_first(is_reached(level), low, high + 1) for level in range(1, MOST_LEVEL + 1)]
    return np.stack([*columns, direction], axis=1)


def levels_of(x: Reals) -> Integers:
    """0 … 3, of real numbers."""
    levels: Integers = np.floor(np.clip(x, 0, 2) * LEVELS_A_UNIT + 0.5).astype(np.int64)
    return levels


def apply_thresholds(x: Integers, thresholds: Integers) -> Integers:
    """The levels of (…, C'), where channel c of the C in ``thresholds`` reads channel c modulo C'."""
    channels = len(thresholds)
    tiled = np.concatenate([x] * (channels // x.shape[-1]), axis=-1) * thresholds[:, MOST_LEVEL]
    levels: Integers = np.sum(tiled[..., None] >= thresholds[:, :MOST_LEVEL], axis=-1, dtype=np.int64)
    return levels


def _first(is_reached: Callable[[Integers], NDArray[np.bool_]], low: Integers, high: Integers) -> Integers:
    """The least integer from low to high - 1 of each channel that reaches it; high where none does."""
    below, above = low - 1, high.copy()
    while np.any(above - below > 1):
        middle = (below + above) // 2
        is_above = is_reached(middle)
        is_open = above - below > 1
        above = np.where(is_open & is_above, middle, above)
        below = np.where(is_open & ~is_above, middle, below)
    return above
