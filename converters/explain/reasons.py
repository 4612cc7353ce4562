"""Why a layer is not packed, and what to change. The packer's own analysis decides wherever it knows the operator."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass

from converters.edits.pack_layers import NotPacked, Packable, examine
from converters.explain.analysis_graph import analysis_graph
from converters.explain.layer_view import LayerView
from converters.explain.rows import CalledSubgraph, OpRow
from converters.graph import Graph
from converters.quantisers import NoQuantiser
from edgehybrid.flatbuffer import ABSENT

# Operators that no binary kernel computes: why, and what to build in their place.
# The input of EdgehybridConv2d with its thresholds, which is absent where it writes sums.
THRESHOLDS = 2
_WITHOUT_KERNEL: Mapping[str, tuple[str, str]] = {
    "DEPTHWISE_CONV_2D": (
        "each filter of a depthwise convolution reads one channel, and bits are counted over words of 32 channels",
        "leave it in full precision, without a quantiser before it; or use a convolution with groups of a multiple of "
        "32 channels",
    ),
    "TRANSPOSE_CONV": (
        "there is no binary transposed convolution",
        "enlarge the map first (UpSampling2D), and use a convolution behind it",
    ),
    "CONV_3D": ("there is no binary convolution in three dimensions", "convolve in two dimensions, slice by slice"),
    "CONV_3D_TRANSPOSE": (
        "there is no binary convolution in three dimensions",
        "convolve in two dimensions, slice by slice",
    ),
    "BATCH_MATMUL": (
        "there is no binary product of matrices",
        "use a dense layer on one vector, or a 1×1 convolution over the positions",
    ),
}
_RECURRENT = (
    "its matrices work inside of one operator, which reads no bits",
    "build the cell of dense layers, or leave it in full precision",
)


@dataclass(frozen=True)
class WhyNotPacked:
    """A layer with something binary about it that is not packed.

    Attributes:
        bytes: of its weights as they are.
        packed_bytes: of its weights as bits, in words of 32.
        is_half_quantised: its inputs or its weights are in full precision.
    """

    layer: str
    op: str
    subgraph: int
    index: int
    reason: str
    fix: str
    bytes: int
    packed_bytes: int
    is_half_quantised: bool

    def as_dict(self) -> dict[str, object]:
        """The object that the command prints."""
        return asdict(self)


def why_not_packed(subgraph: CalledSubgraph, rows: Mapping[int, OpRow], is_larqs: bool) -> list[WhyNotPacked]:
    """The layers of a subgraph that are not packed, though their inputs or their weights are quantised.

    Args:
        rows: by the number of the operator.
        is_larqs: whether the file has operators of Larq's, so that its converter could pack.
    """
    graph, nodes = analysis_graph(subgraph.graph)
    found = []
    for index, multiplications in subgraph.multiplications.items():
        row = rows[index]
        multiplication = multiplications[0][0]
        if row.precision == "packed" or not nodes[index].outputs:
            continue
        layer = LayerView(graph, nodes[index], subgraph, multiplication)
        why = _why(layer, is_larqs)
        if why is not None:
            stored = sum(entry.bytes for _, entry in multiplications)
            packed = layer.packed_bytes()
            is_half = layer.filters is None or not (layer.is_quantised or _no_sign(layer))
            found.append(WhyNotPacked(row.layer, row.op, subgraph.number, index, *why, stored, packed, is_half))
    return found


def _why(layer: LayerView, is_larqs: bool) -> tuple[str, str] | None:
    """The reason, and what to change; None for a layer in full precision."""
    node = layer.node
    if layer.is_computed_of_constants():
        return (
            "its weights are computed from constants in each inference, which the converter did not fold",
            "quantise the weights before the conversion, so that the file holds the result",
        )
    if not layer.multiplication.weight_sets:
        return None
    found = examine(layer.graph, node) if node.op in ("CONV_2D", "FULLY_CONNECTED") else None
    if isinstance(found, Packable):
        layer.planes = len(found.filters.planes)
        return _packable(layer.graph, found, is_larqs)
    if isinstance(found, NotPacked) and (layer.is_quantised or _no_sign(layer)) and not layer.passed:
        return found.reason, found.fix
    if not layer.is_quantised and layer.filters is None:
        return _not_quantised(layer)
    if node.op not in ("CONV_2D", "FULLY_CONNECTED"):
        reason, fix = _WITHOUT_KERNEL.get(node.op, _RECURRENT)
        what = "inputs of few values" if layer.is_quantised else "weights of few values"
        return f"{what}, but {reason}", fix
    if not layer.is_quantised:
        return _few_weights(layer)
    if layer.filters is None:
        return "inputs of few values, but weights in full precision", "quantise its weights, too"
    if layer.between:
        return _passed(layer)
    if node.op == "FULLY_CONNECTED":
        rows = layer.multiplication.positions
        if rows > 1:
            return (
                f"it works on {rows} rows, and only dense layers of one row are packed",
                f"use a 1×1 convolution over a map of (1, {rows}, 1, channels)",
            )
        return "its weights are stored in a shuffled form", "convert the model again with a newer converter"
    return f"its weights are stored in {layer.weights.type_name if layer.weights else 'another form'}", (
        "convert the model again with weights in float32, and pack that"
    )


def _packable(graph: Graph, found: Packable, is_larqs: bool) -> tuple[str, str]:
    """A layer that the packer would pack: what kept the converter of this file from it."""
    node = found.layer.node
    levels, planes = len(found.quantiser.thresholds) + 1, len(found.filters.planes)
    here = "edgehybrid convert --format packed packs it, from the run or the model file"
    weights = f"weights of {planes} bit{'' if planes == 1 else 's'}"
    if not is_larqs:
        return f"it can be packed (inputs of {levels} values, {weights}), but this file's converter did not", here
    if node.op == "FULLY_CONNECTED":
        return (
            f"Larq's converter has no binary dense layer: its {weights} are stored in 32 bits",
            f"{here}; for Larq's converter, write it as a convolution with a 1×1 kernel",
        )
    if not found.quantiser.is_sign:
        return (
            f"its inputs take {levels} values, and Larq's converter packs -1 and +1 alone",
            f"{here}; for Larq's converter, quantise with ste_sign",
        )
    if planes > 1:
        return (
            f"it has {weights}, and Larq's converter packs -1 and +1 alone",
            f"{here}; for Larq's converter, quantise with ste_sign",
        )
    before = graph.producer(found.layer.source)
    if before is not None and before.op == "RESHAPE":
        return (
            "its inputs and weights are signs, but a RESHAPE is between, as of a Conv1D, and Larq's converter does not "
            "look behind it",
            f"{here}; for Larq's converter, use a Conv2D on a map of height 1",
        )
    border = f" with its border of {found.layer.pad_value:g}" if found.layer.pads is not None else ""
    hint = "; for Larq's converter, pad with pad_values=1.0" if border else ""
    return f"its inputs and weights are signs, but Larq's converter left it{border}", f"{here}{hint}"


def _no_sign(layer: LayerView) -> bool:
    """Whether something before it nearly is a quantiser."""
    return isinstance(layer.quantiser, NoQuantiser) and bool(layer.quantiser.reason)


def _not_quantised(layer: LayerView) -> tuple[str, str] | None:
    if isinstance(layer.quantiser, NoQuantiser) and layer.quantiser.reason:
        return f"its input is not packed: {layer.quantiser.reason}", layer.quantiser.fix
    return None


def _few_weights(layer: LayerView) -> tuple[str, str]:
    if (near := _not_quantised(layer)) is not None:
        return near
    bits = layer.filters.bits if layer.filters else 0
    what = "weights of ±1" if bits == 1 else f"weights of {bits} bits"
    if layer.weights is not None and layer.weights.type_name != "float32":
        what += f", stored in {layer.weights.type_name}"
    return f"{what}, but inputs in full precision", "quantise its inputs, too (Larq: input_quantizer='ste_sign')"


def _passed(layer: LayerView) -> tuple[str, str]:
    between = ", ".join(dict.fromkeys(layer.between))
    return (
        f"{between} between the quantiser and the layer",
        f"move the quantiser behind {between}: what it does to places and what a quantiser does to values can be "
        "exchanged",
    )


def reasons_of(
    subgraph: CalledSubgraph, rows: Mapping[int, OpRow], left: Mapping[int, WhyNotPacked], between: set[int]
) -> Iterator[tuple[int, str]]:
    """A reason for each operator.

    Args:
        left: what is not packed, by the number of the operator.
        between: operators without weights between binary layers.
    """
    for index, row in rows.items():
        reason = f"not packed: {left[index].reason}" if index in left else _reason(subgraph, row, index in between)
        yield index, reason if row.runs else f"not run in an inference; {reason}"


def _reason(subgraph: CalledSubgraph, row: OpRow, is_between: bool) -> str:
    outputs = subgraph.graph.ops[row.index].outputs
    written = subgraph.graph.tensors[outputs[0]].type_name if outputs else "nothing"
    if row.precision == "packed":
        channels = subgraph.multiplications[row.index][0][0].group_channels
        words = -(-channels // 32) * 32
        unused = f"; {channels} of {words} bits of its words in use" if row.wasted_bits else ""
        if row.op == "EdgehybridConv2d":
            compares = subgraph.graph.ops[row.index].inputs[THRESHOLDS : THRESHOLDS + 1] not in ((), (ABSENT,))
            return f"1-bit weights, 2-bit inputs, writes {'2-bit levels' if compares else f'{written} sums'}{unused}"
        return f"1-bit weights and inputs, writes {'bits' if written == 'int32' else written}{unused}"
    if row.precision is not None:
        is_float = row.precision.startswith(("float", "bfloat"))
        return "full precision: neither inputs nor weights are quantised" if is_float else "weights of 8 bits or fewer"
    if row.index in subgraph.unfolded:
        return "computed from constants alone in each inference: the converter did not fold it"
    if row.macs is None:
        return "a custom operator, whose work is not known"
    if row.macs:
        return "multiplies two maps"
    of_runtime = {
        "EdgehybridLevels": "compares integers with the thresholds of 2-bit levels",
        "EdgehybridScores": "adds the integers of each class, and scales the sum",
        "LceBMaxPool2d": "pools bits",
        "LceDequantize": f"unpacks bits to {written}",
        "LceQuantize": "packs the signs of a map",
    }
    if row.op in of_runtime:
        return of_runtime[row.op]
    return f"{written} between binary layers" if is_between else "no weights"
