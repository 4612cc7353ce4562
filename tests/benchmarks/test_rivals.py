"""benchmarks/rivals.py: the twin without BatchNorm."""

import sys
from pathlib import Path

import pytest
from rivals import SkippedError, flatbuffers_of, without_batch_norm

from edgehybrid.networks import Network, float_twin, network_of
from edgehybrid.recipe import load_recipe


def twin(name: str) -> Network:
    return network_of(float_twin(load_recipe(name)))


@pytest.mark.parametrize("name", ["hybrid_res_a", "hybrid_vgg_a"])
def test_it_has_the_layers_of_the_twin_and_no_batch_norm(name: str) -> None:
    network, before = without_batch_norm(twin(name)), twin(name)
    assert network.layers == before.layers
    assert {node.op for node in network.graph} == {node.op for node in before.graph} - {"batch_norm"}
    known = {"image"}
    for node in network.graph:
        assert set(node.inputs) <= known
        known.add(node.name)


def test_a_relu_goes_where_nothing_negative_can_come_from() -> None:
    names = {node.name for node in without_batch_norm(twin("hybrid_res_a")).graph}
    # add1 is a sum of two maps behind a ReLU, add2 one of a map that is not.
    assert "stage1_block1_conv2_relu" not in names
    assert {"conv1_relu", "stage1_block1_branch_relu", "stage1_block1_relu"} <= names


def test_quicknet_is_skipped_with_a_reason_where_larq_zoo_is_not(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "larq_zoo", None)
    with pytest.raises(SkippedError, match="larq_zoo is not installed"):
        flatbuffers_of("quicknet", tmp_path, "x86_64")
