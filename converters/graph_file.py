"""Flatbuffer bytes ↔ ``Graph``, by LiteRT's own schema."""

import re
from collections.abc import Mapping
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from flatbuffers import flexbuffers
from numpy.typing import NDArray

from converters.graph import Graph, Node, Value
from edgehybrid.errors import ConversionError
from edgehybrid.flatbuffer.schema import OPERATORS, TENSOR_TYPES

# Where an interpreter may use a constant in place, it wants it aligned so (schema.fbs, Buffer.data).
ALIGNMENT_BYTES = 16
_TYPE_NUMBERS: Mapping[str, int] = {name: number for number, name in TENSOR_TYPES.items()}
_OPERATOR_NUMBERS: Mapping[str, int] = {name: number for number, name in OPERATORS.items()}
_OPTIONS: Mapping[int, str] = {
    number: name for name, number in vars(schema.BuiltinOptions).items() if isinstance(number, int)
}
_OPTION_NUMBERS: Mapping[str, int] = {name: number for number, name in _OPTIONS.items()}
_CUSTOM = _OPERATOR_NUMBERS["CUSTOM"]
# The kind of options that an operator has is not derived from its name in the schema.
_KIND = "kind of options"
_POOLS: Mapping[str, str] = {"MAX_POOL_2D": "POOL_2D", "AVERAGE_POOL_2D": "POOL_2D"}


def graph_of(content: bytes) -> Graph:
    """The graph of a flatbuffer that a converter has just made.

    Raises:
        ConversionError: more than one subgraph: branches and loops are no part of these networks.
    """
    model = schema.ModelT.InitFromPackedBuf(bytearray(content))
    if len(model.subgraphs) != 1:
        raise branches_or_loops(f"{len(model.subgraphs)} subgraphs")
    subgraph = model.subgraphs[0]
    values = [_value(tensor, model.buffers) for tensor in subgraph.tensors]
    nodes = [_node(operator, model.operatorCodes, values) for operator in subgraph.operators]
    return Graph([values[i] for i in subgraph.inputs], [values[i] for i in subgraph.outputs], nodes)


def branches_or_loops(received: str) -> ConversionError:
    """What is said of a model that is more than one chain of operators."""
    return ConversionError(
        "The model has branches or loops.",
        received=received,
        allowed="one subgraph: a network without conditions and loops",
        next_step="Build the model without tf.cond, tf.while_loop and recurrent layers.",
    )


def flatbuffer_of(graph: Graph, metadata: Mapping[str, bytes] | None = None) -> bytes:
    """The bytes of a graph: the same for the same graph.

    Constants of equal bytes share one buffer, whatever tensor they belong to.

    Args:
        metadata: name → content, of the model.
    """
    model = schema.ModelT(version=3, description="edgehybrid", operatorCodes=[], buffers=[_AlignedBuffer(None)])
    buffers: dict[bytes, int] = {}

    def buffer_of(content: bytes) -> int:
        if content not in buffers:
            buffers[content] = len(model.buffers)
            model.buffers.append(_AlignedBuffer(content))
        return buffers[content]

    places: dict[int, int] = {}
    tensors: list[Any] = []
    for value in graph.values():
        places[id(value)] = len(tensors)
        tensors.append(_tensor(value, 0 if value.data is None else buffer_of(_bytes_of(value.data))))
    codes: dict[tuple[str, int], int] = {}
    operators = []
    for node in graph.nodes:
        key = (node.op, node.version)
        if key not in codes:
            codes[key] = len(model.operatorCodes)
            model.operatorCodes.append(_code(*key))
        operators.append(_operator(node, codes[key], places))
    model.subgraphs = [
        schema.SubGraphT(
            name="main",
            tensors=tensors,
            inputs=[places[id(value)] for value in graph.inputs],
            outputs=[places[id(value)] for value in graph.outputs],
            operators=operators,
        )
    ]
    model.metadata = [schema.MetadataT(name=name, buffer=buffer_of(data)) for name, data in (metadata or {}).items()]
    builder = flatbuffers.Builder(1 << 16)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


class _AlignedBuffer(schema.BufferT):  # type: ignore[misc]
    """The schema's ``force_align``, which its Python classes leave out."""

    def __init__(self, content: bytes | None) -> None:
        super().__init__()
        self.content = content

    def Pack(self, builder: Any) -> int:  # noqa: N802 - the schema's name
        place = None
        if self.content:
            builder.StartVector(1, len(self.content), ALIGNMENT_BYTES)
            builder.head = builder.Head() - len(self.content)
            builder.Bytes[builder.Head() : builder.Head() + len(self.content)] = self.content
            place = builder.EndVector()
        schema.BufferStart(builder)
        if place is not None:
            schema.BufferAddData(builder, place)
        return int(schema.BufferEnd(builder))


def _value(tensor: Any, buffers: list[Any]) -> Value:
    shape = () if tensor.shape is None else tuple(int(length) for length in tensor.shape)
    type_name = TENSOR_TYPES[tensor.type]
    content = buffers[tensor.buffer].data
    data = None
    if content is not None and len(content):
        data = np.frombuffer(content.tobytes(), np.dtype(type_name)).reshape(shape)
    quantization = tensor.quantization if tensor.quantization and tensor.quantization.scale is not None else None
    return Value(tensor.name.decode(), shape, type_name, data, quantization)


def _node(operator: Any, codes: list[Any], values: list[Value]) -> Node:
    code = codes[operator.opcodeIndex]
    is_custom = code.builtinCode == _CUSTOM
    op = code.customCode.decode() if is_custom else OPERATORS[max(code.builtinCode, code.deprecatedBuiltinCode)]
    inputs = [None if i < 0 else values[i] for i in operator.inputs]
    options: dict[str, Any] = {}
    if not is_custom and operator.builtinOptions is not None:
        options = {_snake(name): option for name, option in vars(operator.builtinOptions).items()}
        options[_KIND] = _OPTIONS[operator.builtinOptionsType]
    elif is_custom and operator.customOptions is not None and len(operator.customOptions):
        options = dict(flexbuffers.Loads(bytes(operator.customOptions)))
    return Node(op, inputs, [values[i] for i in operator.outputs], options, code.version)


def _tensor(value: Value, buffer: int) -> Any:
    return schema.TensorT(
        shape=list(value.shape),
        type=_TYPE_NUMBERS[value.type_name],
        buffer=buffer,
        name=value.name,
        quantization=value.quantization,
        hasRank=True,
    )


def _code(op: str, version: int) -> Any:
    number = _OPERATOR_NUMBERS.get(op, _CUSTOM)
    # Operators that are older than 127 stand in a second field, too, for readers that know no other.
    code = schema.OperatorCodeT(builtinCode=number, deprecatedBuiltinCode=min(number, 127), version=version)
    if number == _CUSTOM:
        code.customCode = op
    return code


def _operator(node: Node, code: int, places: Mapping[int, int]) -> Any:
    operator = schema.OperatorT(
        opcodeIndex=code,
        inputs=[-1 if value is None else places[id(value)] for value in node.inputs],
        outputs=[places[id(value)] for value in node.outputs],
    )
    options = dict(node.options)
    if node.op not in _OPERATOR_NUMBERS:
        if options:
            operator.customOptions = np.frombuffer(_flexbuffer(options), np.uint8)
        return operator
    kind = options.pop(_KIND, None) or _kind_of(node.op)
    if kind != "NONE":
        table = getattr(schema, f"{kind}T")()
        for name, option in options.items():
            setattr(table, _camel(name), option)
        operator.builtinOptions, operator.builtinOptionsType = table, _OPTION_NUMBERS[kind]
    return operator


def _flexbuffer(options: Mapping[str, int]) -> bytes:
    builder = flexbuffers.Builder()
    with builder.Map():
        for name in sorted(options):
            builder.Int(name, int(options[name]))
    return bytes(builder.Finish())


def _kind_of(op: str) -> str:
    """The class of options of an operator that was in no file: ``ADD`` → ``AddOptions``, or ``NONE``."""
    name = _POOLS.get(op, op).replace("_", "")
    return next((kind for kind in _OPTION_NUMBERS if kind.lower() == f"{name}options".lower()), "NONE")


def _bytes_of(data: NDArray[Any]) -> bytes:
    return np.ascontiguousarray(data).tobytes()


def _snake(name: str) -> str:
    return re.sub("([A-Z])", r"_\1", name).lower()


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)
