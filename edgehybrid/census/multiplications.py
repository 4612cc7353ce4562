"""What each operator of a .tflite file multiplies: a map by weights, or a map by another map. One file, one table.

The places of inputs and the axes of weights are those of TensorFlow Lite's kernels (tensorflow/lite/kernels/*.cc).
Elementwise products, such as peepholes of an LSTM, scales and BatchNorm, are none of these.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from edgehybrid.census.logical_layers import Kind
from edgehybrid.errors import FlatbufferError
from edgehybrid.flatbuffer import ABSENT, Op, Tensor

CHANNELS_PER_WORD = 32
# Batch, height, width, channels.
MAP_AXES = 4

# The matrices of operators with a state: (place of the input that they multiply, place of the matrix, what it is).
# A matrix of shape (outputs, depth) works once for each of the input's leading positions: batch and time.
_GATES = ("input", "forget", "cell", "output")
_LSTM = (
    *((0, 1 + gate, f"input_to_{name}") for gate, name in enumerate(_GATES)),
    *((0, 5 + gate, f"recurrent_to_{name}") for gate, name in enumerate(_GATES)),
    (0, 16, "projection"),
)
_BIDIRECTIONAL_LSTM = (
    *((0, 1 + gate, f"forward_input_to_{name}") for gate, name in enumerate(_GATES)),
    *((0, 5 + gate, f"forward_recurrent_to_{name}") for gate, name in enumerate(_GATES)),
    (0, 16, "forward_projection"),
    *((0, 18 + gate, f"backward_input_to_{name}") for gate, name in enumerate(_GATES)),
    *((0, 22 + gate, f"backward_recurrent_to_{name}") for gate, name in enumerate(_GATES)),
    (0, 33, "backward_projection"),
    *((39, 40 + gate, f"forward_auxiliary_to_{name}") for gate, name in enumerate(_GATES)),
    *((39, 44 + gate, f"backward_auxiliary_to_{name}") for gate, name in enumerate(_GATES)),
)
_RNN = ((0, 1, "input"), (0, 2, "recurrent"))
_MATRICES: Mapping[str, Sequence[tuple[int, int, str]]] = {
    "LSTM": _LSTM,
    "UNIDIRECTIONAL_SEQUENCE_LSTM": _LSTM,
    "BIDIRECTIONAL_SEQUENCE_LSTM": _BIDIRECTIONAL_LSTM,
    "RNN": _RNN,
    "UNIDIRECTIONAL_SEQUENCE_RNN": _RNN,
    "BIDIRECTIONAL_SEQUENCE_RNN": (
        (0, 1, "forward_input"),
        (0, 2, "forward_recurrent"),
        (0, 5, "backward_input"),
        (0, 6, "backward_recurrent"),
        (9, 10, "forward_auxiliary"),
        (9, 11, "backward_auxiliary"),
    ),
    # weights_time multiplies what the filters gave in the last steps: one number a filter and step.
    "SVDF": ((0, 1, "feature"), (0, 2, "time")),
}
# LSTM in its basic form: one matrix for all gates, behind the concatenated input and state.
_BASIC_LSTM_INPUTS = 5
# Weights are bits, 32 input channels to a word; the second reads levels, which are two bits.
BINARY = ("LceBconv2d", "EdgehybridConv2d")
_CONVOLUTIONS = (*BINARY, "CONV_2D", "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV")
_KINDS: Mapping[str, Kind] = {
    "LceBconv2d": "conv",
    "EdgehybridConv2d": "conv",
    "CONV_2D": "conv",
    "DEPTHWISE_CONV_2D": "depthwise",
    "TRANSPOSE_CONV": "transposed",
    "CONV_3D": "conv3d",
    "CONV_3D_TRANSPOSE": "transposed",
    "FULLY_CONNECTED": "conv",
    "BATCH_MATMUL": "matmul",
    **dict.fromkeys(_MATRICES, "recurrent"),
}
MULTIPLYING = tuple(_KINDS)


@dataclass(frozen=True)
class Multiplication:
    """A map times weights, in one call of the file with the shapes that it states.

    Attributes:
        op: the operator.
        role: which of its matrices; empty for operators with one.
        source: index of the tensor that is multiplied.
        weights: index of the tensor of weights, or of the second map.
        kernel: (height, width).
        in_channels: of the source, all groups together.
        group_channels: what one filter reads at each place of the kernel; of a 3-D one, channels times depth.
        in_side, out_side: (height, width) of the maps; of dense layers, how often the weights are used, and 1.
        positions: at how many places each filter works.
        weight_sets: as many sets of filters are stored; 0 where a map is multiplied by another map.
        images: images of a batch of maps.
    """

    op: Op
    role: str
    source: int
    weights: int
    kind: Kind
    kernel: tuple[int, int]
    in_channels: int
    out_channels: int
    group_channels: int
    in_side: tuple[int, int]
    out_side: tuple[int, int]
    positions: int
    weight_sets: int = 1
    images: int = 1

    @property
    def macs(self) -> int:
        """Multiply-accumulates of one call."""
        return self.images * self.positions * self.kernel[0] * self.kernel[1] * self.group_channels * self.out_channels

    @property
    def weight_count(self) -> int:
        """Numbers of all sets of filters."""
        return self.weight_sets * self.kernel[0] * self.kernel[1] * self.group_channels * self.out_channels


def multiplications_of(op: Op, tensors: Sequence[Tensor], stored: Mapping[int, int]) -> Iterator[Multiplication]:
    """The multiplications of an operator; none of one that multiplies nothing by weights.

    Args:
        tensors: of the operator's subgraph.
        stored: for each of them that is a constant unpacked, the constant, see operators.py.

    Raises:
        FlatbufferError: the shapes around such an operator contradict each other.
    """
    if op.name not in MULTIPLYING:
        return
    if op.name in _MATRICES:
        found = list(_matrices(op, tensors))
    elif op.name == "FULLY_CONNECTED":
        found = [_dense(op, tensors, 0, 1, "")]
    elif op.name == "BATCH_MATMUL":
        found = [_batch_matmul(op, tensors, stored)]
    else:
        found = [_convolution(op, tensors)]
    for multiplication in found:
        shares = op.name in _CONVOLUTIONS and multiplication.in_channels % (multiplication.group_channels or 1)
        if multiplication.macs < 1 or multiplication.in_channels < 1 or shares:
            raise _contradiction(op, tensors)
        yield multiplication


def _matrices(op: Op, tensors: Sequence[Tensor]) -> Iterator[Multiplication]:
    if op.name == "LSTM" and len(op.inputs) <= _BASIC_LSTM_INPUTS:
        yield _dense(op, tensors, 0, 2, "gates")
        return
    for source, weights, role in _MATRICES[op.name]:
        if weights < len(op.inputs) and op.inputs[weights] != ABSENT:
            yield _dense(op, tensors, source, weights, role)


def _dense(op: Op, tensors: Sequence[Tensor], source: int, weights: int, role: str) -> Multiplication:
    """Weights (outputs, depth), at each place of the source's leading axes.

    A FULLY_CONNECTED may flatten its input into rows of the depth of its weights; its output says how many rows.
    """
    read, matrix = _tensor(op, tensors, source), _tensor(op, tensors, weights)
    if len(matrix.shape) != 2 or not op.outputs:
        raise _contradiction(op, tensors)
    outputs, depth = matrix.shape
    if op.name == "FULLY_CONNECTED":
        written = math.prod(tensors[op.outputs[0]].shape)
        positions = written // outputs if outputs and written % outputs == 0 else 0
        if positions * depth != math.prod(read.shape):
            raise _contradiction(op, tensors)
    else:
        positions = math.prod(read.shape[:-1])
    return Multiplication(
        op,
        role,
        op.inputs[source],
        op.inputs[weights],
        _KINDS[op.name],
        (1, 1),
        depth,
        outputs,
        depth,
        (positions, 1),
        (positions, 1),
        positions,
    )


def _batch_matmul(op: Op, tensors: Sequence[Tensor], stored: Mapping[int, int]) -> Multiplication:
    """(…, M, K) times (…, K, N); either may be stored turned. A constant on either side is the weights."""
    left, right = _tensor(op, tensors, 0), _tensor(op, tensors, 1)
    if len(left.shape) < 2 or len(right.shape) < 2 or not op.outputs:
        raise _contradiction(op, tensors)
    rows, depth = left.shape[-2:] if not op.integer("adj_x") else left.shape[:-3:-1]
    depth_right, columns = right.shape[-2:] if not op.integer("adj_y") else right.shape[:-3:-1]
    batch = math.prod(tensors[op.outputs[0]].shape[:-2])
    if depth != depth_right or tensors[op.outputs[0]].shape[-2:] != (rows, columns):
        raise _contradiction(op, tensors)
    is_constant = [tensors[stored.get(index, index)].data is not None for index in op.inputs[:2]]
    weights_left = is_constant == [True, False]
    source, weights, filters, places = (1, 0, rows, columns) if weights_left else (0, 1, columns, rows)
    second = (left, right)[weights]
    return Multiplication(
        op,
        "",
        op.inputs[source],
        op.inputs[weights],
        _KINDS[op.name],
        (1, 1),
        depth,
        filters,
        depth,
        (batch * places, 1),
        (batch * places, 1),
        batch * places,
        weight_sets=math.prod(second.shape[:-2]) if is_constant[weights] else 0,
    )


def _convolution(op: Op, tensors: Sequence[Tensor]) -> Multiplication:
    """A convolution of maps (batch, height, width, channels), or (batch, depth, height, width, channels)."""
    is_transposed = op.name in ("TRANSPOSE_CONV", "CONV_3D_TRANSPOSE")
    source = 2 if is_transposed else 0
    read, weights = _tensor(op, tensors, source), _tensor(op, tensors, 1)
    if not op.outputs or not read.shape:
        raise _contradiction(op, tensors)
    written, channels = tensors[op.outputs[0]], read.shape[-1]
    match op.name, weights.shape:
        case "CONV_2D", (filters, height, width, group):
            pass
        case "DEPTHWISE_CONV_2D", (1, height, width, filters):
            group = 1
        case "TRANSPOSE_CONV", (filters, height, width, group):
            pass
        case "CONV_3D", (depth, height, width, inputs, filters) if inputs == channels:
            group = depth * inputs
        case "CONV_3D_TRANSPOSE", (depth, height, width, filters, inputs) if inputs == channels:
            group = depth * inputs
        case "LceBconv2d" | "EdgehybridConv2d", (filters, height, width, words):
            # Groups have full words; without groups the last word may be partly filled.
            channels = op.integer("channels_in")
            group = min(channels, words * CHANNELS_PER_WORD)
            if words != math.ceil(group / CHANNELS_PER_WORD):
                raise _contradiction(op, tensors)
        case _:
            raise _contradiction(op, tensors)
    axes = MAP_AXES + ("3D" in op.name)
    if len(read.shape) != axes or len(written.shape) != axes:
        raise FlatbufferError(
            f"A {op.name} does not read and write maps.", received=f"{written.name}: {read.shape} → {written.shape}"
        )
    in_side, out_side = map_side(read.shape), map_side(written.shape)
    return Multiplication(
        op,
        "",
        op.inputs[source],
        op.inputs[1],
        _KINDS[op.name],
        (height, width),
        channels,
        filters,
        group,
        in_side,
        out_side,
        math.prod(in_side if is_transposed else out_side),
        images=read.shape[0],
    )


def map_side(shape: tuple[int, ...]) -> tuple[int, int]:
    """(height, width); the depth of a 3-D map counts as more height."""
    *depth, height, width = shape[1:-1]
    return math.prod(depth) * height, width


def _tensor(op: Op, tensors: Sequence[Tensor], place: int) -> Tensor:
    if place >= len(op.inputs) or op.inputs[place] == ABSENT:
        raise FlatbufferError(f"A {op.name} has no input {place}.", received=f"inputs {op.inputs}")
    return tensors[op.inputs[place]]


def _contradiction(op: Op, tensors: Sequence[Tensor]) -> FlatbufferError:
    read = ", ".join(f"{tensors[i].shape}" for i in op.inputs if i != ABSENT)
    written = ", ".join(f"{tensors[i].name}: {tensors[i].shape}" for i in op.outputs) or "nothing"
    return FlatbufferError(
        f"The shapes of a {op.name} contradict each other.",
        received=f"inputs {read}; outputs {written}; options {op.options}",
    )
