"""Signs that a float layer and a binary one read."""

import numpy as np
import pytest
from small_graphs import SmallGraph, edited, maps, ops, run, signs

from converters.edits.pack_layers import pack_layers
from converters.edits.unpack_signs import unpack_signs


def read_twice(how: str) -> SmallGraph:
    """Two layers read a quantised map of 40 channels: one that is packed, and one of full precision."""
    random = np.random.default_rng(0)
    small = SmallGraph(1, 5, 4, 40)
    value = small.image
    if how == "threshold":
        value = small.add("SUB", value, 0.25)
    quantised = {
        "two bits": lambda: small.levels(value, 2),
        "halves": lambda: small.add("MUL", small.sign(value), 0.5),
        "where": lambda: small.where_sign(value),
    }.get(how, lambda: small.sign(value))()
    binary = small.conv(quantised, signs(random, 6, 1, 1, 40))
    wide = small.conv(quantised, random.normal(size=(6, 1, 1, 40)).astype(np.float32))
    small.add("ADD", binary, wide)
    return small


@pytest.mark.parametrize("how", ["sign", "where", "threshold"])
def test_signs_come_from_their_bits(how: str) -> None:
    small = read_twice(how)
    copy = edited(small.graph, pack_layers, unpack_signs)
    assert "LceDequantize" in ops(copy)
    assert not {"SIGN", "SELECT_V2", "GREATER_EQUAL"} & set(ops(copy))
    images = maps(np.random.default_rng(1), small.image.shape)
    # Another order of adding 40 numbers of size 1.
    np.testing.assert_allclose(run(copy, images), run(small.graph, images), rtol=0, atol=1e-5)


@pytest.mark.parametrize("how", ["two bits", "halves"])
def test_other_values_stay(how: str) -> None:
    """Half of the signs is no map of ±1; the signs before it are."""
    small = read_twice(how)
    copy = edited(small.graph, pack_layers, unpack_signs)
    images = maps(np.random.default_rng(1), small.image.shape)
    np.testing.assert_allclose(run(copy, images), run(small.graph, images), rtol=0, atol=1e-5)
    assert ops(copy).count("LceDequantize") == (how == "halves")


def test_signs_without_a_binary_reader_stay() -> None:
    small = SmallGraph(1, 5, 4, 40)
    small.conv(small.sign(small.image), np.random.default_rng(0).normal(size=(6, 1, 1, 40)).astype(np.float32))
    assert "LceDequantize" not in ops(edited(small.graph, pack_layers, unpack_signs))
