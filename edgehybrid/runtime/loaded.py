"""What a runtime gives for a flatbuffer."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


class Loaded(NamedTuple):
    """A flatbuffer ready to run.

    Attributes:
        run: logits (1, classes) of one normalised image (1, side, side, channels).
        runtime: name and version, and the kernels it uses.
        isa: instruction set of the kernels that run; None where it is not known.
    """

    run: Callable[[Floats], Floats]
    runtime: str
    isa: str | None
