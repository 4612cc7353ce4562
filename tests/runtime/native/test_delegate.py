"""What the delegate takes, refuses and reports, seen from LiteRT."""

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import lce_layers
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from flatbuffers import flexbuffers
from lce_layers import VALID, BinaryConv
from native_runs import delegate, host_alone, instruction_sets, library, litert, outputs_of, regions_in, resize, run
from tiny_flatbuffers import TinyOp, TinyTensor, float_flatbuffer, pack, tflite_bytes, two_regions_flatbuffer

LAYER = BinaryConv()
SUPPORT = Path(lce_layers.__file__).parent


def test_exports_two_functions() -> None:
    try:
        listing = subprocess.run(
            ["nm", "-D", "--defined-only", library()], capture_output=True, text=True, check=True
        ).stdout
    except FileNotFoundError:
        pytest.skip("nm is not installed")
    assert {line.split()[-1] for line in listing.splitlines()} == {
        "tflite_plugin_create_delegate",
        "tflite_plugin_destroy_delegate",
    }


def test_an_unknown_option_is_refused_with_those_allowed() -> None:
    with pytest.raises(ValueError, match="option 'thread' is unknown; isa, report_file and profile_file are allowed"):
        delegate(thread="2")


def test_an_unknown_instruction_set_is_refused_with_those_allowed() -> None:
    assert instruction_sets()[:2] == ("reference", "portable")
    with pytest.raises(ValueError, match=r"'mmx' is unknown or not this processor's; allowed here: reference, "):
        delegate(isa="mmx")


def test_a_report_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"option 'report_file' names .*no/report', which cannot be written"):
        delegate(report_file=str(tmp_path / "no" / "report"))


def test_the_environment_names_the_instruction_set_and_the_option_overrides_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = tmp_path / "report.jsonl"
    monkeypatch.setenv("EDGEHYBRID_ISA", "portable")
    litert(LAYER.flatbuffer(), report_file=str(report))
    assert regions_in(report)[0]["isa"] == "portable"
    litert(LAYER.flatbuffer(), report_file=str(report), isa="reference")
    assert [region["isa"] for region in regions_in(report)] == ["reference"]
    monkeypatch.setenv("EDGEHYBRID_ISA", "mmx")
    with pytest.raises(ValueError, match="EDGEHYBRID_ISA: instruction set 'mmx'"):
        delegate()


def test_the_best_instruction_set_is_the_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EDGEHYBRID_ISA", raising=False)
    report = tmp_path / "report.jsonl"
    litert(LAYER.flatbuffer(), report_file=str(report))
    assert regions_in(report)[0]["isa"] == instruction_sets()[-1]


@pytest.mark.parametrize(("asked", "used"), [(1, 1), (3, 3)])
def test_reports_each_region(asked: int, used: int, tmp_path: Path) -> None:
    report = tmp_path / "report.jsonl"
    litert(LAYER.flatbuffer(), threads=asked, isa="reference", report_file=str(report))
    assert regions_in(report) == [{"isa": "reference", "threads": used, "batch": 1, "nodes": [0, 1], "graph_nodes": 2}]


def test_follows_the_batch_and_back(tmp_path: Path) -> None:
    report = tmp_path / "report.jsonl"
    layer = replace(LAYER, output="packed")
    images = replace(layer, batch=5).image()
    expected = np.concatenate([run(layer.flatbuffer(), image[None]) for image in images])
    for isa in instruction_sets():
        interpreter = litert(layer.flatbuffer(), isa=isa, report_file=str(report))
        for count in (5, 1, 2, 5):
            resize(interpreter, images[:count].shape)
            np.testing.assert_array_equal(outputs_of(interpreter, images[:count])[0], expected[:count])
        assert [region["batch"] for region in regions_in(report)] == [1, 5, 1, 2, 5]


def test_a_flatbuffer_of_a_larger_batch_runs() -> None:
    layer = replace(LAYER, batch=3)
    images = layer.image()
    expected = np.concatenate([run(LAYER.flatbuffer(), image[None]) for image in images])
    for isa in instruction_sets():
        np.testing.assert_array_equal(run(layer.flatbuffer(), images, isa=isa), expected)


def test_another_size_is_refused() -> None:
    interpreter = litert(LAYER.flatbuffer())
    rule = (
        r"'image' now has the shape \(1, 9, 9, 32\); in the flatbuffer it is \(1, 7, 6, 32\), of which only the first"
    )
    with pytest.raises(RuntimeError, match=rule):
        resize(interpreter, (1, 9, 9, 32))


def test_many_interpreters_leave_nothing_behind() -> None:
    """Memory is looked at in a process of its own: 100 further interpreters may cost less than one map a time."""
    script = (
        "import resource, sys\n"
        "sys.path[:0] = sys.argv[1:]\n"
        "from lce_layers import BinaryConv\n"
        "from native_runs import run\n"
        "layer = BinaryConv((64, 64), 64, 64)\n"
        "content, image = layer.flatbuffer(), layer.image()\n"
        "def peak(count):\n"
        "    for _ in range(count): run(content, image)\n"
        "    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "first = peak(10)\n"
        "print(peak(100) - first)\n"
    )
    library()
    done = subprocess.run(
        [sys.executable, "-c", script, str(SUPPORT), str(SUPPORT.parents[1])],
        capture_output=True,
        text=True,
        check=True,
    )
    # A float map of the layer has 1024 KiB; the host keeps some of its memory for later.
    assert int(done.stdout) < 20 * 1024


def test_a_float_network_stays_with_the_host(tmp_path: Path) -> None:
    report = tmp_path / "report.jsonl"
    image = np.random.default_rng(0).normal(size=(1, 5, 5, 2)).astype(np.float32)
    result = outputs_of(litert(float_flatbuffer(), report_file=str(report)), image)
    assert regions_in(report) == []
    np.testing.assert_array_equal(result, outputs_of(host_alone(float_flatbuffer()), image))


def test_takes_what_is_connected_and_leaves_the_rest(tmp_path: Path) -> None:
    """x → RELU → quantize → dequantize → LOGISTIC → RELU6 → out; x → NEG → RELU → other."""
    shape, report = (1, 4, 4, 8), tmp_path / "report.jsonl"
    names = ("x", "relu", "bits", "signs", "logistic", "out", "neg", "other")
    tensors = [TinyTensor(name, shape) for name in names]
    tensors[2] = TinyTensor("bits", (1, 4, 4, 1), "int32")
    content = tflite_bytes(
        tensors,
        [
            TinyOp("NEG", [0], [6], schema.NegOptionsT()),
            TinyOp("RELU", [0], [1]),
            TinyOp("LceQuantize", [1], [2]),
            TinyOp("RELU", [6], [7]),
            TinyOp("LceDequantize", [2], [3]),
            TinyOp("LOGISTIC", [3], [4]),
            TinyOp("RELU6", [4], [5]),
        ],
        [0],
        [5, 7],
    )
    image = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    out, other = outputs_of(litert(content, report_file=str(report)), image)
    assert [region["nodes"] for region in regions_in(report)] == [[1, 2, 4]]
    np.testing.assert_array_equal(other, np.maximum(-image, 0))
    np.testing.assert_allclose(out, 1 / (1 + np.exp(-1.0)), rtol=1e-6)


def test_regions_on_both_sides_of_the_hosts_nodes(tmp_path: Path) -> None:
    shape, report = (1, 4, 4, 40), tmp_path / "report.jsonl"
    interpreter = litert(two_regions_flatbuffer(shape), report_file=str(report))
    images = np.random.default_rng(0).normal(size=(3, *shape[1:])).astype(np.float32)
    resize(interpreter, images.shape)
    np.testing.assert_array_equal(outputs_of(interpreter, images)[0], np.where(images < 0, 1, -1))
    assert [(region["nodes"], region["batch"]) for region in regions_in(report)] == [
        ([0, 1], 1),
        ([3, 4], 1),
        ([0, 1], 3),
        ([3, 4], 3),
    ]


def edited(change: Callable[[Any], None]) -> bytes:
    """LAYER's flatbuffer after ``change`` of its subgraph, of which tensors are those of ``BinaryConv``."""
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(LAYER.flatbuffer(), 0))
    change(model.subgraphs[0])
    return pack(model)


def with_quantizer_options(**options: int) -> Callable[[Any], None]:
    def change(graph: Any) -> None:
        graph.operators[0].customOptions = np.frombuffer(flexbuffers.Dumps(options), np.uint8)

    return change


def with_options(**options: Any) -> Callable[[Any], None]:
    kept = {key: value for key, value in (LAYER.options() | options).items() if value is not None}

    def change(graph: Any) -> None:
        graph.operators[1].customOptions = np.frombuffer(flexbuffers.Dumps(kept), np.uint8)

    return change


def with_bytes(content: bytes) -> Callable[[Any], None]:
    def change(graph: Any) -> None:
        graph.operators[1].customOptions = np.frombuffer(content, np.uint8)

    return change


def with_shape(tensor: int, shape: tuple[int, ...]) -> Callable[[Any], None]:
    def change(graph: Any) -> None:
        graph.tensors[tensor].shape = np.array(shape, np.int32)

    return change


def with_type(tensor: int, type_name: str) -> Callable[[Any], None]:
    def change(graph: Any) -> None:
        graph.tensors[tensor].type = getattr(schema.TensorType, type_name)

    return change


def with_inputs(*inputs: int) -> Callable[[Any], None]:
    def change(graph: Any) -> None:
        graph.operators[1].inputs = np.array(inputs, np.int32)

    return change


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (with_options(stride_width=None), "its option 'stride_width' is missing"),
        (with_options(stride_width=0), "its option 'stride_width' is 0; 1 to 32768 is allowed"),
        (with_options(stride_height=1 << 40), "its option 'stride_height' is 1099511627776"),
        (with_options(dilation_height_factor=-1), "its option 'dilation_height_factor' is -1"),
        (with_options(padding=2), "its option 'padding' is 2; 0 to 1 is allowed"),
        (with_options(pad_values=-1), "its option 'pad_values' is -1; 0 to 1 is allowed"),
        (with_options(fused_activation_function=4), "its option 'fused_activation_function' is 4"),
        (with_options(channels_in=0), "its option 'channels_in' is 0"),
        (with_options(channels_in=31), "its option 'channels_in' is 31 where its input has 32"),
        (with_options(channels_in=64), "its option 'channels_in' is 64 where its input has 32"),
        (with_options(channels_in="32"), "its option 'channels_in' is no integer"),
        (with_options(weights_bits=2), "its option 'weights_bits' is unknown"),
        (with_quantizer_options(rounding=1), "its option 'rounding' is unknown"),
        (with_options(**{"a\n" + 50 * "b": 1}), rf"its option 'a\?{38 * 'b'}' is unknown"),
        (with_bytes(b""), "its options are no FlexBuffers map|it has no options"),
        (with_bytes(b"\1\2\3\4"), "its options are no FlexBuffers map"),
        (with_options(stride_width=2), r"its output is \(1, 7, 6\) where its input and options give \(1, 7, 3\)"),
        (with_options(padding=VALID), r"its output is \(1, 7, 6\) where its input and options give \(1, 5, 4\)"),
        (with_shape(6, (1, 7, 6, 9)), "its output has 9 channels where its filter has 8"),
        (with_shape(6, (2, 7, 6, 8)), r"its output is \(2, 7, 6\)"),
        (with_shape(6, (7, 6, 8)), "its output is"),
        (with_shape(6, (1, 7, 6, 0)), r"tensor 'conv' has the shape \(1, 7, 6, 0\)"),
        (with_shape(6, (1, 1 << 15, 1 << 15, 1 << 15)), "sizes from 1 and at most 268435456 elements are allowed"),
        (with_shape(6, (8,)), "two to four dimensions are allowed"),
        (with_shape(2, (8, 3, 1, 3)), "its filter has 3 words where its input has 1"),
        (with_shape(2, (8, 9, 1)), r"its filter has the shape \(8, 9, 1\); the axes are OHWI"),
        (with_shape(3, (4, 2)), r"constant 'multiplier' has the shape \(4, 2\) where 8 channels are"),
        (with_type(3, "INT32"), "tensor 'multiplier' has another type"),
        (with_type(2, "FLOAT32"), "tensor 'filters' has another type"),
        (with_type(6, "INT8"), "its output has the scale 0"),
        (with_type(6, "BOOL"), "tensor 'conv' is not float32, int8 or packed int32"),
        (with_type(1, "FLOAT32"), "tensor 'bits' has another type"),
        (with_inputs(1, 2, 3, 4), "it has another number of inputs or outputs"),
        (with_inputs(1, 2, -1, -1, -1), "it lacks a tensor that its operator needs"),
        (with_inputs(1, 1, 3, 4, -1), "tensor 'bits' is no dense constant"),
        (with_inputs(2, 2, 3, 4, -1), "tensor 'filters' is a constant"),
        (with_inputs(1, 2, 3, 0, -1), "tensor 'image' is no dense constant"),
    ],
)
def test_a_convolution_that_is_not_sound_is_refused_by_name(change: Callable[[Any], None], reason: str) -> None:
    """The host has no kernel for it, so the model does not run."""
    library()
    with pytest.raises(RuntimeError, match=rf"edgehybrid: node \d \(Lce\w+\) cannot run: .*({reason})"):
        litert(edited(change))


def test_bits_behind_the_last_channel_are_refused() -> None:
    tensors = [
        TinyTensor("image", (1, 1, 1, 33)),
        TinyTensor("bits", (1, 1, 1, 2), "int32"),
        TinyTensor("filters", (1, 1, 1, 2), "int32", np.array([0, 2], np.int32)),
        TinyTensor("one", (1,), data=np.ones(1, np.float32)),
        TinyTensor("conv", (1, 1, 1, 1)),
    ]
    options = replace(LAYER, channels_in=33).options()
    ops = [TinyOp("LceQuantize", [0], [1]), TinyOp("LceBconv2d", [1, 2, 3, 3, -1], [4], options)]
    with pytest.raises(RuntimeError, match="its filter has bits set behind its last channel"):
        litert(tflite_bytes(tensors, ops, [0], [4]))
