"""Images for a comparison where those of the data set are not at hand: scanned digits in their size."""

import numpy as np
from numpy.typing import NDArray

from edgehybrid.data.arrays import load_split
from edgehybrid.recipe import Data

_SCANNED_SIDE = 8


def digits_instead(count: int, height: int, width: int, channels: int) -> NDArray[np.uint8]:
    """scikit-learn's digits, uint8 (count, height, width, channels): all 1,797 in a fixed order, then from the first.

    They have edges and even ground, as photographs have. Noise has neither: it averages out in a sum of many pixels,
    and leaves later maps nearly constant. Pixels between the 8×8 scanned ones are interpolated linearly. The last
    channel is as scanned and the first half as bright: equal channels would hide that a layer mixes them up.

    Raises:
        MissingExtraError: without scikit-learn, which has the scans.
    """
    data = Data.model_validate({"dataset": "digits", "image_side": _SCANNED_SIDE})
    scans = np.concatenate([load_split(data, name).images for name in ("test", "train")])[..., 0]
    chosen = scans[np.arange(count) % len(scans)].astype(np.float32)
    sized = _weights(height) @ chosen @ _weights(width).T
    brightness = np.linspace(0.5, 1.0, channels, dtype=np.float32) if channels > 1 else np.ones(1, np.float32)
    images: NDArray[np.uint8] = np.rint(sized[..., None] * brightness).astype(np.uint8)
    return images


def _weights(length: int) -> NDArray[np.float32]:
    """(length, 8): how much each scanned pixel has of each wanted one, both spread evenly over the same side."""
    centres = (np.arange(length, dtype=np.float32) + 0.5) * (_SCANNED_SIDE / length) - 0.5
    distances = np.abs(np.clip(centres, 0, _SCANNED_SIDE - 1)[:, None] - np.arange(_SCANNED_SIDE))
    weights: NDArray[np.float32] = np.maximum(1 - distances, 0).astype(np.float32)
    return weights
