"""Float work between binary layers, and quantisers to no purpose."""

from typing import Any

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from explained import LayerWriter, dense_of_bits, explained
from tiny_flatbuffers import BCONV_OPTIONS, packed_flatbuffer

from converters.explain.float_work import FloatWork

CHANNELS = 32
MAP = (1, 4, 4, CHANNELS)
BYTES = 4 * 4 * CHANNELS * 4


class Between(LayerWriter):
    """Writes operators between two binary convolutions."""

    def __init__(self, pad_values: int = 1) -> None:
        super().__init__()
        self.image = self.value(MAP)
        self.real = self.binary(self.image, pad_values)

    def binary(self, source: int, pad_values: int = 1) -> int:
        written = self.bconv(self.quantize(source), CHANNELS, CHANNELS, 3, 4)
        self.ops[-1].options = BCONV_OPTIONS | {"channels_in": CHANNELS, "pad_values": pad_values}
        return written

    def vector(self, name: str, source: int) -> int:
        return self.op(name, [source, self.constant(np.full(CHANNELS, 0.5, np.float32))], self.shape(source))

    def pool(self, source: int) -> int:
        options = schema.Pool2DOptionsT(strideH=1, strideW=1, filterHeight=1, filterWidth=1)
        return self.op("MAX_POOL_2D", [source], self.shape(source), options=options)

    def work(self, last: int) -> list[FloatWork]:
        return list(explained(self.bytes(self.image, self.binary(last))).float_work)


def test_elements_and_bytes_are_those_of_the_maps() -> None:
    writer = Between()
    (work,) = writer.work(writer.op("ABS", [writer.real], MAP))
    assert (work.op, work.count, work.elements, work.bytes_moved) == ("ABS", 1, 4 * 4 * CHANNELS, 2 * BYTES)


def test_the_sum_of_a_shortcut_cannot_be_spared() -> None:
    writer = Between()
    (work,) = writer.work(writer.op("ADD", [writer.real, writer.image], MAP))
    assert (work.bytes_moved, work.fix) == (3 * BYTES, None)


def test_batch_norm_behind_a_pool_should_stand_before_it() -> None:
    writer = Between()
    work = writer.work(writer.vector("ADD", writer.vector("MUL", writer.pool(writer.real))))
    assert {one.op for one in work} == {"MAX_POOL_2D", "MUL", "ADD"}
    assert all(one.fix and "BatchNorm before the pooling" in one.fix for one in work)


def test_a_pool_before_a_sign_can_pool_bits() -> None:
    writer = Between()
    (work,) = writer.work(writer.pool(writer.real))
    assert work.fix is not None
    assert "pool bits" in work.fix


@pytest.mark.parametrize(("pad_values", "fix"), [(0, "pad with +1"), (1, "activation before BatchNorm")])
def test_an_activation_behind_a_convolution_could_fold(pad_values: int, fix: str) -> None:
    writer = Between(pad_values)
    (work,) = writer.work(writer.op("RELU", [writer.real], MAP))
    assert work.fix is not None
    assert fix in work.fix


def test_a_scale_behind_a_convolution_folds() -> None:
    writer = Between()
    (work,) = writer.work(writer.vector("MUL", writer.real))
    assert work.fix is not None
    assert "folds into it" in work.fix


def test_what_is_read_again_cannot_fold() -> None:
    writer = Between()
    scaled = writer.vector("MUL", writer.real)
    work = writer.work(writer.op("ADD", [scaled, writer.real], MAP))
    assert [one.fix for one in work] == [None, None]


def test_work_before_the_first_and_behind_the_last_binary_layer_is_not_between() -> None:
    assert explained(packed_flatbuffer()).float_work == ()


def test_a_row_says_that_it_is_between() -> None:
    writer = Between()
    last = writer.binary(writer.op("ABS", [writer.real], MAP))
    rows = explained(writer.bytes(writer.image, writer.op("ABS", [last], MAP))).ops
    assert [row.reason for row in rows if row.op == "ABS"] == ["float32 between binary layers", "no weights"]


def kinds(writer: LayerWriter, last: int) -> list[Any]:
    return [pair.kind for pair in explained(writer.bytes(0, last)).stray_pairs]


def test_bits_that_are_unpacked_at_once_are_a_stray_pair() -> None:
    (pair,) = explained(dense_of_bits()).stray_pairs
    assert pair.kind == "quantised, then unpacked"
    # 32 channels: a word read, and 32 numbers written.
    assert pair.bytes_moved == 4 + 32 * 4
    assert "'layer'" in pair.fix


def test_numbers_that_are_packed_again_are_a_stray_pair() -> None:
    writer = LayerWriter()
    writer.value(MAP)
    assert kinds(writer, writer.quantize(writer.unpacked(0))) == [
        "quantised, then unpacked",
        "unpacked, then quantised",
    ]


def test_a_map_that_is_packed_twice_is_a_stray_pair() -> None:
    writer = LayerWriter()
    writer.value(MAP)
    writer.quantize(0)
    assert kinds(writer, writer.quantize(0)) == ["quantised twice"]
