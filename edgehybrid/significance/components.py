r"""Principal components of a layer's map, and the rule that names significant layers.

A map of C channels, seen at every position of every image, is a cloud of points in C dimensions. Its principal
components are the eigenvectors of the covariance; with eigenvalues λ_1 ≥ λ_2 ≥ … the first k explain the share

$$c(k) = \sum_{i \le k} \lambda_i \Big/ \sum_i \lambda_i$$

of the variance. P is the number of components below a threshold R: P = #{k : c(k) ≤ R}. A layer is significant when its
P is larger by ``least_rise`` or more than that of the layer before it: it adds information that one bit may lose.

Source: Chakraborty et al. 2020 (arXiv:1906.01493), the released code of which (pca-hybrid, 2019) has R = 0.99 and a
least rise of 2. It counts the components below the threshold, one fewer than are needed to reach it.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

Curve = NDArray[np.float64]
THRESHOLD = 0.99
LEAST_RISE = 2


class Moments:
    """Sums over points, from which their covariance follows; in float64, batch by batch.

    Points are taken less the first batch's mean: a mean far from 0 would leave few digits of the difference of squares.
    """

    def __init__(self, channels: int) -> None:
        self.points = 0
        self._origin: NDArray[np.float64] | None = None
        self._sum = np.zeros(channels)
        self._products = np.zeros((channels, channels))

    def add(self, maps: NDArray[np.floating[Any]]) -> None:
        """Takes maps (…, C): every position is a point."""
        points = np.asarray(maps, np.float64).reshape(-1, len(self._sum))
        if self._origin is None:
            self._origin = points.mean(axis=0)
        points = points - self._origin
        self.points += len(points)
        self._sum += points.sum(axis=0)
        self._products += points.T @ points

    def covariance(self) -> NDArray[np.float64]:
        """(C, C), over all points."""
        mean = self._sum / self.points
        return self._products / self.points - np.outer(mean, mean)


def explained_variance(covariance: NDArray[np.float64]) -> Curve:
    """c(1) … c(C). A map that never changes has no variance to explain: all ones."""
    # Rounding leaves eigenvalues of a covariance just below 0.
    values = np.maximum(np.linalg.eigvalsh(covariance)[::-1], 0.0)
    total = values.sum()
    return np.cumsum(values) / total if total > 0 else np.ones(len(values))


def components_below(curve: Curve, threshold: float) -> int:
    """P of a curve; 0 where one component explains more than the threshold."""
    return int(np.count_nonzero(curve <= threshold))


def significant(counts: Sequence[int], least_rise: int = LEAST_RISE) -> list[bool]:
    """Of each layer, in forward order, whether its P rises by so much. The first has none before it, and never is."""
    rises = (after - before for before, after in pairwise(counts))
    return [False, *(rise >= least_rise for rise in rises)] if counts else []
