"""The bootstrap's interval, and the sentence."""

import numpy as np
import pytest

from edgehybrid.device.comparison import Ratio, sentence, speed_ratio


def sessions(median: float, spread: float, seed: int, between: float = 0.0) -> list[list[float]]:
    random = np.random.default_rng(seed)
    return [list(median * (1 + between * random.normal()) * random.lognormal(0, spread, 60)) for _ in range(3)]


def test_the_interval_holds_the_true_ratio_as_often_as_it_says() -> None:
    """Of 60 intervals of 95 % at least 51: fewer have a probability of 2e-3."""
    hits = 0
    for seed in range(60):
        ratio = speed_ratio(sessions(1.0, 0.1, seed), sessions(3.0, 0.1, 1000 + seed))
        hits += ratio.low <= 3.0 <= ratio.high
    assert hits >= 51


def test_sessions_that_differ_widen_the_interval() -> None:
    narrow = speed_ratio(sessions(1.0, 0.02, 0), sessions(3.0, 0.02, 1))
    wide = speed_ratio(sessions(1.0, 0.02, 0, between=0.2), sessions(3.0, 0.02, 1))
    assert wide.high - wide.low > 2 * (narrow.high - narrow.low)


def test_turning_the_pair_round_turns_the_ratio_round() -> None:
    one, other = sessions(1.0, 0.05, 0), sessions(2.0, 0.05, 1)
    assert speed_ratio(one, other).median == pytest.approx(1 / speed_ratio(other, one).median)


def test_the_same_samples_are_as_fast() -> None:
    one = [[1.0, 1.0, 1.0]] * 2
    assert speed_ratio(one, one) == (1.0, 1.0, 1.0)


@pytest.mark.parametrize(
    ("ours", "other"), [([], []), ([[1.0]], [[1.0], [1.0]]), ([[1.0]], [[]]), ([[1.0]], [[1.0, 1.0]])]
)
def test_other_pairs_are_refused(ours: list[list[float]], other: list[list[float]]) -> None:
    with pytest.raises(ValueError, match="same sessions"):
        speed_ratio(ours, other)


@pytest.mark.parametrize(
    ("ratio", "text"),
    [
        (Ratio(3.2, 3.1, 3.3), "net is 3.1 to 3.3 times faster than its twin."),
        (Ratio(3.2, 3.2, 3.2), "net is 3.2 times faster than its twin."),
        (Ratio(0.5, 0.4, 0.625), "net is 1.6 to 2.5 times slower than its twin."),
        (Ratio(1.0, 0.97, 1.02), "net and its twin take as long, as far as these runs tell: 0.97 to 1.02 times."),
    ],
)
def test_one_plain_sentence(ratio: Ratio, text: str) -> None:
    assert sentence("net", "its twin", ratio) == text
