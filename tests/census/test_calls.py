"""Subgraphs that run other subgraphs: loops, branches, several entries."""

from typing import Any

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from tiny_flatbuffers import TinyGraph, TinyOp, TinyTensor, pack, tflite_bytes_of

from edgehybrid.census.calls import executions_of
from edgehybrid.census.flatbuffer_layers import FlatbufferCount, count_flatbuffer
from edgehybrid.errors import FlatbufferError
from edgehybrid.flatbuffer import parse_flatbuffer
from edgehybrid.model.compat import tf

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")

MATRIX = tf.constant(np.ones((4, 4), np.float32))
# One row of 4 times a matrix.
ONCE = 16


def times_matrix(x: Any) -> Any:
    return tf.matmul(x, MATRIX)


def counted(*functions: Any) -> FlatbufferCount:
    signature = [tf.TensorSpec((1, 4), tf.float32)]
    concrete = [tf.function(f, input_signature=signature).get_concrete_function() for f in functions]
    return count_flatbuffer(parse_flatbuffer(tf.lite.TFLiteConverter.from_concrete_functions(concrete).convert(), "m"))


def macs(found: FlatbufferCount) -> int:
    return sum(stored.layer.macs for stored in found.layers)


def repeat(x: Any, function: Any, start: int, end: int, step: int = 1) -> Any:
    """``function`` of x for each number of a range, as a loop of the graph."""

    def goes_on(number: Any, x: Any) -> Any:
        return number < end

    def body(number: Any, x: Any) -> Any:
        return number + step, function(x)

    return tf.while_loop(goes_on, body, (tf.constant(start), x))[1]


@pytest.mark.parametrize(("start", "end", "step", "trips"), [(0, 5, 1, 5), (1, 7, 2, 3), (0, 7, 2, 4), (3, 3, 1, 0)])
def test_a_loop_that_counts_up_to_a_constant_runs_that_often(start: int, end: int, step: int, trips: int) -> None:
    def loop(x: Any) -> Any:
        return repeat(x, times_matrix, start, end, step)

    found = counted(loop)
    assert (macs(found), found.notes) == (trips * ONCE, ())


def test_a_loop_of_unknown_length_counts_once_and_is_named() -> None:
    def is_small(x: Any) -> Any:
        return tf.reduce_sum(x) < 100.0

    def body(x: Any) -> Any:
        return (times_matrix(x),)

    def loop(x: Any) -> Any:
        return tf.while_loop(is_small, body, (x,))[0]

    found = counted(loop)
    assert macs(found) == ONCE
    (note,) = found.notes
    assert "an unknown number of times, and is counted once" in note


def test_of_two_branches_the_costlier_counts_and_is_named() -> None:
    def branch(x: Any) -> Any:
        def once() -> Any:
            return times_matrix(x)

        def twice() -> Any:
            return times_matrix(times_matrix(x))

        return tf.cond(tf.reduce_sum(x) > 0, once, twice)

    found = counted(branch)
    assert macs(found) == 2 * ONCE
    (note,) = found.notes
    assert "One of 2 subgraphs runs" in note


def test_loops_inside_loops_multiply() -> None:
    def inner(x: Any) -> Any:
        return repeat(x, times_matrix, 0, 3)

    def outer(x: Any) -> Any:
        return repeat(x, inner, 0, 5)

    assert macs(counted(outer)) == 5 * 3 * ONCE


# Graphs that no converter writes.


def subgraph(name: str, *calls: Any) -> Any:
    """A function of one number that runs others in a row: IF, CALL_ONCE or CALL by their options."""
    tensors = [schema.TensorT(shape=[1], type=schema.TensorType.FLOAT32, buffer=0, name=f"t{i}") for i in range(2)]
    ops = [
        schema.OperatorT(
            opcodeIndex=CODES.index(type(options)),
            inputs=[0],
            outputs=[1],
            builtinOptionsType=getattr(schema.BuiltinOptions, type(options).__name__[:-1]),
            builtinOptions=options,
        )
        for options in calls
    ]
    return schema.SubGraphT(name=name, tensors=tensors, inputs=[0], outputs=[1], operators=ops)


CODES = [schema.CallOptionsT, schema.IfOptionsT, schema.CallOnceOptionsT]
NUMBERS = [schema.BuiltinOperator.CALL, schema.BuiltinOperator.IF, schema.BuiltinOperator.CALL_ONCE]


def flatbuffer(*subgraphs: Any) -> Any:
    codes = [schema.OperatorCodeT(deprecatedBuiltinCode=min(n, 127), builtinCode=n, version=1) for n in NUMBERS]
    data = pack(schema.ModelT(version=3, operatorCodes=codes, subgraphs=list(subgraphs), buffers=[schema.BufferT()]))
    return parse_flatbuffer(data, "model")


def call(number: int) -> Any:
    return schema.CallOptionsT(subgraph=number)


def test_a_subgraph_runs_as_often_as_it_is_called() -> None:
    found = executions_of(
        flatbuffer(subgraph("a", call(1), call(1), call(2)), subgraph("b", call(2), call(2)), subgraph("c"))
    )
    assert (found.times, found.notes) == ({0: 1, 1: 2, 2: 5}, [])


def test_calls_are_followed_once_each() -> None:
    # 2^40 ways lead to the last one.
    chain = [subgraph(str(number), call(number + 1), call(number + 1)) for number in range(40)]
    assert executions_of(flatbuffer(*chain, subgraph("last"))).times[40] == 2**40


def test_initialisation_is_no_part_of_an_inference() -> None:
    found = executions_of(flatbuffer(subgraph("a", schema.CallOnceOptionsT(initSubgraphIndex=1)), subgraph("b")))
    assert (found.times, found.notes) == ({0: 1}, [])


def test_another_entry_is_named_and_not_counted() -> None:
    found = executions_of(flatbuffer(subgraph("a"), subgraph("train")))
    assert found.times == {0: 1}
    assert found.notes == ["Subgraph 'train' is another entry of the file, and is not counted."]


@pytest.mark.parametrize("number", [-1, 2, 99])
def test_refuses_a_call_of_what_is_not_there(number: int) -> None:
    with pytest.raises(FlatbufferError, match="calls a subgraph that is not there"):
        executions_of(flatbuffer(subgraph("a", call(1)), subgraph("b", schema.IfOptionsT(0, number))))


@pytest.mark.parametrize("graphs", [[(0,)], [(1,), (0,)], [(1,), (2,), (1,)]])
def test_refuses_calls_that_lead_back(graphs: list[tuple[int, ...]]) -> None:
    with pytest.raises(FlatbufferError, match="a subgraph calls itself"):
        executions_of(flatbuffer(*(subgraph(str(i), *map(call, callees)) for i, callees in enumerate(graphs))))


def test_refuses_more_runs_than_can_be() -> None:
    # Each of 63 calls the next one twice; a damaged file may have thousands.
    def chain(length: int) -> Any:
        calls = (subgraph(str(number), call(number + 1), call(number + 1)) for number in range(length))
        return flatbuffer(*calls, last)

    last = subgraph("last")
    assert executions_of(chain(62)).times[62] == 2**62
    with pytest.raises(FlatbufferError, match="runs more often than can be"):
        executions_of(chain(63))


def test_a_loop_may_be_given_its_limit() -> None:
    def number(name: str, value: int | None = None) -> TinyTensor:
        return TinyTensor(name, (1,), "int32", None if value is None else np.array([value], np.int32))

    def executions(written_limit: int) -> Any:
        """Of a loop over (counter, limit) whose body writes the tensor ``written_limit`` as the next limit."""
        options = schema.WhileOptionsT(condSubgraphIndex=1, bodySubgraphIndex=2)
        caller = TinyGraph(
            [number("start", 0), number("seven", 7), number("end"), number("same")],
            [TinyOp("WHILE", [0, 1], [2, 3], options)],
            [],
            [2],
        )
        condition = TinyGraph(
            [number("counter"), number("limit"), TinyTensor("goes_on", (1,), "bool")],
            [TinyOp("LESS", [0, 1], [2])],
            [0, 1],
            [2],
        )
        body = TinyGraph(
            [number("counter"), number("limit"), number("one", 1), number("next")],
            [TinyOp("ADD", [0, 2], [3])],
            [0, 1],
            [3, written_limit],
        )
        return executions_of(parse_flatbuffer(tflite_bytes_of([caller, condition, body]), "model"))

    assert executions(written_limit=1).times == {0: 1, 1: 8, 2: 7}
    # A limit that the body writes anew is not known.
    assert executions(written_limit=3).times == {0: 1, 1: 2, 2: 1}


def test_a_function_that_an_operator_applies_is_no_entry() -> None:
    add = TinyGraph(
        [TinyTensor("a", ()), TinyTensor("b", ()), TinyTensor("sum", ())], [TinyOp("ADD", [0, 1], [2])], [0, 1], [2]
    )
    reduce = schema.StablehloReduceOptionsT(dimensions=[0], bodySubgraphIndex=1)
    caller = TinyGraph(
        [TinyTensor("x", (4,)), TinyTensor("zero", (), data=np.zeros((), np.float32)), TinyTensor("y", ())],
        [TinyOp("STABLEHLO_REDUCE", [0, 1], [2], reduce)],
        [0],
        [2],
    )
    found = executions_of(parse_flatbuffer(tflite_bytes_of([caller, add]), "model"))
    assert (found.times, found.notes) == ({0: 1}, [])
