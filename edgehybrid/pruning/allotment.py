r"""How many filters each layer keeps, so that the whole network keeps so many weights: one error bound for all layers.

With s_j the sensitivities of a layer's C input channels, p_j = s_j / Σ s, P patches, kernels of k² positions and a
failure probability d,

$$\tilde S = \Big(\sum_j s_j\Big) \cdot 2 c \, \ln\frac{8 (P + 1) k^2}{d}, \qquad
  m(\varepsilon) = \Big\lceil \frac{3 (6 + 2 \varepsilon) \tilde S}{\varepsilon^2} \Big\rceil$$

draws by p keep every output within ε with probability 1 - d; among m draws are on average Σ_j 1 - (1 - p_j)^m different
channels, and so many are kept, those of the largest s_j. ε is the same in all layers, and the smallest whose network
has no more weights than asked for.

Source: Liebenwein et al. 2020 (arXiv:1911.07412); c, d and keeping the largest are of their released code.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

# The released code's; a comment in it says that the paper's experiments had 3.
SAMPLING_FACTOR = 10.0
FAILURE_PROBABILITY = 1e-16
# Powers of ten that hold every ε of interest, as in the released code; and steps that leave nothing between two.
_LEAST, _MOST, _STEPS = -300.0, 150.0, 80


class Scored(NamedTuple):
    """A layer's filters, by what their only reader gets from each.

    Attributes:
        patches: that the reader sees in an image.
        positions: k², of the reader's kernel.
    """

    sensitivities: NDArray[np.float64]
    patches: int
    positions: int


def kept_by_bound(scored: Scored, epsilon: float) -> int:
    """How many filters an error bound asks for, at least one."""
    total = float(scored.sensitivities.sum())
    if total <= 0:
        # Nothing of any of them arrives.
        return 1
    logarithm = np.log(8.0 * (scored.patches + 1) * scored.positions / FAILURE_PROBABILITY)
    variety = total * 2 * SAMPLING_FACTOR * logarithm
    shares = scored.sensitivities / total
    # (1 - p)^m without the rounding of 1 - p; a share of 1 is drawn for certain, and one of 0 never: 0 times infinitely
    # many draws, as many as a tiny ε asks for.
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        draws = np.maximum(1.0, np.ceil(np.float64(3 * (6 + 2 * epsilon) * variety) / epsilon / epsilon))
        different = -np.expm1(draws * np.log1p(-shares))
    return int(min(len(shares), max(1, np.ceil(np.nansum(different) - 1e-9))))


def allot(
    scored: Mapping[str, Scored], weights_with: Callable[[Mapping[str, int]], int], most_weights: float
) -> dict[str, int]:
    """Filters of each layer under one ε, with ``most_weights`` weights or fewer.

    Args:
        weights_with: the network's weights for numbers of filters.
    """

    def kept_at(power: float) -> dict[str, int]:
        return {name: kept_by_bound(each, 10.0**power) for name, each in scored.items()}

    return _bisect(kept_at, weights_with, most_weights, (_LEAST, _MOST))


def allot_uniformly(
    filters: Mapping[str, int], weights_with: Callable[[Mapping[str, int]], int], most_weights: float
) -> dict[str, int]:
    """The same share of each layer's filters, with ``most_weights`` weights or fewer: the control."""

    def kept_at(gone: float) -> dict[str, int]:
        return {name: max(1, round((1 - gone) * count)) for name, count in filters.items()}

    return _bisect(kept_at, weights_with, most_weights, (0.0, 1.0))


def _bisect(
    kept_at: Callable[[float], dict[str, int]],
    weights_with: Callable[[Mapping[str, int]], int],
    most_weights: float,
    between: tuple[float, float],
) -> dict[str, int]:
    """The first numbers of filters, of those that fall along a line, with no more weights than allowed."""
    low, high = between
    if weights_with(kept_at(low)) <= most_weights:
        return kept_at(low)
    for _ in range(_STEPS):
        middle = (low + high) / 2
        low, high = (low, middle) if weights_with(kept_at(middle)) <= most_weights else (middle, high)
    return kept_at(high)


def largest(values: NDArray[np.float64], count: int) -> NDArray[np.intp]:
    """Places of the largest values, ascending; of equal ones the first."""
    return np.sort(np.argsort(-values, kind="stable")[:count])
