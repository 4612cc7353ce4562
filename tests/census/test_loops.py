"""How often a loop runs: counters by hand, and loops whose length the file does not tell."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from tiny_flatbuffers import TinyTensor, loop_flatbuffer

from edgehybrid.census.loops import trip_count
from edgehybrid.flatbuffer import Op, Subgraph, parse_flatbuffer


def parts(start: Any = 0, limit: Any = 5, step: Any = 1) -> tuple[Subgraph, Op, Subgraph, Subgraph]:
    caller, condition, body = parse_flatbuffer(loop_flatbuffer(start, limit, step), "loop").subgraphs
    (op,) = caller.ops
    return caller, op, condition, body


@pytest.mark.parametrize(
    ("start", "limit", "step", "trips"),
    [
        *((0, 5, 1, 5), (1, 7, 2, 3), (1, 8, 2, 4), (3, 3, 1, 0), (9, 3, 1, 0), (-4, 3, 3, 3)),
        *((0.0, 1.0, 0.25, 4), (0.0, 1.1, 0.25, 5), (2.0, 1.0, 0.5, 0)),
        (0, 2**62, 1, 2**62),
    ],
)
def test_a_counter_reaches_its_limit(start: Any, limit: Any, step: Any, trips: int) -> None:
    assert trip_count(*parts(start, limit, step)) == trips
    counter, steps = start, 0
    while counter < limit and trips < 100:
        counter, steps = counter + step, steps + 1
    assert steps == trips or trips >= 100


@pytest.mark.parametrize(
    "numbers",
    [
        *((0, 5, 0), (0, 5, -1), (0.0, math.nan, 1.0), (0.0, math.inf, 1.0), (-math.inf, 1.0, 1.0)),
        *((0.0, 5.0, math.nan), (0, 5, None), (None, 5, 1), (0, None, 1)),
    ],
)
def test_a_loop_that_never_ends_or_whose_numbers_are_not_known_has_no_length(numbers: tuple[Any, Any, Any]) -> None:
    assert trip_count(*parts(*numbers)) is None


def other(op: Op, **changes: Any) -> tuple[Op, ...]:
    return (replace(op, **changes),)


def changed(name: str) -> tuple[Subgraph, Op, Subgraph, Subgraph]:
    caller, op, condition, body = parts()
    test, (add,) = condition.ops[0], body.ops
    match name:
        case "another comparison":
            condition = replace(condition, ops=other(test, name="NOT_EQUAL"))
        case "two operators in the condition":
            condition = replace(condition, ops=(test, test))
        case "the condition is not what is compared":
            condition = replace(condition, outputs=(0,))
        case "a comparison of one number":
            condition = replace(condition, ops=other(test, inputs=(0,)))
        case "a comparison with an absent number":
            condition = replace(condition, ops=other(test, inputs=(0, -1)))
        case "a counter that is not given":
            condition = replace(condition, ops=other(test, inputs=(1, 0)))
        case "the counter is multiplied":
            body = replace(body, ops=other(add, name="MUL"))
        case "another number is counted":
            body = replace(body, ops=other(add, inputs=(1, 1)))
        case "nothing is added":
            body = replace(body, ops=other(add, inputs=(0, 0)))
        case "the body writes no counter":
            body = replace(body, outputs=(1,))
        # What only a damaged file has.
        case "the loop is given nothing":
            op = replace(op, inputs=())
        case "the body is given nothing":
            body = replace(body, inputs=())
        case "the body writes nothing":
            body = replace(body, outputs=())
    return caller, op, condition, body


CHANGES = [
    *("another comparison", "two operators in the condition", "the condition is not what is compared"),
    *("a comparison of one number", "a comparison with an absent number", "a counter that is not given"),
    *("the counter is multiplied", "another number is counted", "nothing is added", "the body writes no counter"),
    *("the loop is given nothing", "the body is given nothing", "the body writes nothing"),
]


@pytest.mark.parametrize("name", CHANGES)
def test_any_other_loop_has_no_length(name: str) -> None:
    assert trip_count(*changed(name)) is None


@pytest.mark.parametrize("value", [np.zeros(2, np.int32), np.zeros(1, np.bool_)])
def test_a_step_that_is_not_one_number_tells_no_length(value: Any) -> None:
    caller, op, condition, body = parts()
    tensors: Sequence[Any] = [replace(t, data=value) if t.name == "step" else t for t in body.tensors]
    assert trip_count(caller, op, condition, replace(body, tensors=tuple(tensors))) is None


def test_the_model_of_a_loop_is_one() -> None:
    caller, op, condition, body = parts()
    assert (op.name, [test.name for test in condition.ops], [add.name for add in body.ops]) == (
        "WHILE",
        ["LESS"],
        ["ADD"],
    )
    assert TinyTensor("counter", (1,)).shape == caller.tensors[op.inputs[0]].shape
