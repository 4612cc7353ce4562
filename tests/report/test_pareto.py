"""The front, beside the definition taken literally."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgehybrid.report.pareto import pareto_front

POINTS = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=12)


def beaten(point: tuple[int, int], by: tuple[int, int], more_is_better: bool) -> bool:
    x_is_no_worse = by[0] >= point[0] if more_is_better else by[0] <= point[0]
    return x_is_no_worse and by[1] >= point[1] and by != point


@pytest.mark.parametrize("more_is_better", [True, False])
@given(points=POINTS)
def test_is_what_no_other_point_beats(points: list[tuple[int, int]], more_is_better: bool) -> None:
    front = [points[index] for index in pareto_front(points, more_is_better)]
    expected = {p for p in points if not any(beaten(p, other, more_is_better) for other in points)}
    assert front == sorted(expected)


def test_of_equal_points_the_first_stands_for_all() -> None:
    assert pareto_front([(1, 1), (1, 1)], more_is_better=False) == [0]
