"""What constants alone decide is decided before there is an image."""

import numpy as np
from small_graphs import SmallGraph, edited, maps, ops, run

from converters.edits.fold_constants import fold_constants
from converters.edits.fold_vectors import fold_vectors
from converters.edits.pack_layers import pack_layers
from converters.graph import constant


def test_latent_weights_become_their_signs() -> None:
    """As TensorFlow's converter leaves them where they are too many for it."""
    random = np.random.default_rng(0)
    small = SmallGraph(1, 1, 1, 48)
    value = small.sign(small.image)
    latent = constant("latent", random.normal(size=(1, 1, 48, 20)).astype(np.float32))
    filters = small.add("TRANSPOSE", small.sign(latent), np.array([3, 0, 1, 2], np.int32), shape=(20, 1, 1, 48))
    alpha = small.add("MEAN", small.add("ABS", latent), np.array([0, 1, 2], np.int32), shape=(20,))
    convolved = small.add(
        "CONV_2D",
        value,
        filters,
        np.zeros(20, np.float32),
        shape=(1, 1, 1, 20),
        stride_h=1,
        stride_w=1,
        dilation_h_factor=1,
        dilation_w_factor=1,
    )
    small.add("MUL", convolved, alpha)
    copy = edited(small.graph, fold_constants, pack_layers, fold_vectors)
    assert ops(copy) == ["LceQuantize", "LceBconv2d"]
    assert all(value.data is None or value.data.size < latent.data.size for value in copy.values())  # type: ignore[union-attr]
    images = maps(random, small.image.shape)
    np.testing.assert_allclose(run(copy, images), run(small.graph, images), rtol=1e-5)


def test_what_an_image_decides_stays() -> None:
    small = SmallGraph(1, 4)
    small.add("ADD", small.image, np.ones(4, np.float32))
    assert ops(edited(small.graph, fold_constants)) == ["ADD"]


def test_a_constant_that_would_grow_stays() -> None:
    """Ones of every element of a map are a broadcast, not weights."""
    small = SmallGraph(1, 100)
    row = small.add("RESHAPE", np.ones(10, np.float32), np.array([1, 10], np.int32), shape=(1, 10), new_shape=[1, 10])
    column = small.add("ADD", row, np.ones((10, 1), np.float32), shape=(10, 10))
    flat = small.add("RESHAPE", column, np.array([1, 100], np.int32), shape=(1, 100), new_shape=[1, 100])
    small.add("ADD", small.image, flat)
    assert ops(edited(small.graph, fold_constants)) == ["ADD", "RESHAPE", "ADD"]
