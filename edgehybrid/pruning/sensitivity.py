r"""How much of what a layer computes comes from one input channel at most: the sensitivity of the channel.

A filter i sums products of its weights with a patch of its input. With the positive part W+ of the weights and inputs
a ≥ 0, the share of the sum that position k of channel j gives is

$$g_{ij}^{(k)} = w_{i,jk} \, a_{jk} \Big/ \sum_{j'k'} w_{i,j'k'} \, a_{j'k'}$$

and the sensitivity of channel j is the largest share over images, patches, filters, positions, and over W+ and W-.
Inputs with negatives count as two: their positive part, and their negative part turned positive. A sum that is no more
than float32's epsilon gives no share.

Where inputs and weights are ±1, each sum is a count, and every share one over it. Some patch of many has a count of one
or two for each channel, so all channels come out alike.

Source: Liebenwein et al. 2020 (arXiv:1911.07412), as in their released code (provable_pruning).
"""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
EPSILON = float(np.finfo(np.float32).eps)
# Products of an input with one over each sum that are held at a time: 512 KiB, which stay in a core's second cache.
_AT_ONCE = 1 << 17


def sensitivities(patches: Iterable[Floats], kernel: Floats) -> NDArray[np.float64]:
    """The sensitivity of each input channel, 0 … 1, shape (C,).

    Args:
        patches: of each batch, what the filters see: (n, K, C), K positions of a kernel.
        kernel: (K, C, filters).
    """
    positions, channels, filters = kernel.shape
    found = np.zeros(positions * channels, np.float32)
    parts = [np.maximum(sign * kernel, 0).reshape(-1, filters) for sign in (1, -1)]
    for batch in patches:
        for sign in (1, -1):
            seen = np.maximum(sign * batch, 0).reshape(len(batch), -1)
            if not seen.any():
                continue
            for weights in parts:
                np.maximum(found, _largest_shares(seen, weights), out=found)
    of_channels: NDArray[np.float64] = found.reshape(positions, channels).max(axis=0).astype(np.float64)
    return of_channels


def _largest_shares(seen: Floats, weights: Floats) -> Floats:
    """For each column of ``seen``, none below 0, the largest share that it has in any sum with ``weights``."""
    largest = np.zeros(weights.shape, np.float32)
    rows = max(1, _AT_ONCE // weights.shape[1])
    for begin in range(0, len(seen), rows):
        block = seen[begin : begin + rows]
        sums = block @ weights
        inverse = np.divide(1, sums, out=np.zeros_like(sums), where=sums > EPSILON)
        # Patches or filters, whichever are more, side by side in memory: the largest over patches is found quickest so.
        inverse = np.asarray(inverse, order="F" if len(block) > weights.shape[1] else "C")
        products = np.empty_like(inverse)
        for column, values in enumerate(block.T.copy()):
            np.multiply(inverse, values[:, None], out=products)
            np.maximum(largest[column], products.max(axis=0), out=largest[column])
    shares: Floats = (largest * weights).max(axis=1)
    return shares


def patches_of(maps: Floats, kernel_side: int, stride: int, pad_value: float) -> Floats:
    """What a convolution with SAME padding sees at each pixel that it writes: (n·pixels, K, C) of maps (n, N, N, C)."""
    side = maps.shape[1]
    out = -(-side // stride)
    total = max((out - 1) * stride + kernel_side - side, 0)
    border = (total // 2, total - total // 2)
    padded = np.pad(maps, ((0, 0), border, border, (0, 0)), constant_values=pad_value)
    last = (out - 1) * stride + 1
    # One position of the kernel after the other, each at all pixels.
    places = [(row, column) for row in range(kernel_side) for column in range(kernel_side)]
    seen = [padded[:, row : row + last : stride, column : column + last : stride] for row, column in places]
    patches: Floats = np.stack(seen, axis=3).reshape(-1, kernel_side**2, maps.shape[3])
    return patches
