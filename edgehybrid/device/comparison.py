"""How many times faster one model is than another, with an interval by the bootstrap, and one sentence.

Samples of a session belong together, so sessions are drawn first, then the samples within each (a two-stage bootstrap:
Davison and Hinkley, Bootstrap Methods and their Application, 1997, section 3.8). The ratio is that of the medians.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

DRAWS = 1000
CONFIDENCE = 0.95
# Of a session's runs that are drawn from: medians of more change by less than their clock resolves.
_MOST_SAMPLES = 500


class Ratio(NamedTuple):
    """Of the medians of two models, slower over faster where above 1; with its interval."""

    median: float
    low: float
    high: float


def speed_ratio(ours: Sequence[Sequence[float]], other: Sequence[Sequence[float]], seed: int = 0) -> Ratio:
    """How many times as long ``other`` takes; both as samples (ms) of the same sessions, measured in turns.

    Raises:
        ValueError: not as many samples of the same sessions, or none.
    """
    lengths = {len(samples) for samples in (*ours, *other)}
    if len(ours) != len(other) or not ours or len(lengths) != 1 or 0 in lengths:
        raise ValueError("two models are compared by as many samples of the same sessions")
    random = np.random.default_rng(seed)
    one, two = (np.asarray(sessions, np.float64) for sessions in (ours, other))
    # Of all blocks alike.
    every = -(-one.shape[1] // _MOST_SAMPLES)
    chosen = random.integers(0, len(one), (DRAWS, len(one), 1))
    medians = []
    for sessions in (one[:, ::every], two[:, ::every]):
        within = random.integers(0, sessions.shape[1], (DRAWS, *sessions.shape))
        medians.append(np.median(sessions[chosen, within].reshape(DRAWS, -1), axis=1))
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(medians[1] / medians[0], [tail, 1 - tail])
    return Ratio(float(np.median(two) / np.median(one)), float(low), float(high))


def sentence(name: str, other: str, ratio: Ratio) -> str:
    """Such as ``hybrid_res_a is 3.1 to 3.3 times faster than its int8 twin``."""
    if ratio.low > 1:
        return f"{name} is {_between(ratio.low, ratio.high)} times faster than {other}."
    if ratio.high < 1:
        return f"{name} is {_between(1 / ratio.high, 1 / ratio.low)} times slower than {other}."
    return f"{name} and {other} take as long, as far as these runs tell: {ratio.low:.2f} to {ratio.high:.2f} times."


def _between(low: float, high: float) -> str:
    texts = [f"{value:.3g}" for value in (low, high)]
    return texts[0] if texts[0] == texts[1] else " to ".join(texts)
