import numpy as np
import pytest
from tiny_runs import random_model, tiny_recipe

from converters.export import export
from converters.graph import Bits, Graph, Node, Value, constant
from converters.graph_file import flatbuffer_of, graph_of
from converters.pack import pack
from converters.taps import Tap, named_by_tensorflow, tapped, taps_of
from edgehybrid.runtime.every_output import every_output
from edgehybrid.runtime.interpreter import Interpreter


def test_a_value_that_an_edit_added_is_no_tap() -> None:
    image, real, bits = Value("image", (1, 2)), Value("conv", (1, 2), computes="net/conv/Conv2D"), Value("b", (1, 1))
    added, bits.type_name = Value("added", (1, 2)), "int32"
    bits.bits = Bits(real, 0.5, True, 2)
    graph = Graph(
        [image],
        [bits],
        [
            Node("RELU", [image], [added]),
            Node("ADD", [added, constant("", np.ones(2, np.float32))], [real], {"fused_activation_function": 1}),
            Node("LceQuantize", [real], [bits]),
        ],
    )
    assert taps_of(graph) == [
        Tap(1, "net/conv/Conv2D", clip=(0.0, np.inf)),
        Tap(2, "net/conv/Conv2D", threshold=0.5, is_complement=True, channels=2),
    ]


def test_every_binary_layer_of_a_packed_network_is_tapped_before_and_behind() -> None:
    packed = pack(export(random_model(tiny_recipe()), "packed"))
    graph = graph_of(packed.content)
    nodes = {tap.node for tap in packed.taps}
    layers = [(index, node) for index, node in enumerate(graph.nodes) if node.op == "LceBconv2d"]
    assert len(layers) == 18
    for index, node in layers:
        assert index in nodes
        assert node.inputs[0] is not None
        assert graph.nodes.index(graph.producer(node.inputs[0])) in nodes  # type: ignore[arg-type]


@pytest.mark.parametrize("is_packed", [False, True])
def test_reading_more_values_changes_no_logit(is_packed: bool) -> None:
    content = export(random_model(tiny_recipe()), "packed")
    taps = taps_of(named_by_tensorflow(graph_of(content)))
    if is_packed:
        content, _, taps = pack(content)
    run = every_output(flatbuffer_of(tapped(graph_of(content), [tap.node for tap in taps])))
    image = np.random.default_rng(5).standard_normal((1, 8, 8, 1)).astype(np.float32)
    logits, *values = run(image)
    assert len(values) == len(taps)
    np.testing.assert_array_equal(logits, Interpreter(content)(image))
