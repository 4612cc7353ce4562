"""Planes of signs, each once."""

import numpy as np
import pytest
from small_graphs import SmallGraph, maps, ops, run

from converters.edits.bit_planes import BitPlanes
from converters.graph import Node, Value
from converters.quantisers import Quantiser

THRESHOLDS = (-0.5, 0.0, np.float32(2 / 3).item())


def with_planes(is_complement: bool) -> tuple[SmallGraph, BitPlanes, Quantiser, list[Value]]:
    small = SmallGraph(1, 5, 4, 33)
    planes = BitPlanes(small.graph)
    quantiser = Quantiser(small.image, THRESHOLDS, 1.0, 0.0, small.image.shape)
    return small, planes, quantiser, planes.of(quantiser, is_complement, small.image.shape)


@pytest.mark.parametrize("is_complement", [False, True])
@pytest.mark.parametrize("number", range(len(THRESHOLDS)))
def test_a_plane_is_plus_one_from_its_threshold_on(number: int, is_complement: bool) -> None:
    """Exactly: at the threshold, at the floats around it, at both zeros."""
    small, _, _, planes = with_planes(is_complement)
    signs = Value("signs", small.image.shape)
    small.graph.nodes.append(Node("LceDequantize", [planes[number]], [signs]))
    small.graph.outputs = [signs]
    small.graph.prune()
    images = maps(np.random.default_rng(0), small.image.shape)
    threshold = np.float32(THRESHOLDS[number])
    images[0, 0, 0, :3] = np.nextafter(threshold, np.float32([-9, 0, 9]))[[0, 1, 2]]
    images[0, 0, 0, 3] = threshold
    expected = np.where((images >= threshold) != is_complement, 1, -1)
    np.testing.assert_array_equal(run(small.graph, images), expected)


def test_a_plane_is_made_once() -> None:
    small, planes, quantiser, first = with_planes(False)
    count = len(small.graph.nodes)
    assert planes.of(quantiser, False, small.image.shape) == first
    assert len(small.graph.nodes) == count
    assert planes.of(quantiser, True, small.image.shape) != first


def test_the_sign_needs_no_subtraction() -> None:
    small, _, _, _ = with_planes(False)
    assert ops(small.graph).count("SUB") == len(THRESHOLDS) - 1


@pytest.mark.parametrize("is_complement", [False, True])
def test_planes_of_a_flattened_map_share_its_reshape(is_complement: bool) -> None:
    small = SmallGraph(1, 2, 2, 33)
    quantiser = Quantiser(small.image, THRESHOLDS, 1.0, 0.0, (1, 1, 1, 132))
    planes = BitPlanes(small.graph).of(quantiser, is_complement, quantiser.shape)
    assert ops(small.graph).count("RESHAPE") == 1
    signs = Value("signs", quantiser.shape)
    small.graph.nodes.append(Node("LceDequantize", [planes[0]], [signs]))
    small.graph.outputs = [signs]
    images = maps(np.random.default_rng(0), small.image.shape)
    expected = np.where((images >= THRESHOLDS[0]) != is_complement, 1, -1)
    np.testing.assert_array_equal(run(small.graph, images).ravel(), expected.ravel())


@pytest.mark.parametrize("level", range(len(THRESHOLDS) + 1))
def test_a_border_has_the_value_that_was_asked_for(level: int) -> None:
    small, planes, quantiser, _ = with_planes(False)
    padded = planes.padded(quantiser, np.array([[0, 0], [1, 0], [2, 3], [0, 0]]), level)
    assert padded.shape == padded.source.shape == (1, 6, 9, 33)
    pad = small.graph.producer(padded.source)
    assert pad is not None
    fill = pad.constant(2)
    assert fill is not None
    assert sum(float(fill) >= threshold for threshold in THRESHOLDS) == level
