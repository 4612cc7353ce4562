"""Names of layers."""

import pytest
from small_graphs import SmallGraph

from converters.edits.short_names import shorten_names


@pytest.mark.parametrize(
    ("name", "short"),
    [
        ("net/relu/Relu;net/conv1_bn/FusedBatchNormV3;net/conv1/Conv2D", "conv1"),
        ("net/stage1/block2/conv/Conv2D1", "stage1/block2/conv"),
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
