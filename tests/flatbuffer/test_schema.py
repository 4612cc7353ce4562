"""schema.py: names and options are those that LiteRT's own classes give, for every operator and kind of options."""

import struct
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray
from tiny_flatbuffers import TinyOp, TinyTensor, many_kinds_flatbuffer, pack, tflite_bytes

from edgehybrid.errors import FlatbufferError
from edgehybrid.flatbuffer import parse_flatbuffer
from edgehybrid.flatbuffer.schema import OPERATORS, TENSOR_TYPES, operator_name, option_names

NAMES = {name for union in (schema.BuiltinOptions, schema.BuiltinOptions2) for name in vars(union)}
KINDS = sorted(name for name in NAMES if name.endswith("Options"))


def options_of(options: Any) -> dict[str, Any]:
    """What is read of the options of one operator."""
    data = tflite_bytes([TinyTensor("t", (1,))], [TinyOp("ADD", [0], [0], options)])
    return dict(parse_flatbuffer(data, "model.tflite").ops[0].options)


def told_by(options: Any) -> dict[str, Any]:
    """The fields of an options object of the schema, without underscores in the names, as our reader has them."""
    told: dict[str, Any] = {}
    accessors = dir(getattr(schema, type(options).__name__.removesuffix("T")))
    for name, value in vars(options).items():
        is_vector = f"{name[0].upper()}{name[1:]}Length" in accessors
        if isinstance(value, np.ndarray) or is_vector:
            told[name.lower()] = () if value is None else tuple(np.asarray(value).tolist())
        elif value is not None:
            told[name.lower()] = value.decode() if isinstance(value, bytes) else value
    return told


def without_underscores(options: dict[str, Any]) -> dict[str, Any]:
    return {name.replace("_", ""): value for name, value in options.items()}


def filled(kind: str) -> Any:
    """Options in which no field has its default."""
    options, accessors = getattr(schema, f"{kind}T")(), dir(getattr(schema, kind))
    for place, (name, value) in enumerate(vars(options).items()):
        accessor = f"{name[0].upper()}{name[1:]}"
        if f"{accessor}Length" in accessors:
            # 0 and 1 are also what a vector of truth values can hold.
            setattr(options, name, [1, 0, 1, 1][: 1 + place % 4])
        elif value is None:
            setattr(options, name, f"text {place}")
        elif isinstance(value, bool):
            setattr(options, name, not value)
        else:
            setattr(options, name, value + 1 + place)
    return options


# -- names


@pytest.mark.parametrize("name", ["ADD", "CONV_2D", "CUSTOM", "STABLEHLO_COMPOSITE"])
def test_operator_has_the_name_of_the_schema(name: str) -> None:
    number = getattr(schema.BuiltinOperator, name)
    assert operator_name(number) == OPERATORS[number] == name


def test_numbers_of_operators_and_types_have_no_gap() -> None:
    """So no entry was taken that is none of the enumeration, and none is missing."""
    assert sorted(OPERATORS) == list(range(len(OPERATORS)))
    assert sorted(TENSOR_TYPES) == list(range(len(TENSOR_TYPES)))
    assert TENSOR_TYPES[schema.TensorType.FLOAT8_E4M3FN] == "float8_e4m3fn"


@pytest.mark.parametrize("number", [-1, 250, 2**31 - 1])
def test_operator_that_the_schema_does_not_know_is_named_by_its_number(number: int) -> None:
    assert operator_name(number) == f"BUILTIN_{number}"


def test_options_have_the_names_of_the_schemas_text() -> None:
    assert set(option_names("DepthwiseConv2DOptions")) == {
        "padding",
        "stride_w",
        "stride_h",
        "depth_multiplier",
        "fused_activation_function",
        "dilation_w_factor",
        "dilation_h_factor",
    }
    assert {"asymmetric_quantize_inputs", "keep_num_dims"} <= set(option_names("FullyConnectedOptions"))


# -- options


def test_there_are_kinds_of_options() -> None:
    assert len(KINDS) >= 149


@pytest.mark.parametrize("kind", KINDS)
def test_every_option_of_every_kind_is_read(kind: str) -> None:
    options = filled(kind)
    assert without_underscores(options_of(options)) == told_by(options)


@pytest.mark.parametrize("kind", KINDS)
def test_option_that_the_file_leaves_out_has_its_default(kind: str) -> None:
    options = getattr(schema, f"{kind}T")()
    assert without_underscores(options_of(options)) == told_by(options)


def test_options_of_both_unions_are_one() -> None:
    operator = schema.OperatorT(
        inputs=[],
        outputs=[],
        builtinOptionsType=schema.BuiltinOptions.AddOptions,
        builtinOptions=schema.AddOptionsT(fusedActivationFunction=1),
        builtinOptions2Type=schema.BuiltinOptions2.StablehloConcatenateOptions,
        builtinOptions2=schema.StablehloConcatenateOptionsT(dimension=3),
    )
    graph = schema.SubGraphT(tensors=[], operators=[operator])
    data = pack(schema.ModelT(operatorCodes=[schema.OperatorCodeT()], subgraphs=[graph], buffers=[]))
    options = parse_flatbuffer(data, "model.tflite").ops[0].options
    assert (options["fused_activation_function"], options["dimension"]) == (1, 3)


def test_operator_without_options_has_none() -> None:
    assert options_of(None) == {}


def test_options_of_a_kind_that_the_schema_does_not_know_are_left_out() -> None:
    data = tflite_bytes([TinyTensor("t", (1,))], [TinyOp("ADD", [0], [0], schema.ReshapeOptionsT(newShape=[5, 6]))])
    place = place_of_the_kind(data)
    assert data[place] == schema.BuiltinOptions.ReshapeOptions
    changed = data[:place] + b"\xff" + data[place + 1 :]
    assert parse_flatbuffer(changed, "model.tflite").ops[0].options == {}


def place_of_the_kind(data: bytes) -> int:
    """Byte position of the kind of options of the first operator."""
    model = schema.Model.GetRootAs(data, 0)
    table = model.Subgraphs(0).Operators(0)._tab
    return int(table.Pos + table.Offset(4 + 2 * 3))


# -- damage


def vector_length(data: bytes, numbers: list[int]) -> int:
    """Byte position of the length of the one vector of these int32."""
    wanted = struct.pack(f"<{1 + len(numbers)}i", len(numbers), *numbers)
    assert data.count(wanted) == 1
    return data.index(wanted)


@pytest.mark.parametrize(("length", "problem"), [(65537, "65537 numbers"), (2**32 - 1, "numbers"), (60000, "Reshape")])
def test_refuses_a_list_longer_than_the_file_or_than_any(length: int, problem: str) -> None:
    numbers = [90001, 90002, 90003]
    data = tflite_bytes(
        [TinyTensor("t", (1,))], [TinyOp("RESHAPE", [0], [0], schema.ReshapeOptionsT(newShape=numbers))]
    )
    place = vector_length(data, numbers)
    with pytest.raises(FlatbufferError, match=problem):
        parse_flatbuffer(data[:place] + struct.pack("<I", length) + data[place + 4 :], "model.tflite")


def test_refuses_a_text_that_leads_out_of_the_file() -> None:
    data = many_kinds_flatbuffer()
    place = data.index(struct.pack("<I", 3) + b"jar")
    with pytest.raises(FlatbufferError, match="leads to byte"):
        parse_flatbuffer(data[:place] + struct.pack("<I", len(data)) + data[place + 4 :], "model.tflite")


def test_refuses_lists_that_overlap_without_end() -> None:
    """Thirty operators, all led to the options of the first, whose list is most of the file."""
    long, short = schema.ReshapeOptionsT(newShape=[7] * 4000), schema.ReshapeOptionsT()
    ops = [TinyOp("RESHAPE", [0], [0], short if place else long) for place in range(30)]
    data = bytearray(tflite_bytes([TinyTensor("t", (1,))], ops))
    graph = schema.Model.GetRootAs(bytes(data), 0).Subgraphs(0)
    tables = [graph.Operators(place)._tab for place in range(len(ops))]
    fields = [table.Pos + table.Offset(4 + 2 * 4) for table in tables]
    target = fields[0] + struct.unpack_from("<I", data, fields[0])[0]
    for field in fields[1:]:
        struct.pack_into("<I", data, field, target - field)
    with pytest.raises(FlatbufferError, match="overlap"):
        parse_flatbuffer(bytes(data), "model.tflite")


# -- a converted model


@pytest.fixture(scope="module")
def converted() -> bytes:
    """A model with convolutions, pooling, a strided slice and an LSTM, of TensorFlow's converter."""
    import tensorflow as tf

    from edgehybrid.model.compat import keras

    lstm = keras.layers.LSTM(6, return_sequences=True)
    lstm.build((1, 4, 12))
    filters = tf.constant(np.ones((3, 3, 2, 4), np.float32))
    channels = tf.constant(np.ones((3, 3, 4, 1), np.float32))

    def call(image: Any) -> Any:
        maps = tf.nn.relu(tf.nn.conv2d(image, filters, strides=[1, 2, 1, 1], padding="VALID", dilations=1))
        maps = tf.nn.depthwise_conv2d(maps, channels, strides=[1, 1, 1, 1], padding="SAME", dilations=[2, 2])
        maps = tf.nn.avg_pool2d(tf.nn.max_pool2d(maps, 2, 1, "VALID"), [2, 1], [2, 1], "SAME")
        return lstm(tf.reshape(maps[:, :, 1:7:2, :], (1, 4, 12)))

    image = tf.TensorSpec((1, 18, 10, 2), tf.float32)
    concrete = tf.function(call).get_concrete_function(image)
    return bytes(tf.lite.TFLiteConverter.from_concrete_functions([concrete], lstm).convert())


def operators_of(data: bytes) -> Iterator[tuple[str, Any]]:
    """Builtin's name and options object, as LiteRT's classes unpack them, of each operator of each subgraph."""
    model = schema.ModelT.InitFromPackedBuf(data)
    numbers: NDArray[Any] | list[int] = [code.builtinCode for code in model.operatorCodes]
    names = {number: name for name, number in vars(schema.BuiltinOperator).items() if isinstance(number, int)}
    for graph in model.subgraphs:
        for operator in graph.operators:
            yield names[numbers[operator.opcodeIndex]], operator.builtinOptions


def test_options_of_a_converted_model_agree_with_litert(converted: bytes) -> None:
    ours = [op for graph in parse_flatbuffer(converted, "model.tflite").subgraphs for op in graph.ops]
    theirs = list(operators_of(converted))
    assert {"CONV_2D", "DEPTHWISE_CONV_2D", "MAX_POOL_2D", "AVERAGE_POOL_2D", "STRIDED_SLICE"} <= {
        op.name for op in ours
    }
    assert "UNIDIRECTIONAL_SEQUENCE_LSTM" in {op.name for op in ours}
    for op, (name, options) in zip(ours, theirs, strict=True):
        assert op.name == name
        assert without_underscores(dict(op.options)) == ({} if options is None else told_by(options))


def test_strides_of_a_converted_convolution_are_those_it_was_made_with(converted: bytes) -> None:
    by_name = {op.name: op.options for op in parse_flatbuffer(converted, "model.tflite").ops}
    convolution, depthwise = by_name["CONV_2D"], by_name["DEPTHWISE_CONV_2D"]
    assert (convolution["stride_h"], convolution["stride_w"]) == (2, 1)
    assert convolution["padding"] == schema.Padding.VALID
    assert (depthwise["dilation_h_factor"], depthwise["dilation_w_factor"]) == (2, 2)
