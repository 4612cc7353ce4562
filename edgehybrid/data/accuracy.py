"""Accuracy: how many images have their own class as the largest logit, or among the five largest."""

import numpy as np
from numpy.typing import NDArray

from edgehybrid.data.arrays import Labels


def accuracies(logits: NDArray[np.float32], labels: Labels) -> tuple[float, float]:
    """Percent of images whose label is the largest logit, and among the five largest (all, for fewer classes)."""
    own = np.take_along_axis(logits, labels[:, None], axis=1)
    # Of equal logits that of the first class counts as larger.
    is_larger = (logits > own) | ((logits == own) & (np.arange(logits.shape[1]) < labels[:, None]))
    rank = is_larger.sum(axis=1)
    return 100 * float(np.mean(rank == 0)), 100 * float(np.mean(rank < 5))
