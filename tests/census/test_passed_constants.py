"""Constants that a subgraph is given: the same from all callers, of the form that is expected."""

from dataclasses import replace

import numpy as np
from tiny_flatbuffers import TinyGraph, TinyTensor, tflite_bytes_of

from edgehybrid.census.passed_constants import with_constants
from edgehybrid.flatbuffer import Tensor, parse_flatbuffer

CALLEE = TinyGraph([TinyTensor("first", (2, 3)), TinyTensor("second", (4,))], [], [0, 1], [0], "callee")
CALLER = TinyGraph(
    [
        TinyTensor("weights", (2, 3), data=np.ones((2, 3), np.float32), scale=0.5),
        TinyTensor("others", (2, 3), data=np.ones((2, 3), np.float32)),
        TinyTensor("map", (4,)),
        TinyTensor("integers", (4,), "int32", np.ones(4, np.int32)),
        TinyTensor("long", (5,), data=np.ones(5, np.float32)),
    ]
)
caller, callee = parse_flatbuffer(tflite_bytes_of([CALLER, CALLEE]), "model").subgraphs
WEIGHTS, OTHERS, MAP, INTEGERS, LONG = caller.tensors


def given(*calls: list[Tensor | None]) -> list[int]:
    """The inputs that are constants."""
    return [index for index, tensor in enumerate(with_constants(callee, calls).tensors) if tensor.data is not None]


def test_a_constant_takes_the_place_of_the_input_it_is_given_for() -> None:
    found = with_constants(callee, [[WEIGHTS, MAP]]).tensors[0]
    assert found.data is WEIGHTS.data
    assert (found.name, found.buffer, found.buffer_bytes, found.scales) == ("first", WEIGHTS.buffer, 24, (0.5,))
    assert given([WEIGHTS, MAP]) == [0]


def test_all_callers_must_give_the_same() -> None:
    assert given([WEIGHTS, MAP], [WEIGHTS, MAP], [WEIGHTS, MAP]) == [0]
    assert given([WEIGHTS, MAP], [OTHERS, MAP]) == []
    assert given([WEIGHTS, MAP], [None, MAP]) == []
    assert given([None, MAP], [WEIGHTS, MAP]) == []


def test_the_same_is_what_has_one_place_in_the_file() -> None:
    assert given([WEIGHTS, MAP], [replace(OTHERS, buffer=WEIGHTS.buffer), MAP]) == [0]


def test_a_constant_of_another_form_stays_outside() -> None:
    assert given([MAP, INTEGERS]) == given([MAP, LONG]) == []


def test_fewer_or_more_arguments_than_inputs_are_no_error() -> None:
    assert given([]) == given() == []
    assert given([WEIGHTS]) == given([WEIGHTS, MAP, LONG, None]) == [0]


def test_what_nobody_gives_constants_to_stays_as_it_is() -> None:
    assert with_constants(callee, [[None, MAP]]) is callee
