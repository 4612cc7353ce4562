r"""A device's latencies from a few of its own and all those of a proxy: AdaProxy.

The proxy's latencies are fitted by a linear model of the networks' encodings, $w = E_p^+ y_p$. On the device, from few
samples $E_t, y_t$ ($n$ of them), the model is scaled by one number, bent a little, and shifted:

$$\min_{a, b, c}\; \tfrac1n \lVert E_t\,(w \circ (a + b)) + c - y_t \rVert^2 + \lambda \lVert b \rVert_2$$

$\lambda$ is the one whose model orders some further samples best. Source: Lu et al. 2021, "One proxy device is enough
for hardware-aware neural architecture search" (arXiv:2111.01203), which takes 60 samples and 10 further ones, and
adapts only where the rank correlation is below 0.9.

The norm is not squared, so $b$ is 0 from some $\lambda$ on. The minimum is found exactly. With the columns of $a$ and
$c$ projected out, M and y stay of the matrix of $b$ and of the latencies. With $G = \tfrac2n M^T M$ and
$g = \tfrac2n M^T y$ it is

    b = 0                     where |g| ≤ λ,
    b = (G + μ I)⁻¹ g         else, with the μ for which  μ |b| = λ,

for there the gradient, G b − g + λ b / |b|, is 0. The left side grows with μ from 0 to |g|.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgehybrid.device.proxy import rank_correlation
from edgehybrid.errors import UsageError

Floats = NDArray[np.float64]
# λ as shares of the least one that leaves b at 0: from hardly bent to free.
SHARES = np.logspace(0, -4, 25)
_HALVINGS = 200
# Of float64 sums, as a share of their largest term; some thousands of roundings of 1e-16.
_ROUNDING = 1e-12


@dataclass(frozen=True, eq=False)
class Adapted:
    """A linear model of a device's latencies.

    Attributes:
        weights: w ∘ (a + b), one a column of the encoding.
        shift: c.
        penalty: λ.
    """

    weights: Floats
    shift: float
    penalty: float

    def __call__(self, encodings: Floats) -> Floats:
        """Latencies of encoded networks, (n, columns) → (n,), in the unit of the samples."""
        found: Floats = encodings @ self.weights + self.shift
        return found


def proxy_weights(encodings: Floats, latencies: Floats) -> Floats:
    """The linear model of the proxy's latencies, of the least norm where encodings depend on one another.

    Raises:
        UsageError: see ``adapt``.
    """
    _check(encodings, latencies)
    found: Floats = np.linalg.pinv(encodings, rcond=_ROUNDING) @ latencies
    return found


def adapt(
    weights: Floats, encodings: Floats, latencies: Floats, further_encodings: Floats, further_latencies: Floats
) -> Adapted:
    """The proxy's model, adapted to a device.

    Args:
        weights: of ``proxy_weights``.
        encodings, latencies: the few samples of the device.
        further_encodings, further_latencies: those by which λ is chosen: at least 3 of different latencies. Of
            penalties that order them equally well, the greatest is taken.

    Raises:
        UsageError: arrays that do not fit together, or numbers that are not finite.
    """
    _check(encodings, latencies, len(weights))
    _check(further_encodings, further_latencies, len(weights))
    best: Adapted | None = None
    most = -2.0
    largest = largest_penalty(weights, encodings, latencies)
    for share in SHARES:
        model = adapt_with(weights, encodings, latencies, largest * float(share))
        correlation = rank_correlation(model(further_encodings), further_latencies)
        if best is None or (correlation is not None and correlation > most):
            best, most = model, most if correlation is None else correlation
    if best is None or len(set(further_latencies.tolist())) < 3:
        raise UsageError(
            "Too few further samples tell which penalty orders networks best.",
            received=f"{len(further_latencies)} samples",
            allowed="at least 3 of different latencies",
        )
    return best


def largest_penalty(weights: Floats, encodings: Floats, latencies: Floats) -> float:
    """The least λ at which b is 0, so that the proxy's model is only scaled and shifted."""
    bent, rest, _ = _without_scale_and_shift(weights, encodings, latencies)
    return float(np.linalg.norm(2 / len(latencies) * bent.T @ rest))


def adapt_with(weights: Floats, encodings: Floats, latencies: Floats, penalty: float) -> Adapted:
    """``adapt`` with this λ."""
    bent, rest, plain = _without_scale_and_shift(weights, encodings, latencies)
    bend = _bend(2 / len(latencies) * bent.T @ bent, 2 / len(latencies) * bent.T @ rest, penalty)
    scale, shift = np.linalg.lstsq(plain, latencies - encodings @ (weights * bend), rcond=None)[0]
    return Adapted(weights * (scale + bend), float(shift), penalty)


def _bend(curvature: Floats, slope: Floats, penalty: float) -> Floats:
    """b by G, g and λ."""
    if np.linalg.norm(slope) <= penalty:
        return np.zeros(len(slope))
    strengths, directions = np.linalg.eigh(curvature)
    along, strengths = directions.T @ slope, np.maximum(strengths, 0)

    def reached(ridge: float) -> float:
        return ridge * float(np.linalg.norm(along / (strengths + ridge)))

    # At the greatest strength the left side is at least half of |g|, and it nears |g| as the ridge grows.
    low, high = 0.0, max(float(strengths[-1]), 1e-300)
    while reached(high) < penalty:
        low, high = high, 2 * high
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if reached(middle) < penalty:
            low = middle
        else:
            high = middle
    return np.asarray(directions @ (along / (strengths + high)), np.float64)


def _without_scale_and_shift(weights: Floats, encodings: Floats, latencies: Floats) -> tuple[Floats, Floats, Floats]:
    """(the matrix of b, the latencies, the columns of a and c); the first two at right angles to the third."""
    matrix = encodings * weights
    plain = np.stack([matrix.sum(axis=1), np.ones(len(latencies))], axis=1)
    inside, strengths, _ = np.linalg.svd(plain, full_matrices=False)
    basis = inside[:, strengths > _ROUNDING * strengths[0]]
    bent = matrix - basis @ (basis.T @ matrix)
    # What is left of columns that are sums of the two is rounding, which a small λ would let grow without bounds.
    bent[np.abs(bent) <= _ROUNDING * np.abs(matrix).max(initial=0)] = 0
    return bent, latencies - basis @ (basis.T @ latencies), plain


def _check(encodings: Floats, latencies: Floats, columns: int | None = None) -> None:
    if (
        encodings.ndim != 2
        or latencies.shape != (len(encodings),)
        or encodings.shape[1] != (encodings.shape[1] if columns is None else columns)
    ):
        raise UsageError(
            "Encodings and latencies do not fit together.",
            received=f"encodings {encodings.shape}, latencies {latencies.shape}",
            allowed=f"(networks, {columns or 'columns'}) and (networks,)",
        )
    if not len(latencies) or not (np.isfinite(encodings).all() and np.isfinite(latencies).all()):
        raise UsageError("Samples are finite numbers, and at least one.", received=f"{len(latencies)} samples")
