"""flatbuffer.py: models of a foreign writer are read as LiteRT reads them; damaged ones are refused."""

import contextlib
import hashlib
import tracemalloc
from enum import IntEnum
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_models import BCONV_OPTIONS, TinyOp, TinyTensor, float_model, pack, packed_model, tflite_bytes

from edgehybrid.census.operators import census
from edgehybrid.errors import ModelFileError
from edgehybrid.flatbuffer import Flatbuffer, parse_flatbuffer, read_flatbuffer
from edgehybrid.flatbuffer.reader import BuiltinOperator, TensorType

FLOAT, PACKED = float_model(), packed_model()


def model_of(data: bytes) -> Flatbuffer:
    return parse_flatbuffer(data, "model.tflite")


# -- what is read


def test_operators_and_tensors_agree_with_litert() -> None:
    model = model_of(FLOAT)
    # Without XNNPACK, which would replace operators; it keeps every tensor readable.
    interpreter = Interpreter(
        model_content=FLOAT,
        experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
        experimental_preserve_all_tensors=True,
    )
    interpreter.allocate_tensors()
    theirs = interpreter._get_ops_details()
    assert [op.name for op in model.ops] == [op["op_name"] for op in theirs]
    assert [op.inputs for op in model.ops] == [tuple(op["inputs"]) for op in theirs]
    assert [op.outputs for op in model.ops] == [tuple(op["outputs"]) for op in theirs]
    for details, tensor in zip(interpreter.get_tensor_details(), model.tensors, strict=False):
        assert tensor.name == details["name"]
        assert tensor.shape == tuple(details["shape"])
        assert tensor.type_name == np.dtype(details["dtype"]).name
        if tensor.data is not None:
            np.testing.assert_array_equal(tensor.data, interpreter.get_tensor(details["index"]))
    assert model.inputs == tuple(details["index"] for details in interpreter.get_input_details())
    assert model.outputs == tuple(details["index"] for details in interpreter.get_output_details())


@pytest.mark.parametrize("ours", [BuiltinOperator, TensorType])
def test_enumeration_is_the_one_of_the_schema(ours: type[IntEnum]) -> None:
    theirs = vars(getattr(schema, ours.__name__))
    entries = {name: number for name, number in theirs.items() if isinstance(number, int)}
    # A later LiteRT may know more.
    assert entries.items() >= {entry.name: entry.value for entry in ours}.items()


def test_size_and_hash_are_those_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(FLOAT)
    model = read_flatbuffer(path)
    assert (model.size_bytes, model.sha256) == (len(FLOAT), hashlib.sha256(FLOAT).hexdigest())


def test_options_of_a_binary_convolution_are_read() -> None:
    quantize, convolution = model_of(PACKED).ops
    assert (quantize.name, quantize.options) == ("LceQuantize", {})
    assert (convolution.name, convolution.options) == ("LceBconv2d", BCONV_OPTIONS)


def test_value_without_constant_has_no_data() -> None:
    assert model_of(FLOAT).tensors[0].data is None


def test_constant_cannot_be_written_to() -> None:
    data = model_of(FLOAT).tensors[1].data
    assert data is not None
    with pytest.raises(ValueError, match="read-only"):
        data[0] = 1


def test_quantisation_is_seen() -> None:
    plain, quantised = model_of(
        tflite_bytes([TinyTensor("a", (1,)), TinyTensor("b", (1,), "int8", scale=0.5)], [])
    ).tensors
    assert (plain.has_scale, plain.has_zero_point) == (False, False)
    assert (quantised.has_scale, quantised.has_zero_point) == (True, True)


def test_type_unknown_to_numpy_keeps_its_bytes() -> None:
    # Three 4-bit numbers take two bytes.
    data = np.array([0x21, 0x03], np.uint8)
    tensor = model_of(tflite_bytes([TinyTensor("w", (3,), "int4", data)], [])).tensors[0]
    assert tensor.data is not None
    np.testing.assert_array_equal(tensor.data, data)


def test_constant_behind_the_flatbuffer_is_read() -> None:
    """Files above 2 GB keep constants there: offset and size stand in the buffer's table."""
    constant = np.arange(3, dtype=np.float32)
    tensor = schema.TensorT(shape=[3], type=schema.TensorType.FLOAT32, buffer=0, name=b"w")

    def model(offset: int) -> bytes:
        return pack(
            schema.ModelT(
                operatorCodes=[],
                subgraphs=[schema.SubGraphT(tensors=[tensor], operators=[])],
                buffers=[schema.BufferT(offset=offset, size=constant.nbytes)],
            )
        )

    # Any offset but 0 is written, so the length does not depend on its value.
    length = len(model(offset=2))
    data = model_of(model(offset=length) + constant.tobytes()).tensors[0].data
    assert data is not None
    np.testing.assert_array_equal(data, constant)


# -- what is refused


def read_or_refuse(data: bytes) -> None:
    """Anything but ModelFileError goes through to pytest."""
    with contextlib.suppress(ModelFileError):
        census(model_of(data))


@pytest.mark.parametrize("data", [b"", b"TFL3", b"\x89PNG\r\n\x1a\n" * 9, FLOAT[:7]])
def test_refuses_what_is_not_tflite(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(data)
    with pytest.raises(ModelFileError, match="not a TFLite flatbuffer"):
        read_flatbuffer(path)


def test_refuses_a_missing_file_and_a_folder(tmp_path: Path) -> None:
    for path in (tmp_path / "none.tflite", tmp_path):
        with pytest.raises(ModelFileError, match="no such model file"):
            read_flatbuffer(path)


def test_refuses_more_than_one_subgraph() -> None:
    graphs = [schema.SubGraphT(tensors=[], operators=[]) for _ in range(2)]
    with pytest.raises(ModelFileError, match="2 subgraphs"):
        model_of(pack(schema.ModelT(operatorCodes=[], subgraphs=graphs, buffers=[])))


@pytest.mark.parametrize(
    "tensor",
    [
        pytest.param(TinyTensor("t", (2, 3), data=np.zeros(5, np.float32)), id="five numbers in 2 × 3"),
        pytest.param(TinyTensor("t", (-1,)), id="negative axis"),
        pytest.param(TinyTensor("t", (1,) * 33), id="33 axes"),
    ],
)
def test_refuses_a_tensor_that_cannot_be(tensor: TinyTensor) -> None:
    with pytest.raises(ModelFileError, match="tensor 't'"):
        model_of(tflite_bytes([tensor], []))


@pytest.mark.parametrize("inputs", [[1], [-2]])
def test_refuses_an_input_that_does_not_exist(inputs: list[int]) -> None:
    with pytest.raises(ModelFileError, match="does not exist"):
        model_of(tflite_bytes([TinyTensor("t", (1,))], [TinyOp("RELU", inputs, [0])]))


@pytest.mark.parametrize("data", [FLOAT, PACKED], ids=["float", "packed"])
def test_every_truncation_is_refused_or_misses_nothing(data: bytes) -> None:
    whole = model_of(data)
    for length in range(len(data)):
        try:
            cut = model_of(data[:length])
        except ModelFileError:
            continue
        # Only padding, and names that nobody asks for, can be missing.
        assert (cut.ops, census(cut)) == (whole.ops, census(whole)), f"the first {length} bytes"


@pytest.mark.parametrize("data", [FLOAT, PACKED], ids=["float", "packed"])
@pytest.mark.parametrize("value", [0x00, 0x7F, 0xFF])
def test_every_damaged_byte_is_read_or_refused(data: bytes, value: int) -> None:
    for position in range(len(data)):
        read_or_refuse(data[:position] + bytes([value]) + data[position + 1 :])


@settings(max_examples=300)
@given(
    data=st.sampled_from([FLOAT, PACKED]),
    flips=st.lists(st.tuples(st.integers(0, 1 << 16), st.integers(1, 255)), min_size=2, max_size=40),
    cut=st.integers(0, 64),
)
def test_damage_is_read_or_refused_quickly(data: bytes, flips: list[tuple[int, int]], cut: int) -> None:
    """Hypothesis's deadline of 200 ms bounds the time of each example."""
    damaged = bytearray(data[: len(data) - cut])
    for position, flip in flips:
        damaged[position % len(damaged)] ^= flip
    read_or_refuse(bytes(damaged))


def test_damaged_lengths_allocate_little() -> None:
    """Each aligned word, a length perhaps or an offset, becomes 2³¹ - 1, then the length of the file."""
    for word in (2**31 - 1, len(PACKED)):
        for position in range(8, len(PACKED) - 4, 4):
            tracemalloc.start()
            read_or_refuse(PACKED[:position] + word.to_bytes(4, "little") + PACKED[position + 4 :])
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            # Python objects of a sound model take some 40 times its size.
            assert peak < 100 * len(PACKED), f"word {word} at byte {position}"
