"""Products of a vector and a constant matrix as dense layers."""

import numpy as np
import pytest
from small_graphs import SmallGraph, edited, maps, ops, run, signs

from converters.edits.dense_products import make_dense
from converters.edits.pack_layers import pack_layers


@pytest.mark.parametrize("adj_y", [False, True])
def test_a_product_becomes_a_dense_layer(adj_y: bool) -> None:
    random = np.random.default_rng(0)
    small = SmallGraph(1, 40)
    matrix = random.normal(size=(12, 40) if adj_y else (40, 12)).astype(np.float32)
    small.add("BATCH_MATMUL", small.image, matrix, shape=(1, 12), adj_x=False, adj_y=adj_y)
    copy = edited(small.graph, make_dense)
    assert ops(copy) == ["FULLY_CONNECTED"]
    vectors = maps(random, small.image.shape)
    # Sums of 40 products of numbers up to 4, in another order.
    np.testing.assert_allclose(run(copy, vectors), run(small.graph, vectors), rtol=0, atol=40 * 16 * 2**-24)


def test_a_binary_product_is_packed_then() -> None:
    random = np.random.default_rng(0)
    small = SmallGraph(1, 64)
    small.add("BATCH_MATMUL", small.sign(small.image), signs(random, 64, 12), shape=(1, 12))
    copy = edited(small.graph, make_dense, pack_layers)
    assert "LceBconv2d" in ops(copy)
    vectors = maps(random, small.image.shape)
    np.testing.assert_array_equal(run(copy, vectors), run(small.graph, vectors))


def test_other_products_are_left_alone() -> None:
    random = np.random.default_rng(0)
    matrix = random.normal(size=(8, 12)).astype(np.float32)
    several = SmallGraph(1, 5, 8)
    several.add("BATCH_MATMUL", several.image, matrix, shape=(1, 5, 12))
    turned = SmallGraph(8, 1)
    turned.add("BATCH_MATMUL", turned.image, matrix, shape=(1, 12), adj_x=True)
    of_maps = SmallGraph(1, 8)
    of_maps.add("BATCH_MATMUL", of_maps.image, of_maps.add("RELU", of_maps.image), shape=(1, 1), adj_y=True)
    for small in (several, turned, of_maps):
        assert ops(edited(small.graph, make_dense)) == ops(small.graph)
