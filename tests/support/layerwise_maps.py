"""Random 16-bit maps and gradients of the low-memory pass, and how near to a float64 oracle its results are.

Maps are float16 and gradients bfloat16, so results are compared to 2^-10 and 2^-7 of the largest number: half a unit in
the last of 11 and 8 significant bits, and the sums that were rounded before.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgehybrid.model.compat import tf

SEED = 2102
MAP_TOLERANCE, GRADIENT_TOLERANCE = 2**-10, 2**-7
Reals = NDArray[np.float64]


def random_map(*shape: int, scale: float = 1.0) -> Any:
    return tf.constant(np.random.default_rng(SEED + len(shape)).normal(0, scale, shape), tf.float16)


def real(tensor: Any) -> Reals:
    return tf.cast(tensor, tf.float64).numpy()


def assert_near(found: Any, expected: Reals, tolerance: float) -> None:
    atol = tolerance * max(np.abs(expected).max(), 1e-30)
    np.testing.assert_allclose(real(found), expected, rtol=0, atol=atol, err_msg=f"seed {SEED}")


def upstream_for(y: Any) -> Any:
    return tf.cast(random_map(*y.shape, scale=0.1), tf.bfloat16)
