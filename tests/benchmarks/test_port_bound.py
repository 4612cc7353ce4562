"""benchmarks/port_bound.py: vector operations of operators, by hand."""

from collections.abc import Mapping

import numpy as np
import pytest
from peaks import Peaks
from port_bound import Operations, Ports, least_cycles, operations_of, ports_of

from edgehybrid.flatbuffer import Flatbuffer
from edgehybrid.flatbuffer.records import Op, Subgraph, Tensor

NO_OPTIONS: Mapping[str, object] = {}


def one_operator(
    name: str, filters: tuple[int, ...], result: tuple[int, ...], options: Mapping[str, object]
) -> Flatbuffer:
    """A graph of one operator, whose second input is a constant."""

    def tensor(shape: tuple[int, ...], is_constant: bool) -> Tensor:
        data = np.zeros(shape, np.float32) if is_constant else None
        return Tensor("", shape, "float32", data, 0, 0, (), (), 0, False, False)

    tensors = (tensor((1, 8, 8, 32), False), tensor(filters, True), tensor(result, False))
    return Flatbuffer((Subgraph("", (Op(name, (0, 1), (2,), options),), tensors, (0,), (2,)),), b"")


@pytest.mark.parametrize(
    ("channels_in", "filters", "words"),
    # Two taps share a word up to 16 channels: nine are five words.
    [(16, (48, 3, 3, 1), 5), (17, (48, 3, 3, 1), 9), (64, (48, 3, 3, 2), 18), (65, (48, 1, 1, 3), 3)],
)
def test_a_binary_convolution_counts_the_words_of_its_window(
    channels_in: int, filters: tuple[int, ...], words: int
) -> None:
    graph = one_operator("LceBconv2d", filters, (1, 8, 8, 48), {"channels_in": channels_in})
    # 64 pixels, three vectors of 16 channels; the first count is added to nothing; three operations follow.
    assert operations_of(graph, 0) == (64 * 3 * (3 * words - 1 + 3), 64 * 3)


def test_a_convolution_multiplies_and_adds_every_input() -> None:
    many = operations_of(one_operator("CONV_2D", (17, 3, 3, 20), (1, 8, 8, 17), NO_OPTIONS), 0)
    assert many == (64 * 2 * 9 * 20, 64 * 2 * 9 * 20)
    # Few filters: 20 inputs are two vectors.
    few = operations_of(one_operator("CONV_2D", (6, 3, 3, 20), (1, 8, 8, 6), NO_OPTIONS), 0)
    assert few == (64 * 6 * 9 * 2, 64 * 6 * 9 * 2)


def test_an_activation_is_one_more_operation() -> None:
    plain, activated = NO_OPTIONS, {"fused_activation_function": 1}
    for name, multiply in (("MUL", 64 * 2), ("ADD", 0)):
        assert operations_of(one_operator(name, (32,), (1, 8, 8, 32), plain), 0) == (64 * 2, multiply)
        assert operations_of(one_operator(name, (32,), (1, 8, 8, 32), activated), 0) == (64 * 4, multiply)


def test_a_quantiser_compares_and_moves_its_mask() -> None:
    # It writes one word of 32 bits a pixel.
    assert operations_of(one_operator("LceQuantize", (), (1, 8, 8, 1), NO_OPTIONS), 0) == (64 * 2 * 2, 0)


def test_what_is_not_counted_adds_nothing_to_the_bound() -> None:
    assert operations_of(one_operator("MEAN", (2,), (1, 32), NO_OPTIONS), 0) == (0, 0)
    assert operations_of(one_operator("MAX_POOL_2D", (), (1, 4, 4, 32), NO_OPTIONS), 0) == (0, 0)


@pytest.mark.parametrize(("binary", "ports"), [(341, 2), (686, 4)])
def test_a_core_has_as_many_ports_as_its_peaks_need(binary: float, ports: int) -> None:
    assert ports_of(Peaks(4.0, {"avx512": 4 * binary}, {"avx512": 4 * 31.7}, {})) == (ports, 2)


def test_what_multiplies_waits_for_the_ports_that_can() -> None:
    assert least_cycles([Operations(100, 10), Operations(20, 10)], Ports(4, 2)) == 30
    assert least_cycles([Operations(100, 90)], Ports(4, 2)) == 45
    assert least_cycles([Operations(100, 90)], Ports(2, 2)) == 50
