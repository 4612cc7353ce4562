"""Subgraphs that run other subgraphs: loops, branches, several entries."""

from typing import Any

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from tiny_models import pack

from edgehybrid.census.calls import executions_of
from edgehybrid.census.flatbuffer_layers import FlatbufferCount, count_flatbuffer
from edgehybrid.errors import ModelFileError
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


@pytest.mark.parametrize(("start", "end", "step", "trips"), [(0, 5, 1, 5), (1, 7, 2, 3), (0, 7, 2, 4), (3, 3, 1, 0)])
def test_a_loop_that_counts_up_to_a_constant_runs_that_often(start: int, end: int, step: int, trips: int) -> None:
    def loop(x: Any) -> Any:
        body = (lambda i, x: (i + step, times_matrix(x)),)[0]
        return tf.while_loop(lambda i, x: i < end, body, (tf.constant(start), x))[1]

    found = counted(loop)
    assert (macs(found), found.notes) == (trips * ONCE, ())


def test_a_loop_of_unknown_length_counts_once_and_is_named() -> None:
    def loop(x: Any) -> Any:
        return tf.while_loop(lambda x: tf.reduce_sum(x) < 100.0, lambda x: (times_matrix(x),), (x,))[0]

    found = counted(loop)
    assert macs(found) == ONCE
    (note,) = found.notes
    assert "runs an unknown number of times, and is counted once" in note


def test_of_two_branches_the_costlier_counts_and_is_named() -> None:
    def branch(x: Any) -> Any:
        positive = tf.reduce_sum(x) > 0
        return tf.cond(positive, lambda: times_matrix(x), lambda: times_matrix(times_matrix(x)))

    found = counted(branch)
    assert macs(found) == 2 * ONCE
    (note,) = found.notes
    assert note.startswith("One of 2 subgraphs runs; counted is ")


def test_loops_inside_loops_multiply() -> None:
    def inner(x: Any) -> Any:
        return tf.while_loop(lambda i, x: i < 3, lambda i, x: (i + 1, times_matrix(x)), (tf.constant(0), x))[1]

    def outer(x: Any) -> Any:
        return tf.while_loop(lambda i, x: i < 5, lambda i, x: (i + 1, inner(x)), (tf.constant(0), x))[1]

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


def model(*subgraphs: Any) -> Any:
    codes = [schema.OperatorCodeT(deprecatedBuiltinCode=min(n, 127), builtinCode=n, version=1) for n in NUMBERS]
    data = pack(schema.ModelT(version=3, operatorCodes=codes, subgraphs=list(subgraphs), buffers=[schema.BufferT()]))
    return parse_flatbuffer(data, "model")


def call(number: int) -> Any:
    return schema.CallOptionsT(subgraph=number)


def test_a_subgraph_runs_as_often_as_it_is_called() -> None:
    found = executions_of(
        model(subgraph("a", call(1), call(1), call(2)), subgraph("b", call(2), call(2)), subgraph("c"))
    )
    assert (found.times, found.notes) == ({0: 1, 1: 2, 2: 5}, [])


def test_calls_are_followed_once_each() -> None:
    # 2^40 ways lead to the last one.
    chain = [subgraph(str(number), call(number + 1), call(number + 1)) for number in range(40)]
    assert executions_of(model(*chain, subgraph("last"))).times[40] == 2**40


def test_initialisation_is_no_part_of_an_inference() -> None:
    found = executions_of(model(subgraph("a", schema.CallOnceOptionsT(initSubgraphIndex=1)), subgraph("b")))
    assert (found.times, found.notes) == ({0: 1}, [])


def test_another_entry_is_named_and_not_counted() -> None:
    found = executions_of(model(subgraph("a"), subgraph("train")))
    assert found.times == {0: 1}
    assert found.notes == ["Subgraph 'train' is another entry of the file, and is not counted."]


@pytest.mark.parametrize("number", [-1, 2, 99])
def test_refuses_a_call_of_what_is_not_there(number: int) -> None:
    with pytest.raises(ModelFileError, match="calls a subgraph that is not there"):
        executions_of(model(subgraph("a", call(1)), subgraph("b", schema.IfOptionsT(0, number))))


@pytest.mark.parametrize("graphs", [[(0,)], [(1,), (0,)], [(1,), (2,), (1,)]])
def test_refuses_calls_that_lead_back(graphs: list[tuple[int, ...]]) -> None:
    with pytest.raises(ModelFileError, match="a subgraph calls itself"):
        executions_of(model(*(subgraph(str(i), *map(call, callees)) for i, callees in enumerate(graphs))))
