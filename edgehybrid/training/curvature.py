"""Eigenvalues of matrices that are known by their products alone. NumPy, and SciPy's Lanczos."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.floating[Any]]
Product = Callable[[Vector], Vector]

# Bound on the error that Lanczos estimates for itself, as a share of the eigenvalue.
TOLERANCE = 1e-4
# Lanczos starts anew after 20 products; where it has not converged after so many starts, it will not.
MOST_RESTARTS = 50
POWER_STEPS = 20
PROBES = 8


def largest_eigenvalue(product: Product, size: int, seed: int = 0) -> float:
    """The largest eigenvalue of a symmetric matrix (not the largest in size: -5 is less than 1), by Lanczos.

    Args:
        product: v, float32 (size,), to the matrix times v.
        size: 2 or more.
        seed: of the random vector that Lanczos begins with.

    Returns:
        the eigenvalue, to 1e-4 of itself and the rounding of ``product``; NaN where a product is not finite, or Lanczos
        does not converge.

    Source: Lehoucq, Sorensen and Yang 1998 (ARPACK), as scipy.sparse.linalg.eigsh.
    """
    # Here: who measures no sharpness does not wait for SciPy.
    from scipy.sparse.linalg import ArpackNoConvergence, LinearOperator, eigsh

    start = np.random.default_rng(seed).normal(size=size).astype(np.float32)
    first = product(start)
    # ARPACK has error codes of its own for these two.
    if not np.isfinite(first).all():
        return np.nan
    if not first.any():
        return 0.0
    operator = LinearOperator((size, size), matvec=product, dtype=np.float32)
    try:
        (value,) = eigsh(
            operator, k=1, which="LA", v0=start, tol=TOLERANCE, maxiter=MOST_RESTARTS, return_eigenvectors=False
        )
    except ArpackNoConvergence:
        return np.nan
    return float(value)


class FieldCurvature(NamedTuple):
    """What ``field_curvature`` finds of a matrix J.

    Attributes:
        curvature: v'Jv of the last unit vector v of the power iteration.
        residual: ‖Jv - curvature·v‖ / ‖Jv‖, 0 … 1. 0: v is an eigenvector, and curvature its eigenvalue. Near 1: J has
            no real eigenvalue that is larger in size than all others, and curvature is a number of one direction only.
        asymmetry: 0 … 1. 0: J is symmetric along v, as a Hessian is everywhere. 1: antisymmetric, a pure rotation.
    """

    curvature: float
    residual: float
    asymmetry: float


def field_curvature(
    product: Product, size: int, seed: int = 0, steps: int = POWER_STEPS, probes: int = PROBES
) -> FieldCurvature:
    r"""Power iteration on a matrix J that need not be symmetric, and how far from symmetric it is.

    The asymmetry compares v'Ju with u'Jv for random u of entries ±1, and takes root mean squares over them:

    $$\frac{\operatorname{rms}_u |v'Ju - u'Jv|}{\operatorname{rms}_u |v'Ju| + \operatorname{rms}_u |u'Jv|}$$

    The squares have the means ‖(J' - J)v‖², ‖J'v‖² and ‖Jv‖², as E[uu'] is the identity (Hutchinson 1990). By the
    triangle inequality the quotient is at most 1, for whichever u; it is the same for J times a number.

    Args:
        product: v, float32 (size,), to J times v.
        steps: of the power iteration.
        probes: how many u.
    """
    random = np.random.default_rng(seed)
    v = _unit(random.normal(size=size))
    for _ in range(steps - 1):
        v = _unit(product(v.astype(np.float32)))
    of_v = product(v.astype(np.float32)).astype(np.float64)
    curvature = float(v @ of_v)
    signs = random.choice((-1.0, 1.0), (probes, size))
    there = np.array([v @ product(u.astype(np.float32)) for u in signs])
    back = signs @ of_v
    return FieldCurvature(
        curvature,
        _share(np.linalg.norm(of_v - curvature * v), np.linalg.norm(of_v)),
        _share(_rms(there - back), _rms(there) + _rms(back)),
    )


def _unit(vector: Vector) -> Vector:
    """The vector in float64, with norm 1; as it is, where it has none."""
    vector = np.asarray(vector, np.float64)
    norm = np.linalg.norm(vector)
    return vector / norm if norm > 0 else vector


def _rms(values: Vector) -> np.floating[Any]:
    return np.sqrt(np.mean(np.square(values)))


def _share(part: np.floating[Any], whole: np.floating[Any]) -> float:
    """A part of nothing is 0; of what is not a number, none."""
    return 0.0 if whole == 0 else float(part / whole)
