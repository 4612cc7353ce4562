"""Which training images are held out for validation: fixed, and equally many of each class."""

import numpy as np
from numpy.typing import NDArray

from edgehybrid.data.arrays import Labels
from edgehybrid.errors import DataError

Indices = NDArray[np.int64]

# Not the recipe's seed: runs of several seeds choose their models on the same images.
SEED = 0


def hold_out(labels: Labels, count: int, classes: int) -> tuple[Indices, Indices]:
    """Splits n images, by their labels, into those to train on and ``count`` to validate on.

    Each class gives ⌊count / classes⌋ images, and ``count mod classes`` classes drawn by lot give one more. A function
    of its arguments alone.

    Returns:
        places of training and of validation images: disjoint, ascending, together 0 … n-1.

    Raises:
        DataError: a class would have no image left to train on.
    """
    random = np.random.default_rng(SEED)
    quota = np.full(classes, count // classes)
    quota[random.permutation(classes)[: count % classes]] += 1
    shuffled = random.permutation(len(labels))
    of_each_class = np.bincount(labels, minlength=classes)
    if (short := np.flatnonzero((quota > 0) & (quota >= of_each_class))).size:
        label = short[0]
        raise DataError(
            "data.validation_images leaves a class without training images.",
            received=f"{count}, which are {quota[label]} of the {of_each_class[label]} images of class {label}",
            allowed="fewer than every class has",
            next_step="Set data.validation_images lower.",
        )
    # By class, in random order within each: the first images of every class are held out.
    by_class = shuffled[np.argsort(labels[shuffled], kind="stable")]
    place_in_class = np.arange(len(labels)) - np.repeat(np.cumsum(of_each_class) - of_each_class, of_each_class)
    held_out = place_in_class < np.repeat(quota, of_each_class)
    return np.sort(by_class[~held_out]), np.sort(by_class[held_out])
