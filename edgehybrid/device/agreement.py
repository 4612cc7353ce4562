"""Both machines must compute the same before anything is timed.

Float sums are added in another order by another processor's kernels, so logits differ by some 1e-6 of their size. Where
that moves a sign's input over 0, an image's logits differ by much more: that is no mistake, and few images have it. A
wrong kernel differs in all of them. The median over the images is therefore held to ``MEDIAN_LIMIT``; of int8, whose
roundings to 256 steps differ between processors, to ``INT8_MEDIAN_LIMIT``.
"""

from pathlib import Path

import numpy as np

from edgehybrid.errors import EdgehybridError
from edgehybrid.flatbuffer import Flatbuffer
from edgehybrid.runtime.host import Floats
from edgehybrid.runtime.interpreter import Interpreter

# Of the largest logit.
MEDIAN_LIMIT = 1e-3
INT8_MEDIAN_LIMIT = 0.15


def expected_logits(path: Path, images: Floats) -> Floats:
    """What this machine computes, (n, classes).

    Raises:
        FlatbufferError: the flatbuffer cannot be read, or no runtime can run it.
        EdgehybridError: its outputs are not finite.
    """
    logits = Interpreter(path).predict(images)
    if not np.isfinite(logits).all():
        raise _not_finite(str(path), logits)
    return logits


def holds_int8(flatbuffer: Flatbuffer) -> bool:
    """Whether some of its numbers have 8 bits."""
    return any(tensor.type_name == "int8" for tensor in flatbuffer.tensors)


def check_agreement(where: str, is_int8: bool, expected: Floats, logits: Floats | None) -> float:
    """Compares a device's logits (n, classes) with those of this machine.

    Args:
        where: model and device, for messages.

    Returns:
        the median difference over the images, as a part of the largest logit.

    Raises:
        EdgehybridError: they disagree, or the device's are missing or not finite.
    """
    if logits is None or logits.shape != expected.shape or not np.isfinite(logits).all():
        raise _not_finite(where, logits)
    size = float(np.abs(expected).max()) or 1.0
    median = float(np.median(np.abs(logits - expected).max(axis=1))) / size
    limit = INT8_MEDIAN_LIMIT if is_int8 else MEDIAN_LIMIT
    # Not "median > limit": a NaN must count as different.
    if not median <= limit:
        raise EdgehybridError(
            "The device does not compute what this machine computes; nothing was measured.",
            received=f"{where}: logits differ by {median:.2g} of the largest, in half of {len(expected)} images",
            allowed=f"at most {limit:g}",
            next_step="Set the board up again; if that does not help, please report processor and model.",
        )
    return median


def _not_finite(where: str, logits: Floats | None) -> EdgehybridError:
    bad = None if logits is None else logits[~np.isfinite(logits)]
    found = "no logits" if logits is None or bad is None or not bad.size else f"{bad[0]} among its outputs"
    return EdgehybridError(
        "The model's result for a random image is not finite.",
        received=f"{where}: {found}",
        allowed="finite numbers",
        next_step="'edgehybrid evaluate RUN --keras' tells whether the trained weights are sound.",
    )
