"""benchmarks/peaks.py: the least time of a network, by hand."""

import pytest
from peaks import Peaks, Work, least_ms

# 100 binary and 10 float MACs a ns; 50 bytes a ns up to 1 MiB, 5 above.
PEAKS = Peaks(4.0, {"avx2": 100.0, "portable": 1.0}, {"avx2": 10.0}, {"1024": 50.0, "4096": 5.0})


def test_counts_and_multiply_adds_add() -> None:
    # 10 ms and 5 ms.
    assert least_ms(Work(10**9, 5 * 10**7, 1000), PEAKS, "avx2") == pytest.approx(15)
    assert least_ms(Work(10**9, 5 * 10**7, 1000), PEAKS, "avx2", threads=3) == pytest.approx(5)


@pytest.mark.parametrize(("size", "gbytes"), [(2**20, 50), (2**20 + 1, 5), (2**40, 5)])
def test_many_weights_are_bound_by_the_memory_that_holds_them(size: int, gbytes: int) -> None:
    assert least_ms(Work(1, 1, size), PEAKS, "avx2") == pytest.approx(size / gbytes / 1e6)


@pytest.mark.parametrize("isa", ["portable", "neon"])
def test_no_bound_without_a_peak(isa: str) -> None:
    assert least_ms(Work(1, 1, 1), PEAKS, isa) is None
