"""Operators of levels on every instruction set, against whole numbers in NumPy: the same bits."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from lce_layers import words_of
from level_networks import CHANNELS, IMAGE, LevelNetwork, conv_options, random_network
from native_runs import instruction_sets, library, litert, outputs_of, regions_in, resize

from converters.graph import Graph, Node, Value, constant
from converters.graph_file import flatbuffer_of
from edgehybrid.errors import FlatbufferError
from edgehybrid.runtime import Interpreter


def network_of(seed: int = 0, batch: int = 1, images: int = 3, size: tuple[int, int] = (7, 6)) -> LevelNetwork:
    rng = np.random.default_rng(seed)
    return LevelNetwork(rng.integers(-128, 128, (images, *size, 3)).astype(np.int8), rng, batch)


def agrees(network: LevelNetwork, threads: int = 1) -> None:
    library()
    content, count = network.flatbuffer(), network.batch
    names = [value.name for value in network.outputs]
    for isa in instruction_sets():
        interpreter = litert(content, threads, isa=isa)
        places = [detail["name"] for detail in interpreter.get_output_details()]
        for begin in range(0, len(network.images), count):
            outputs = dict(zip(places, outputs_of(interpreter, network.images[begin : begin + count]), strict=True))
            for name, expected in zip(names, network.expected, strict=True):
                np.testing.assert_array_equal(outputs[name], expected[begin : begin + count], f"{isa}, {name}")


@pytest.mark.parametrize("seed", range(120))
def test_random_networks_agree(seed: int) -> None:
    batch, threads = ((1, 1), (1, 2), (3, 1), (3, 2))[seed % 4]
    agrees(random_network(seed, batch), threads)


@pytest.mark.parametrize("channels_in", [15, 16, 30, 31 * 3, 33, 66, 129])
@pytest.mark.parametrize("kernel", [1, 3])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("gives_levels", [False, True])
def test_every_number_of_channels_agrees(channels_in: int, kernel: int, stride: int, gives_levels: bool) -> None:
    for channels_out in CHANNELS:
        network = network_of(channels_out)
        source = network.levels(network.image, channels_in // 3)
        out = network.conv(source, channels_out, (kernel, kernel), (stride, stride), None, gives_levels)
        network.scores(network.conv(out, 7, (1, 1)) if gives_levels else out)
        agrees(network)


@pytest.mark.parametrize("size", [(1, 1), (1, 5), (2, 2)])
@pytest.mark.parametrize("stride", [(1, 1), (2, 2), (2, 1)])
def test_a_border_is_the_level_0(size: tuple[int, int], stride: tuple[int, int]) -> None:
    """Where all levels are 3, a border of any other level would show."""
    network = network_of(size=size)
    source = network.levels(network.image)
    network.nodes[0].inputs[1] = constant("always", np.array([[-(2**31)] * 3 + [-1]] * 3, np.int32))
    network.numbers[source][:] = 3
    network.scores(network.conv(source, 33, (3, 3), stride))
    agrees(network)


@pytest.mark.parametrize("direction", [1, -1])
def test_every_number_of_a_byte_meets_its_thresholds(direction: int) -> None:
    """Channel i of 256 has the threshold i - 128: its level says whether it is passed. The image is as it is stored."""
    images = np.arange(-128, 128).astype(np.int8).reshape(256, 1, 1, 1)
    network = LevelNetwork(images, np.random.default_rng(0))
    network.image.quantization = schema.QuantizationParametersT(scale=[0.5], zeroPoint=[-128])
    rows = np.repeat(np.arange(-128, 128)[:, None], 3, 1) * direction
    rows[:, 1:] = 2**31 - 1
    network.thresholds = lambda numbers: np.concatenate([rows, np.full((256, 1), direction)], 1)  # type: ignore[method-assign]
    source = network.levels(network.image, 256)
    network.scores(network.conv(source, 40, (1, 1)))
    assert network.numbers[source].sum() == 256 * 257 // 2
    agrees(network)


def residual_network(stages: tuple[int, ...], side: int, blocks: int = 2, is_float: bool = True) -> LevelNetwork:
    rng = np.random.default_rng(0)
    images = rng.integers(-128, 128, (2, side, side, 3)).astype(np.int8)
    network = LevelNetwork(images, rng, is_float=is_float)
    carried = network.conv(network.levels(network.image, 8), stages[0])
    for stage, channels in enumerate(stages):
        for block in range(blocks):
            stride = 2 if stage > 0 and block == 0 else 1
            levels = network.levels(carried)
            if stride == 2:
                carried = network.conv(levels, channels, (1, 1), (2, 2))
            inner = network.conv(levels, channels, stride=(stride, stride), gives_levels=True)
            carried = network.conv(inner, channels, residual=carried)
    network.scores(network.conv(network.levels(carried), 10, (1, 1)))
    return network


def test_a_network_of_residuals_runs_in_the_interpreter() -> None:
    """Each convolution is one part, with the levels behind it: three binary ones and their sum would be more."""
    library()
    network = residual_network((16, 32), 8)
    images = network.images.astype(np.float32)
    for threads in (1, 2):
        interpreter = Interpreter(network.flatbuffer(), threads=threads)
        np.testing.assert_array_equal(interpreter.predict(images), network.expected[0])
        np.testing.assert_array_equal(interpreter(images[:1]), network.expected[0][:1])
        assert interpreter.delegated_nodes == interpreter.graph_nodes - 1
    parts = [part.name for part in interpreter.profile(images, runs=2)]
    ops = [node.op for node in network.nodes]
    assert sum(name.startswith("EdgehybridConv2d") for name in parts) == ops.count("EdgehybridConv2d")
    assert parts.count("EdgehybridConv2d + EdgehybridLevels") == ops.count("EdgehybridLevels") - 1


def test_the_batch_may_grow(tmp_path: Path) -> None:
    report = tmp_path / "report.jsonl"
    network = random_network(7)
    interpreter = litert(network.flatbuffer(), report_file=str(report))
    for count in (3, 1, 2):
        resize(interpreter, (count, *network.images.shape[1:]))
        outputs = outputs_of(interpreter, network.images[:count])
        places = [detail["name"] for detail in interpreter.get_output_details()]
        for value, expected in zip(network.outputs, network.expected, strict=True):
            np.testing.assert_array_equal(outputs[places.index(value.name)], expected[:count])
    every = list(range(len(network.nodes)))
    assert [(region["batch"], region["nodes"]) for region in regions_in(report)] == [
        (1, every),
        (3, every),
        (1, every),
        (2, every),
    ]


def test_an_image_of_computed_bytes_is_read() -> None:
    """LceDequantize to int8, inside of the region."""
    shape = (1, 5, 4, 33)
    network = LevelNetwork(np.zeros(shape, np.int8), np.random.default_rng(0))
    floats, bits = Value("floats", shape), Value("bits", (*shape[:3], 2), "int32")
    network.image.quantization = schema.QuantizationParametersT(scale=[0.25], zeroPoint=[3])
    network.input = floats
    network.nodes += [Node("LceQuantize", [floats], [bits]), Node("LceDequantize", [bits], [network.image])]
    image = np.random.default_rng(1).normal(size=shape).astype(np.float32)
    network.numbers[network.image] = np.where(image < 0, -1, 7)
    network.scores(network.conv(network.levels(network.image), 5))
    for isa in instruction_sets():
        result = outputs_of(litert(network.flatbuffer(), isa=isa), image)[0]
        np.testing.assert_array_equal(result, network.expected[0])


def small_graph() -> Graph:
    """image → Levels (nodes[0]) → Conv2d (1) → Conv2d with a residual (2) → Scores (3); 33 channels."""
    network = network_of(images=1)
    assert network.image.shape == IMAGE
    levels = network.levels(network.image, 11)
    network.scores(network.conv(levels, 33, residual=network.conv(levels, 33)))
    network.nodes[1].inputs[2:] = [None, None]
    return Graph([network.input], network.outputs, network.nodes)


Change = Callable[[Graph], None]


def with_option(node: int, name: str, value: int | None) -> Change:
    def change(graph: Graph) -> None:
        options = graph.nodes[node].options
        options.pop(name)
        if value is not None:
            options[name] = value

    return change


def with_input(node: int, position: int, value: Any) -> Change:
    def change(graph: Graph) -> None:
        inputs = graph.nodes[node].inputs
        inputs[position] = value(graph) if callable(value) else value

    return change


def with_thresholds(position: tuple[int, int], number: int) -> Change:
    def change(graph: Graph) -> None:
        data = graph.nodes[0].inputs[1].data.copy()  # type: ignore[union-attr]
        data[position] = number
        graph.nodes[0].inputs[1] = constant("thresholds", data)

    return change


def with_output(node: int, shape: tuple[int, ...], type_name: str = "int32") -> Change:
    def change(graph: Graph) -> None:
        graph.nodes[node].output.shape, graph.nodes[node].output.type_name = shape, type_name

    return change


def as_levels_of_integers(channels: int) -> Change:
    def change(graph: Graph) -> None:
        out = Value("levels", (1, 7, 6, 2 * words_of(channels)), "int32")
        inputs: list[Value | None] = [graph.nodes[1].output, words(channels, 4)]
        graph.nodes.insert(2, Node("EdgehybridLevels", inputs, [out], {"channels": channels}))

    return change


def words(*shape: int) -> Value:
    return constant("words", np.zeros(shape, np.int32))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (with_option(0, "channels", None), "it has no options"),
        (with_option(0, "channels", 0), "its option 'channels' is 0; 1 to"),
        (with_option(0, "channels", 34), "'channels' is 34; the 3 of its map are allowed, and multiples of them"),
        (with_option(0, "channels", 36), r"its thresholds have the shape \(33, 4\) where \(36, 4\) is needed"),
        (with_option(0, "channels", 3), "has 4 words a pixel where levels of 3 channels have 2"),
        (with_option(0, "channels", 3 << 26), "has 4 words a pixel where levels of 201326592 channels have 12582912"),
        (with_thresholds((2, 3), 0), "the direction of channel 2 is 0; 1 and -1 are allowed"),
        (with_thresholds((32, 3), -(2**31)), "the direction of channel 32 is -2147483648"),
        (with_thresholds((5, 0), 2**31 - 1), "the thresholds of channel 5 do not ascend"),
        (with_input(0, 1, None), "it lacks a tensor that its operator needs"),
        (with_input(0, 1, words(33, 3)), r"its thresholds have the shape \(33, 3\)"),
        (with_input(0, 1, words(132)), r"its thresholds have the shape \(132\)"),
        (with_input(0, 1, constant("x", np.zeros((33, 4), np.float32))), "tensor 'x' has another type"),
        (with_input(0, 1, lambda graph: graph.nodes[0].inputs[0]), "has another type than is allowed"),
        (with_input(0, 0, constant("x", np.zeros(IMAGE, np.int8))), "tensor 'x' is a constant"),
        (with_input(0, 0, constant("x", np.zeros(IMAGE, np.int16))), "tensor 'x' is a constant"),
        (with_input(0, 0, constant("x", np.zeros(IMAGE, np.float32))), "tensor 'x' is no map of int16 or int32"),
        (with_output(0, (1, 7, 6, 2)), "has 2 words a pixel where levels of 33 channels have 4"),
        (with_output(0, (1, 6, 7, 4)), r"its output is \(1, 6, 7, 33\) where \(1, 7, 6, 33\) is needed"),
        (with_output(0, (2, 7, 6, 4)), r"its output is \(2, 7, 6, 33\) where \(1, 7, 6, 33\) is needed"),
        (with_output(0, (7, 4)), r"its output is \(7, 1, 1, 33\)"),
        (with_output(0, (168,)), "two to four dimensions"),
        (with_output(0, (1, 7, 6, 4), "int16"), "has another type than is allowed"),
        (with_output(0, (1, 1 << 13, 1 << 13, 4)), "its map has more than 268435456 elements"),
        (with_option(1, "channels_in", 32), "its option 'channels_in' is 32 where its input has 33"),
        (with_option(1, "channels_in", 64), "its option 'channels_in' is 64 where its input has 33"),
        (with_option(1, "channels_in", -1), "its option 'channels_in' is -1"),
        (with_option(1, "stride_width", 0), "its option 'stride_width' is 0; 1 to 32768 is allowed"),
        (with_option(1, "stride_width", 2), r"its output is \(1, 7, 6\) where its input and options give \(1, 7, 3\)"),
        (with_input(1, 0, lambda graph: graph.nodes[2].output), "it reads what a later node computes"),
        (with_input(1, 0, lambda graph: graph.nodes[0].inputs[0]), "no node before it computes the levels"),
        (with_input(2, 0, lambda graph: graph.nodes[1].output), "no node before it computes the levels"),
        (with_input(1, 1, words(33, 3, 3, 1)), "its filter has 1 words where its input has 2"),
        (with_input(1, 1, words(33, 9, 2)), r"its filter has the shape \(33, 9, 2\); the axes are OHWI"),
        (with_input(1, 1, words(32, 3, 3, 2)), "its output has 33 channels where its filter has 32"),
        (with_input(1, 1, words(33, 299, 299, 2)), "its sums may reach more than 8388608"),
        (with_input(1, 1, constant("x", np.full((33, 3, 3, 2), 2, np.int32))), "bits set behind its last channel"),
        (with_input(1, 2, words(33, 4)), "tensor 'value1_.*' has another type than is allowed"),
        (as_levels_of_integers(channels=66), "'channels' is 66; the 33 of its map are allowed"),
        (with_input(2, 3, lambda graph: graph.nodes[0].inputs[0]), "tensor 'image' is no map of int16 or int32"),
        (
            with_input(2, 3, lambda graph: graph.nodes[0].output),
            r"its residual is \(1, 7, 6, 4\) where \(1, 7, 6, 33\)",
        ),
        (with_input(2, 3, constant("x", np.zeros((1, 7, 6, 33), np.int16))), "tensor 'x' is a constant"),
        (with_output(1, (1, 7, 6, 32), "int16"), "its output has 32 channels where its filter has 33"),
        (with_output(1, (1, 7, 6, 33), "int8"), "is no map of int16 or int32"),
        (with_output(3, (1, 32), "float32"), r"its output is \(1, 1, 1, 32\) where \(1, 1, 1, 33\) is needed"),
        (with_output(3, (1, 33), "int32"), "has another type than is allowed"),
        (with_input(3, 0, lambda graph: graph.nodes[0].inputs[0]), "tensor 'image' is no map of int16 or int32"),
        (with_input(3, 1, constant("x", np.ones(32, np.float32))), r"constant 'x' has the shape \(32\) where 33"),
        (lambda graph: graph.nodes[3].inputs.pop(), "it has another number of inputs or outputs"),
        (lambda graph: graph.nodes[2].inputs.append(None), "it has another number of inputs or outputs"),
    ],
)
def test_a_node_that_is_not_sound_is_refused_by_name(change: Change, reason: str) -> None:
    """The host has no kernel for it, so the model does not run."""
    library()
    graph = small_graph()
    change(graph)
    with pytest.raises(RuntimeError, match=rf"edgehybrid: node \d \(Edgehybrid\w+\) cannot run: .*({reason})"):
        litert(flatbuffer_of(graph))


def test_an_operator_of_an_unknown_name_is_refused_with_those_known() -> None:
    library()
    graph = small_graph()
    graph.nodes[3].op = "EdgehybridSoftmax"
    with pytest.raises(RuntimeError, match="EdgehybridLevels, EdgehybridConv2d and EdgehybridScores are known"):
        litert(flatbuffer_of(graph))


@pytest.mark.parametrize("node", [0, 1, 2])
def test_levels_and_integers_that_leave_the_region_are_refused(node: int) -> None:
    library()
    graph = small_graph()
    graph.outputs.append(graph.nodes[node].output)
    with pytest.raises(RuntimeError, match="has it as integers or levels, which none but operators of levels read"):
        litert(flatbuffer_of(graph))


@pytest.mark.parametrize("type_name", ["int16", "int32"])
@pytest.mark.parametrize("node", [2, 3])
def test_integers_that_come_from_outside_are_refused(node: int, type_name: str) -> None:
    library()
    graph = small_graph()
    given = Value("given", (1, 7, 6, 33), type_name)
    graph.inputs.append(given)
    graph.nodes[node].inputs[3 if node == 2 else 0] = given
    with pytest.raises(RuntimeError, match="'given' is read as integers or levels, which no operator"):
        litert(flatbuffer_of(graph))


def test_operators_of_larqs_do_not_read_levels() -> None:
    library()
    graph = small_graph()
    levels = graph.nodes[0].output
    graph.nodes.append(Node("LceDequantize", [levels], [Value("signs", (1, 7, 6, 128))]))
    graph.outputs.append(graph.nodes[-1].output)
    with pytest.raises(RuntimeError, match="its input has 4 words where 33 channels are packed"):
        litert(flatbuffer_of(graph))
    graph = small_graph()
    graph.nodes[1].output.type_name = "int32"
    graph.nodes.append(Node("LceDequantize", [graph.nodes[1].output], [Value("signs", (1, 7, 6, 33 * 32))]))
    graph.outputs.append(graph.nodes[-1].output)
    with pytest.raises(RuntimeError, match="the host does not pass tensor"):
        litert(flatbuffer_of(graph))


def test_operators_of_levels_do_not_read_bits() -> None:
    library()
    shape = (1, 7, 6, 64)
    floats, bits = Value("floats", shape), Value("bits", (1, 7, 6, 2), "int32")
    out, scores = Value("out", (1, 7, 6, 8), "int16"), Value("scores", (1, 8))
    nodes = [
        Node("LceQuantize", [floats], [bits]),
        Node("EdgehybridConv2d", [bits, words(8, 1, 1, 1)], [out], conv_options(32)),
        Node("EdgehybridScores", [out, constant("ones", np.ones(8, np.float32))], [scores]),
    ]
    with pytest.raises(RuntimeError, match="its option 'channels_in' is 32 where its input has 64"):
        litert(flatbuffer_of(Graph([floats], [scores], nodes)))


def test_the_interpreter_names_the_reason() -> None:
    library()
    graph = small_graph()
    with_option(1, "channels_in", 32)(graph)
    with pytest.raises(FlatbufferError, match="its option 'channels_in' is 32 where its input has 33"):
        Interpreter(flatbuffer_of(graph))


def test_a_profile_has_a_time_for_every_node(tmp_path: Path) -> None:
    profile = tmp_path / "profile.jsonl"
    network = random_network(11)
    interpreter = litert(network.flatbuffer(), profile_file=str(profile))
    outputs_of(interpreter, network.images[:1])
    del interpreter
    (line,) = profile.read_text().splitlines()
    found = {node for part in json.loads(line)["parts"] for node in part["nodes"]}
    assert found == set(range(len(network.nodes)))
