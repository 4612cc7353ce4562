"""Random networks of Larq's operators and those between them: the same numbers as in Larq's interpreter, to the bit.

One image, one group, float32 or packed results; the other forms of a layer stand in test_larq_operators.py.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st
from lce_layers import NONE, RELU, SAME, VALID, BinaryConv, output_size, pack, words_of
from native_runs import instruction_sets, lce, run
from tiny_flatbuffers import TinyOp, TinyTensor, tflite_bytes

CHANNELS = (1, 8, 16, 31, 32, 33, 64)
Shape = tuple[int, int, int, int]


@dataclass
class Draft:
    """A flatbuffer that grows operator by operator; its last tensor is what the next one reads.

    Attributes:
        floats: tensors of float32 that a sum may read again, by shape.
    """

    shape: Shape
    seed: int
    tensors: list[TinyTensor] = field(default_factory=list)
    ops: list[TinyOp] = field(default_factory=list)
    floats: dict[Shape, list[int]] = field(default_factory=dict)
    last: int = 0
    is_packed: bool = False

    def __post_init__(self) -> None:
        self.random = np.random.default_rng(self.seed)
        self.tensors.append(TinyTensor("image", self.shape))
        self.floats[self.shape] = [0]

    def constant(self, data: Any, kind: str = "float32") -> int:
        self.tensors.append(TinyTensor(f"constant{len(self.tensors)}", data.shape, kind, data))
        return len(self.tensors) - 1

    def add(self, name: str, inputs: list[int], shape: Shape, is_packed: bool, options: Any = None) -> None:
        stored = (*shape[:3], words_of(shape[3])) if is_packed else shape
        self.tensors.append(TinyTensor(f"map{len(self.tensors)}", stored, "int32" if is_packed else "float32"))
        self.last, self.shape, self.is_packed = len(self.tensors) - 1, shape, is_packed
        self.ops.append(TinyOp(name, inputs, [self.last], options))
        if not is_packed:
            self.floats.setdefault(shape, []).append(self.last)

    def convolve(self, layer: BinaryConv) -> None:
        height, width = (
            output_size(layer.size[axis], layer.kernel[axis], layer.stride[axis], 1, layer.padding) for axis in (0, 1)
        )
        bits = self.random.integers(0, 2, (layer.channels_out, *layer.kernel, layer.channels_in)).astype(bool)
        filters = self.constant(pack(bits), "int32")
        is_packed = layer.output == "packed"
        vectors = (
            [-1, -1, self.constant(layer.thresholds(), "int32")]
            if is_packed
            else [*map(self.constant, layer.vectors()), -1]
        )
        shape = (1, height, width, layer.channels_out)
        self.add("LceBconv2d", [self.last, filters, *vectors], shape, is_packed, layer.options())

    def content(self) -> bytes:
        if self.is_packed:
            self.add("LceDequantize", [self.last], self.shape, is_packed=False)
        return tflite_bytes(self.tensors, self.ops, [0], [self.last])


def quantize(draw: st.DrawFn, draft: Draft) -> None:
    draft.add("LceQuantize", [draft.last], draft.shape, is_packed=True)


def convolution(draw: st.DrawFn, draft: Draft) -> None:
    size, output = draft.shape[1:3], draw(st.sampled_from(["float32", "packed"]))
    kernel = (draw(st.integers(1, 3)), draw(st.integers(1, 3)))
    fits = kernel[0] <= size[0] and kernel[1] <= size[1]
    draft.convolve(
        BinaryConv(
            size,
            draft.shape[3],
            draw(st.sampled_from(CHANNELS)),
            kernel,
            (draw(st.integers(1, 2)), draw(st.integers(1, 2))),
            padding=draw(st.sampled_from([SAME, VALID] if fits else [SAME])),
            activation=NONE if output == "packed" else draw(st.sampled_from([NONE, RELU])),
            output=output,
            seed=draft.seed + len(draft.ops),
        )
    )


def pool(draw: st.DrawFn, draft: Draft) -> None:
    options = {f"{name}_{side}": 2 for name in ("filter", "stride") for side in ("height", "width")} | {"padding": SAME}
    batch, height, width, channels = draft.shape
    draft.add("LceBMaxPool2d", [draft.last], (batch, -(-height // 2), -(-width // 2), channels), True, options)


def by_channel(draw: st.DrawFn, draft: Draft) -> None:
    name, options = draw(st.sampled_from([("MUL", schema.MulOptionsT()), ("ADD", schema.AddOptionsT())]))
    vector = draft.constant(draft.random.normal(size=draft.shape[3]).astype(np.float32))
    draft.add(name, [draft.last, vector], draft.shape, False, options)


def relu(draw: st.DrawFn, draft: Draft) -> None:
    draft.add("RELU", [draft.last], draft.shape, False)


def residual(draw: st.DrawFn, draft: Draft) -> None:
    other = draw(st.sampled_from(draft.floats[draft.shape]))
    draft.add("ADD", [draft.last, other], draft.shape, False, schema.AddOptionsT())


@st.composite
def drafts(draw: st.DrawFn) -> Draft:
    shape = (1, draw(st.integers(1, 12)), draw(st.integers(1, 12)), draw(st.sampled_from(CHANNELS)))
    draft = Draft(shape, draw(st.integers(0, 2**31)))
    quantize(draw, draft)
    for _ in range(draw(st.integers(2, 12))):
        # Most often what leads on to the next convolution.
        grow = [convolution, convolution, pool] if draft.is_packed else [quantize, quantize, by_channel, relu, residual]
        draw(st.sampled_from(grow))(draw, draft)
    return draft


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(draft=drafts())
def test_random_networks_agree_with_larqs_interpreter(draft: Draft) -> None:
    content = draft.content()
    note(f"seed {draft.seed}: {[op.name for op in draft.ops]}")
    image = draft.random.normal(size=draft.tensors[0].shape).astype(np.float32)
    expected = lce(content, image)
    for isa in instruction_sets():
        for threads in (1, 2):
            np.testing.assert_array_equal(run(content, image, threads, isa=isa), expected, f"{isa}, {threads} threads")
