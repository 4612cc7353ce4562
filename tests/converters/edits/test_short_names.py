"""Names of layers."""

import pytest
from small_graphs import SmallGraph

from converters.edits.short_names import are_of_layers, shorten_names


@pytest.mark.parametrize(
    ("name", "short"),
    [
        ("net/relu/Relu;net/conv1_bn/FusedBatchNormV3;net/conv1/Conv2D", "conv1"),
        ("net/stage1/block2/conv/Conv2D1", "stage1/block2/conv"),
        ("StatefulPartitionedCall/StatefulPartitionedCall/net/conv1/Conv2D1", "conv1"),
        ("StatefulPartitionedCall", "StatefulPartitionedCall"),
        ("net/dense/MatMul;net/dense_bn/batchnorm/mul_1", "dense"),
        ("net/bn/FusedBatchNormV3;net/mid/QuantConv2D1;net/bn/sub", "mid"),
        ("net/add", "net/add"),
        ("", ""),
    ],
)
def test_a_layer_is_called_by_what_computed_it_first(name: str, short: str) -> None:
    small = SmallGraph(1, 4)
    middle = small.add("RELU", small.image)
    small.add("RELU", middle)
    middle.name = name
    shorten_names(small.graph)
    assert middle.name == short


def test_inputs_and_outputs_keep_theirs_and_constants_need_none() -> None:
    small = SmallGraph(1, 4)
    output = small.add("ADD", small.image, 1.0)
    small.graph.nodes[0].inputs[1].name = "net/constant/of/one"  # type: ignore[union-attr]
    names = small.image.name, output.name
    shorten_names(small.graph)
    assert (small.image.name, output.name) == names
    assert small.graph.nodes[0].inputs[1].name == ""  # type: ignore[union-attr]


def test_names_of_one_model_are_tensorflows() -> None:
    assert not are_of_layers(["net/conv1/Conv2D", "StatefulPartitionedCall/net/relu/Relu;net/add/add", "image"])
    assert are_of_layers(["conv1", "stage1/conv/bits", "stage2/conv/binary"])
