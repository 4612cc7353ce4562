"""reader.py: models of a foreign writer are read as LiteRT reads them; damaged ones are refused."""

import contextlib
import hashlib
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_flatbuffers import (
    BCONV_OPTIONS,
    TinyGraph,
    TinyOp,
    TinyTensor,
    float_flatbuffer,
    many_kinds_flatbuffer,
    pack,
    packed_flatbuffer,
    tflite_bytes,
    tflite_bytes_of,
)

from edgehybrid.census.operators import census
from edgehybrid.errors import FlatbufferError
from edgehybrid.flatbuffer import Flatbuffer, Tensor, parse_flatbuffer, read_flatbuffer

FLOAT, PACKED, KINDS = float_flatbuffer(), packed_flatbuffer(), many_kinds_flatbuffer()
MODELS = pytest.mark.parametrize("data", [FLOAT, PACKED, KINDS], ids=["float", "packed", "many kinds"])
TYPES = [name for name, number in vars(schema.TensorType).items() if isinstance(number, int) and name.isupper()]


def flatbuffer_of(data: bytes) -> Flatbuffer:
    return parse_flatbuffer(data, "model.tflite")


def tensor_of(tensor: TinyTensor, ops: list[TinyOp] | None = None) -> Tensor:
    """The tensor, as it is read in a model where it is the input."""
    return flatbuffer_of(tflite_bytes([tensor], ops or [], [0])).tensors[0]


# -- what is read


def test_operators_and_tensors_agree_with_litert() -> None:
    flatbuffer = flatbuffer_of(FLOAT)
    # Without XNNPACK, which would replace operators; it keeps every tensor readable.
    interpreter = Interpreter(
        model_content=FLOAT,
        experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
        experimental_preserve_all_tensors=True,
    )
    interpreter.allocate_tensors()
    theirs = interpreter._get_ops_details()
    assert [op.name for op in flatbuffer.ops] == [op["op_name"] for op in theirs]
    assert [op.inputs for op in flatbuffer.ops] == [tuple(op["inputs"]) for op in theirs]
    assert [op.outputs for op in flatbuffer.ops] == [tuple(op["outputs"]) for op in theirs]
    for details, tensor in zip(interpreter.get_tensor_details(), flatbuffer.tensors, strict=False):
        assert tensor.name == details["name"]
        assert tensor.shape == tuple(details["shape"])
        assert tensor.type_name == np.dtype(details["dtype"]).name
        if tensor.data is not None:
            np.testing.assert_array_equal(tensor.data, interpreter.get_tensor(details["index"]))
    assert flatbuffer.inputs == tuple(details["index"] for details in interpreter.get_input_details())
    assert flatbuffer.outputs == tuple(details["index"] for details in interpreter.get_output_details())


def test_size_and_hash_are_those_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(FLOAT)
    flatbuffer = read_flatbuffer(path)
    assert (flatbuffer.size_bytes, flatbuffer.sha256) == (len(FLOAT), hashlib.sha256(FLOAT).hexdigest())


def test_every_buffer_has_its_place_in_the_file_used_or_not() -> None:
    flatbuffer = flatbuffer_of(FLOAT)
    model = schema.ModelT.InitFromPackedBuf(bytearray(FLOAT))
    contents = [b"" if buffer.data is None else bytes(buffer.data) for buffer in model.buffers]
    assert [FLOAT[start : start + size] for start, size in flatbuffer.buffers] == contents
    assert flatbuffer.metadata == ()


def test_metadata_names_its_buffer() -> None:
    model = schema.ModelT.InitFromPackedBuf(bytearray(FLOAT))
    model.buffers.append(schema.BufferT(data=np.frombuffer(b"hello", np.uint8)))
    model.metadata = [schema.MetadataT(name="greeting", buffer=len(model.buffers) - 1)]
    data = pack(model)
    flatbuffer = flatbuffer_of(data)
    ((name, number),) = flatbuffer.metadata
    start, size = flatbuffer.buffers[number]
    assert (name, data[start : start + size]) == ("greeting", b"hello")


def test_axes_of_unknown_length_are_named() -> None:
    assert tensor_of(TinyTensor("t", (-1, 5, -1))).unknown_axes == (0, 2)
    model = schema.ModelT.InitFromPackedBuf(bytearray(FLOAT))
    model.subgraphs[0].tensors[0].shapeSignature = [-1, 5, 5, 2]
    assert flatbuffer_of(pack(model)).tensors[0].unknown_axes == (0,)


def test_options_of_a_binary_convolution_are_read() -> None:
    quantize, convolution = flatbuffer_of(PACKED).ops
    assert (quantize.name, quantize.options) == ("LceQuantize", {})
    assert (convolution.name, convolution.options) == ("LceBconv2d", BCONV_OPTIONS)


def test_value_without_constant_has_no_data() -> None:
    assert flatbuffer_of(FLOAT).tensors[0].data is None


def test_constant_cannot_be_written_to() -> None:
    data = flatbuffer_of(FLOAT).tensors[1].data
    assert data is not None
    with pytest.raises(ValueError, match="read-only"):
        data[0] = 1


def test_options_of_a_builtin_are_read() -> None:
    assert flatbuffer_of(FLOAT).ops[1].options == {"new_shape": (1, 36)}


def test_options_of_a_foreign_custom_operator_are_not_read() -> None:
    # Bytes that are no map of integers, and that an Lce… operator would be refused for.
    operator = TinyOp("TheirOwn", [0], [0], {"ratio": 0.5})
    (op,) = flatbuffer_of(tflite_bytes([TinyTensor("t", (1,))], [operator])).ops
    assert (op.name, op.options) == ("TheirOwn", {})


def test_quantisation_agrees_with_litert() -> None:
    tensors = [
        TinyTensor("plain", (1,)),
        TinyTensor("whole", (3,), "uint8", scale=0.1, zero_point=128),
        TinyTensor("channels", (2, 3), "int8", scale=[0.5, 0.25, 3.0], zero_point=[0, -1, 5], quantized_dimension=1),
    ]
    data = tflite_bytes(tensors, [TinyOp("RELU", [0], [0])], [0, 1, 2], [0])
    details = Interpreter(model_content=data).get_tensor_details()
    for tensor, theirs in zip(flatbuffer_of(data).tensors, details, strict=True):
        parameters = theirs["quantization_parameters"]
        assert tensor.scales == tuple(parameters["scales"].tolist())
        assert tensor.zero_points == tuple(parameters["zero_points"].tolist())
        assert tensor.quantized_dimension == parameters["quantized_dimension"]


def test_a_vocabulary_may_have_a_scale_for_each_word() -> None:
    scales = [0.5] * 100_000
    assert tensor_of(TinyTensor("words", (100_000, 1), "int8", scale=scales)).scales == tuple(scales)


def test_tensors_with_one_buffer_share_their_constant() -> None:
    first, second = flatbuffer_of(KINDS).subgraphs
    owner, sharer = first.tensors[1], second.tensors[0]
    assert (owner.buffer, owner.buffer_bytes) == (sharer.buffer, sharer.buffer_bytes) == (2, 24)
    assert owner.data is not None
    assert sharer.data is not None
    assert np.shares_memory(owner.data, sharer.data)


def test_variable_is_marked() -> None:
    assert [tensor.name for tensor in flatbuffer_of(KINDS).tensors if tensor.is_variable] == ["state"]


def test_sparse_constant_is_the_bytes_that_are_stored() -> None:
    (sparse,) = (tensor for tensor in flatbuffer_of(KINDS).tensors if tensor.is_sparse)
    stored = np.ones(3, np.float32)
    assert (sparse.shape, sparse.type_name, sparse.buffer_bytes) == ((2, 4), "float32", stored.nbytes)
    np.testing.assert_array_equal(sparse.data, stored.view(np.uint8))


def test_axis_of_unknown_length_counts_as_one() -> None:
    assert tensor_of(TinyTensor("t", (-1, 4, -1))).shape == (1, 4, 1)


def test_negative_axis_of_a_tensor_without_a_use_counts_as_zero() -> None:
    assert flatbuffer_of(tflite_bytes([TinyTensor("t", (-7, -1, 3))], [])).tensors[0].shape == (0, 1, 3)


@pytest.mark.parametrize("type_name", [name.lower() for name in TYPES])
def test_constant_of_every_type_is_read(type_name: str) -> None:
    """The bytes of two numbers of the size that NumPy gives the type, or any bytes."""
    try:
        dtype = np.dtype(type_name)
        # 2 is a type that another package added to NumPy.
        has_layout = dtype.isbuiltin == 1 and dtype.kind in "biufc"
    except TypeError:
        has_layout = False
    size = 2 * dtype.itemsize if has_layout else 11
    stored = np.arange(size, dtype=np.uint8)
    tensor = tensor_of(TinyTensor("t", (2,), type_name, stored))
    assert (tensor.type_name, tensor.buffer_bytes) == (type_name, size)
    assert tensor.data is not None
    assert tensor.data.shape == ((2,) if has_layout else (11,))
    assert tensor.data.dtype.name == (type_name if has_layout else "uint8")
    assert tensor.data.tobytes() == stored.tobytes()


def test_layouts_that_ml_dtypes_adds_to_numpy_change_nothing() -> None:
    ml_dtypes = pytest.importorskip("ml_dtypes")
    assert np.dtype("int4") == ml_dtypes.int4
    # Three 4-bit numbers take two bytes.
    data = tensor_of(TinyTensor("w", (3,), "int4", np.array([0x21, 0x03], np.uint8))).data
    np.testing.assert_array_equal(data, np.array([0x21, 0x03], np.uint8))


def test_every_subgraph_is_read_with_its_own_operators() -> None:
    main, branch = flatbuffer_of(KINDS).subgraphs
    assert (main.name, main.inputs, main.outputs, len(main.tensors)) == ("main", (0,), (8,), 9)
    assert [op.name for op in main.ops] == ["CONV_2D", "VAR_HANDLE", "STABLEHLO_PAD", "BUCKETIZE", "TheirOwn", "IF"]
    assert (branch.name, branch.inputs, branch.outputs) == ("branch", (), (1,))
    assert [tensor.name for tensor in branch.tensors] == ["same_filters", "out"]
    assert [op.name for op in branch.ops] == ["BUILTIN_250"]


def test_subgraph_without_a_name_has_an_empty_one() -> None:
    assert flatbuffer_of(FLOAT).subgraphs[0].name == ""


def test_constant_behind_the_flatbuffer_is_read() -> None:
    """Files above 2 GB keep constants there: offset and size stand in the buffer's table."""
    constant = np.arange(3, dtype=np.float32)
    tensor = schema.TensorT(shape=[3], type=schema.TensorType.FLOAT32, buffer=0, name=b"w")

    def content(offset: int) -> bytes:
        return pack(
            schema.ModelT(
                operatorCodes=[],
                subgraphs=[schema.SubGraphT(tensors=[tensor], operators=[])],
                buffers=[schema.BufferT(offset=offset, size=constant.nbytes)],
            )
        )

    # Any offset but 0 is written, so the length does not depend on its value.
    length = len(content(offset=2))
    data = flatbuffer_of(content(offset=length) + constant.tobytes()).tensors[0].data
    assert data is not None
    np.testing.assert_array_equal(data, constant)


# -- what is refused


def read_or_refuse(data: bytes) -> None:
    """Anything but FlatbufferError goes through to pytest."""
    with contextlib.suppress(FlatbufferError):
        for subgraph in flatbuffer_of(data).subgraphs:
            census(subgraph)


@pytest.mark.parametrize("data", [b"", b"TFL3", b"\x89PNG\r\n\x1a\n" * 9, FLOAT[:7]])
def test_refuses_what_is_not_tflite(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(data)
    with pytest.raises(FlatbufferError, match="not a TFLite flatbuffer"):
        read_flatbuffer(path)


def test_refuses_a_missing_file_and_a_folder(tmp_path: Path) -> None:
    for path in (tmp_path / "none.tflite", tmp_path):
        with pytest.raises(FlatbufferError, match="no such model file"):
            read_flatbuffer(path)


def test_refuses_a_model_without_a_subgraph() -> None:
    with pytest.raises(FlatbufferError, match="no subgraph"):
        flatbuffer_of(tflite_bytes_of([]))


@pytest.mark.parametrize(
    "tensor",
    [
        pytest.param(TinyTensor("t", (2, 3), data=np.zeros(5, np.float32)), id="five numbers in 2 × 3"),
        pytest.param(TinyTensor("t", (-2,)), id="negative axis"),
        pytest.param(TinyTensor("t", (1,) * 33), id="33 axes"),
        pytest.param(TinyTensor("t", (2**30, 2**30, 2**3)), id="2^63 elements"),
        pytest.param(TinyTensor("t", (1,), buffer=9), id="a buffer that is not there"),
    ],
)
def test_refuses_a_tensor_that_cannot_be(tensor: TinyTensor) -> None:
    with pytest.raises(FlatbufferError, match="tensor 't'"):
        tensor_of(tensor)


@pytest.mark.parametrize("use", ["input", "output", "read", "written"])
def test_refuses_a_negative_axis_wherever_the_tensor_is_used(use: str) -> None:
    op = TinyOp("RELU", [0 if use == "read" else 1], [0 if use == "written" else 1])
    inputs, outputs = [0] if use == "input" else [], [0] if use == "output" else []
    with pytest.raises(FlatbufferError, match="tensor 't' has the impossible shape"):
        flatbuffer_of(tflite_bytes([TinyTensor("t", (-2,)), TinyTensor("u", (1,))], [op], inputs, outputs))


def test_refuses_damage_in_a_later_subgraph() -> None:
    sound = TinyGraph([TinyTensor("t", (1,))])
    with pytest.raises(FlatbufferError, match="tensor 1 does not exist"):
        flatbuffer_of(tflite_bytes_of([sound, TinyGraph([TinyTensor("t", (1,))], inputs=[1])]))


@pytest.mark.parametrize("inputs", [[1], [-2]])
def test_refuses_an_input_that_does_not_exist(inputs: list[int]) -> None:
    with pytest.raises(FlatbufferError, match="does not exist"):
        flatbuffer_of(tflite_bytes([TinyTensor("t", (1,))], [TinyOp("RELU", inputs, [0])]))


@MODELS
def test_every_truncation_is_refused_or_misses_nothing(data: bytes) -> None:
    whole = flatbuffer_of(data)
    for length in range(len(data)):
        try:
            cut = flatbuffer_of(data[:length])
        except FlatbufferError:
            continue
        # Only padding, and names that nobody asks for, can be missing.
        for ours, theirs in zip(cut.subgraphs, whole.subgraphs, strict=True):
            assert (ours.ops, census(ours)) == (theirs.ops, census(theirs)), f"the first {length} bytes"


@MODELS
@pytest.mark.parametrize("value", [0x00, 0x7F, 0xFF])
def test_every_damaged_byte_is_read_or_refused(data: bytes, value: int) -> None:
    for position in range(len(data)):
        read_or_refuse(data[:position] + bytes([value]) + data[position + 1 :])


@settings(max_examples=300)
@given(
    data=st.sampled_from([FLOAT, PACKED, KINDS]),
    flips=st.lists(st.tuples(st.integers(0, 1 << 16), st.integers(1, 255)), min_size=2, max_size=40),
    cut=st.integers(0, 64),
)
def test_damage_is_read_or_refused(data: bytes, flips: list[tuple[int, int]], cut: int) -> None:
    damaged = bytearray(data[: len(data) - cut])
    for position, flip in flips:
        damaged[position % len(damaged)] ^= flip
    read_or_refuse(bytes(damaged))


@MODELS
def test_damaged_lengths_allocate_little(data: bytes) -> None:
    """Each aligned word, a length perhaps or an offset, becomes 2³¹ - 1, then the length of the file."""
    read_or_refuse(data)
    for word in (2**31 - 1, len(data)):
        for position in range(8, len(data) - 4, 4):
            tracemalloc.start()
            read_or_refuse(data[:position] + word.to_bytes(4, "little") + data[position + 4 :])
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            # Python objects of a sound model take some 40 times its size.
            assert peak < 100 * len(data), f"word {word} at byte {position}"
