"""Graphs to bytes and back."""

import numpy as np
import pytest
from small_graphs import SmallGraph, maps, run, signs

from converters.graph_file import ALIGNMENT_BYTES, flatbuffer_of, graph_of
from edgehybrid.errors import ConversionError
from edgehybrid.flatbuffer import parse_flatbuffer


def network() -> SmallGraph:
    random = np.random.default_rng(0)
    small = SmallGraph(1, 9, 8, 5)
    value = small.conv(small.image, random.normal(size=(7, 3, 3, 5)).astype(np.float32), stride=2, activation=1)
    value = small.max_pool(small.pad(value, [[0, 1], [1, 0]], 0.5), 2)
    small.add("ADD", value, random.normal(size=7).astype(np.float32), fused_activation_function=3)
    return small


def test_a_graph_comes_back_as_it_was() -> None:
    content = flatbuffer_of(network().graph)
    assert flatbuffer_of(graph_of(content)) == content


def test_the_reader_finds_every_option() -> None:
    """Also those whose names have a letter between two words, such as dilation_h_factor."""
    small = SmallGraph(1, 9, 9, 2)
    small.conv(small.image, signs(np.random.default_rng(0), 3, 2, 2, 2), stride=3, dilation=2, activation=3)
    for content in (flatbuffer_of(small.graph), flatbuffer_of(graph_of(flatbuffer_of(small.graph)))):
        (op,) = parse_flatbuffer(content, "a graph").ops
        options = {"stride_h": 3, "stride_w": 3, "dilation_h_factor": 2, "dilation_w_factor": 2, "padding": 1}
        assert {name: op.options[name] for name in options} == options
        assert op.options["fused_activation_function"] == 3


def test_an_interpreter_runs_it() -> None:
    small = network()
    images = maps(np.random.default_rng(0), small.image.shape)
    again = graph_of(flatbuffer_of(small.graph))
    np.testing.assert_array_equal(run(again, images), run(small.graph, images))


def test_equal_constants_share_a_buffer() -> None:
    weights = np.random.default_rng(0).normal(size=(8, 3, 3, 8)).astype(np.float32)
    once = len(flatbuffer_of(small_sum(weights, weights.copy())))
    twice = len(flatbuffer_of(small_sum(weights, weights + 1)))
    assert twice - once >= weights.nbytes


def small_sum(first: np.ndarray, second: np.ndarray) -> object:  # type: ignore[type-arg]
    small = SmallGraph(1, 4, 4, 8)
    small.add("ADD", small.conv(small.image, first), small.conv(small.image, second))
    return small.graph


def test_constants_are_aligned() -> None:
    """Interpreters use them where they lie in the file."""
    random = np.random.default_rng(0)
    small = SmallGraph(1, 4, 4, 3)
    constants = [
        random.normal(size=(2, 1, 1, 3)).astype(np.float32),
        random.normal(size=(5, 3, 3, 2)).astype(np.float32),
    ]
    small.conv(small.conv(small.image, constants[0]), constants[1])
    content = flatbuffer_of(small.graph)
    for constant in constants:
        assert content.index(constant.tobytes()) % ALIGNMENT_BYTES == 0


def test_metadata_is_written() -> None:
    content = flatbuffer_of(network().graph, {"origin": b"0123456789abcdef"})
    assert b"origin" in content
    assert b"0123456789abcdef" in content


def test_several_subgraphs_are_refused() -> None:
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromPackedBuf(bytearray(flatbuffer_of(network().graph)))
    model.subgraphs *= 2
    builder = flatbuffers.Builder()
    builder.Finish(model.Pack(builder), b"TFL3")
    with pytest.raises(ConversionError, match="branches or loops"):
        graph_of(bytes(builder.Output()))
