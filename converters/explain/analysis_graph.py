"""A subgraph of any flatbuffer as the graph that the packer reads, with what other converters write put in its words.

Larq's LceQuantize and LceDequantize become the comparison and the choice that they compute, so that the packer's own
analysis sees the quantiser behind them. Weights that an operator only unpacks, float16 to float32, become constants.
"""

import numpy as np

from converters.graph import Graph, Node, Value, constant
from edgehybrid.flatbuffer import ABSENT, Op, Subgraph, Tensor

_QUANTIZE, _DEQUANTIZE = "LceQuantize", "LceDequantize"


def analysis_graph(part: Subgraph) -> tuple[Graph, list[Node]]:
    """The graph, and for each operator of the subgraph its node: of those with two, the last one."""
    values = [_value(tensor) for tensor in part.tensors]
    nodes: list[Node] = []
    of_ops: list[Node] = []
    signs: dict[int, Value] = {}
    for op in part.ops:
        node = _node(op, values)
        source = part.tensors[op.inputs[0]] if op.inputs and op.inputs[0] != ABSENT else None
        if op.name == _QUANTIZE and source is not None and source.type_name == "float32" and op.outputs:
            node = _comparison(values[op.inputs[0]])
            signs[op.outputs[0]] = node.output
        elif op.name == _DEQUANTIZE and source is not None and _writes_float(part, op):
            result = values[op.outputs[0]]
            if op.inputs[0] not in signs:
                # Bits that a convolution or a pool wrote: signs of a map that is in no tensor.
                virtual = _comparison(Value("", result.shape))
                nodes.append(virtual)
                signs[op.inputs[0]] = virtual.output
            node = _choice(signs[op.inputs[0]], result)
        elif op.name == "DEQUANTIZE" and source is not None and source.data is not None and op.outputs:
            values[op.outputs[0]].data = _unpacked(source)
        nodes.append(node)
        of_ops.append(node)
    graph = Graph([values[i] for i in part.inputs], [values[i] for i in part.outputs], nodes)
    return graph, of_ops


def _writes_float(part: Subgraph, op: Op) -> bool:
    return bool(op.outputs) and part.tensors[op.outputs[0]].type_name == "float32"


def _value(tensor: Tensor) -> Value:
    is_readable = tensor.data is not None and tensor.data.dtype.name == tensor.type_name
    return Value(tensor.name, tensor.shape, tensor.type_name, tensor.data if is_readable else None)


def _node(op: Op, values: list[Value]) -> Node:
    inputs = [None if index == ABSENT else values[index] for index in op.inputs]
    return Node(op.name, inputs, [values[index] for index in op.outputs], dict(op.options))


def _comparison(source: Value) -> Node:
    """x ≥ 0: the bit 0 of LceQuantize stands for +1, also of 0."""
    zero = constant("", np.zeros((), np.float32))
    return Node("GREATER_EQUAL", [source, zero], [Value(source.name, source.shape, "bool")])


def _choice(signs: Value, result: Value) -> Node:
    one, minus_one = constant("", np.ones((), np.float32)), constant("", np.full((), -1, np.float32))
    return Node("SELECT_V2", [signs, one, minus_one], [result])


def _unpacked(tensor: Tensor) -> "np.ndarray[tuple[int, ...], np.dtype[np.float32]] | None":
    """A constant of floats in fewer bits; None for what needs scales, which no layer in float32 has."""
    if tensor.data is None or tensor.type_name != "float16" or tensor.is_sparse:
        return None
    return tensor.data.astype(np.float32)
