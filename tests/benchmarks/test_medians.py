"""benchmarks/medians.py: a ratio and its interval."""

import numpy as np
import pytest
from medians import ratio_of


def blocks(median: float, spread: float, seed: int, count: int = 30) -> list[list[float]]:
    random = np.random.default_rng(seed)
    return [list(median * (1 + spread * random.standard_normal(20))) for _ in range(count)]


def test_equal_times_have_the_ratio_1_without_doubt() -> None:
    assert ratio_of([[2.0, 2.0]] * 3, [[2.0]] * 3) == (1.0, 1.0, 1.0)


def test_the_interval_holds_the_true_ratio_and_narrows_with_less_noise() -> None:
    noisy, calm = (ratio_of(blocks(6, spread, 1), blocks(2, spread, 2)) for spread in (0.1, 0.01))
    for found in (noisy, calm):
        assert found.low <= 3 <= found.high
        assert found.low <= found.ratio <= found.high
    assert calm.high - calm.low < noisy.high - noisy.low


def test_what_slows_both_blocks_of_a_pair_widens_no_interval() -> None:
    slow = [1.0, 5.0, 2.0, 9.0, 3.0]
    found = ratio_of([[4 * factor] for factor in slow], [[2 * factor] for factor in slow])
    assert found == (2.0, 2.0, 2.0)


def test_one_disturbed_run_of_a_block_does_not_count() -> None:
    assert ratio_of([[3, 3, 900]] * 4, [[1, 1, 1]] * 4).ratio == 3


@pytest.mark.parametrize(("theirs", "ours"), [([], []), ([[1.0]], [[1.0], [1.0]]), ([[]], [[1.0]])])
def test_blocks_that_cannot_be_paired_are_refused(theirs: list[list[float]], ours: list[list[float]]) -> None:
    with pytest.raises(ValueError, match="cannot be paired"):
        ratio_of(theirs, ours)
