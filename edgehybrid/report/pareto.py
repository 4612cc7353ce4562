"""The points that no other point beats."""

from collections.abc import Sequence


def pareto_front(points: Sequence[tuple[float, float]], more_is_better: bool) -> list[int]:
    """Indices of the points (x, y) on the front, by rising x. More y is better always.

    A point is on the front if no other has an x and a y that are as good, with one of them better. Of equal points
    the first stands for all.

    Args:
        more_is_better: of x.
    """
    sign = -1 if more_is_better else 1
    best_first = sorted(range(len(points)), key=lambda index: (sign * points[index][0], -points[index][1]))
    front: list[int] = []
    for index in best_first:
        if not front or points[index][1] > points[front[-1]][1]:
            front.append(index)
    return front[::-1] if more_is_better else front
