"""bfloat16 products in convolutions: a switch of the whole process, because oneDNN's is."""

import os
from typing import Literal

from edgehybrid.errors import EdgehybridError
from edgehybrid.model.compat import tf

# TensorFlow reads it once, at the first convolution of the process. Only capitals count.
_VARIABLE = "TF_SET_ONEDNN_FPMATH_MODE"

_rounding = False


def set_convolution_precision(precision: Literal["float32", "bfloat16"]) -> None:
    """Lets every convolution of this process from now on multiply in ``precision``. Call it before the first.

    With bfloat16, oneDNN rounds what a convolution reads to 8 significant bits, adds and delivers in float32:

    - sums of ±1 stay exact, for ±1 needs one bit; k-bit values of k > 1 are rounded;
    - full-precision convolutions, and gradients with respect to a convolution's input, carry a relative error of 2e-3;
    - gradients with respect to weights, dense layers and everything else (signs, thresholds, scales, BatchNorm, latent
      weights, optimizer) stay float32.

    Measured with TensorFlow 2.21 on a processor with AMX; the tests repeat it. With several machines, call this after
    the strategy is made: it computes a small convolution.

    Raises:
        EdgehybridError: bfloat16 on a GPU, on a processor without it, or after a first convolution in float32; float32
            after bfloat16.
    """
    global _rounding
    if precision == "float32":
        if _rounding:
            raise EdgehybridError(
                "This process computes convolutions in bfloat16, which cannot be undone.",
                next_step="Convert, evaluate or train in float32 in a process of its own.",
            )
        return
    if tf.config.list_physical_devices("GPU"):
        raise EdgehybridError(
            "bfloat16 is for training on the processor, and TensorFlow would use a GPU.",
            received="training.precision: bfloat16", allowed="training.precision: float32",
        )  # fmt: skip
    before = os.environ.get(_VARIABLE)
    os.environ[_VARIABLE] = "BF16"
    _rounding = _convolutions_round()
    # Child processes must not inherit what this process has read by now.
    if before is None:
        del os.environ[_VARIABLE]
    else:
        os.environ[_VARIABLE] = before
    if not _rounding:
        raise EdgehybridError(
            "Convolutions do not compute in bfloat16.",
            received="training.precision: bfloat16",
            allowed="a processor with AVX512-BF16 or AMX, and a process that has made no convolution yet",
            next_step="Set training.precision to float32.",
        )


def _convolutions_round() -> bool:
    """Whether 1 + 2^-12 is read as 1: it needs 13 bits."""
    x, kernel = tf.fill([1, 8, 8, 32], 1.0 + 2.0**-12), tf.ones([3, 3, 32, 32])
    return float(tf.nn.conv2d(x, kernel, 1, "VALID")[0, 0, 0, 0]) == 3 * 3 * 32
