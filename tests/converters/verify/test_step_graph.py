"""Who reads and who computes a tensor."""

from typing import NamedTuple

from converters.verify.step_graph import StepGraph


class Step(NamedTuple):
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    sizes: tuple[int, ...]


# The image is read twice by one step and once by another; the last step has two outputs.
FIRST, SECOND, LAST = Step((0, 0), (1,), (12,)), Step((0, 1), (2,), (7,)), Step((2,), (3, 4), (5, 6))
GRAPH = StepGraph([FIRST, SECOND, LAST], 4)


def test_each_reader_is_named_once_and_in_order() -> None:
    assert list(GRAPH.readers(0)) == [FIRST, SECOND]
    assert list(GRAPH.readers(2)) == [LAST]
    assert list(GRAPH.readers(4)) == []


def test_each_tensor_but_the_image_has_a_maker() -> None:
    assert [GRAPH.maker(number) for number in range(6)] == [None, FIRST, SECOND, LAST, LAST, None]


def test_sizes_are_those_of_the_output_asked_for() -> None:
    assert [GRAPH.size(number) for number in range(1, 5)] == [12, 7, 5, 6]
