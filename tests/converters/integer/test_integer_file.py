"""The flatbuffer of a network of levels: what it holds, and what the native runtime makes of it."""

import numpy as np
import pytest
from small_level_networks import SEED, images_of, model_of, small_network

from converters.integer.from_keras import integer_network
from converters.integer.integer_file import integer_flatbuffer
from edgehybrid.flatbuffer import Flatbuffer, parse_flatbuffer
from edgehybrid.runtime.interpreter import Interpreter


@pytest.fixture(scope="module")
def content() -> bytes:
    network = small_network()
    return integer_flatbuffer(integer_network(network, model_of(network)))


@pytest.fixture(scope="module")
def flatbuffer(content: bytes) -> Flatbuffer:
    return parse_flatbuffer(content, "the model")


def test_multipliers_and_logits_are_the_only_float_tensors(flatbuffer: Flatbuffer) -> None:
    floats = {tensor.name for tensor in flatbuffer.tensors if tensor.type_name.startswith("float")}
    assert floats == {"logits", "logits/multipliers"}


def test_sums_are_stored_in_16_bits_where_they_fit(flatbuffer: Flatbuffer) -> None:
    types = {tensor.name: tensor.type_name for tensor in flatbuffer.tensors}
    assert types["stage1_block1_conv2"] == "int16"
    assert types["image"] == "int8"


def test_its_operators_are_the_native_runtimes(flatbuffer: Flatbuffer) -> None:
    assert {op.name for op in flatbuffer.ops} == {"EdgehybridLevels", "EdgehybridConv2d", "EdgehybridScores"}


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("changes", [(), ("network.ern.depth=50",), ("network.ern.stem_strides=true",)])
def test_the_native_runtime_gives_the_integers_logits_to_the_bit(changes: tuple[str, ...], threads: int) -> None:
    network = small_network(*changes)
    integers, images = integer_network(network, model_of(network)), images_of(network, 5)
    found = Interpreter(integer_flatbuffer(integers), threads).predict(images)
    np.testing.assert_array_equal(found, integers.logits(images), err_msg=f"seed {SEED}")
