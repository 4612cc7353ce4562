"""What a flatbuffer may contain on each processor, and what form a network takes unless told."""

from dataclasses import replace
from typing import get_args

import pytest
from tiny_flatbuffers import float_flatbuffer, loop_flatbuffer, packed_flatbuffer
from tiny_layers import Writer

from converters.targets import TARGETS, check_target, default_format
from edgehybrid.census.formats import Target
from edgehybrid.errors import ConversionError
from edgehybrid.flatbuffer import parse_flatbuffer
from edgehybrid.networks import float_twin, network_of
from edgehybrid.recipe import load_recipe


def test_every_processor_that_can_be_asked_for_is_known() -> None:
    assert set(TARGETS) == set(get_args(Target))


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("content", [float_flatbuffer(), packed_flatbuffer()], ids=["float32", "packed"])
def test_builtin_and_packed_operators_run_everywhere(target: Target, content: bytes) -> None:
    check_target(parse_flatbuffer(content, "model"), target)


@pytest.mark.parametrize("target", TARGETS)
def test_refuses_an_operator_without_a_kernel_by_its_name(target: Target) -> None:
    writer = Writer()
    real = writer.value((1, 8, 8, 2))
    output = writer.op("theirs-too", [writer.op("edgetpu-custom-op", [real], (1, 8, 8, 2))], (1, 8, 8, 2))
    flatbuffer = parse_flatbuffer(writer.bytes(real, output), "model")
    with pytest.raises(ConversionError, match=f"nothing runs on {target}") as caught:
        check_target(flatbuffer, target)
    assert caught.value.received == "edgetpu-custom-op, theirs-too"
    assert "LceBconv2d" in (caught.value.allowed or "")


def test_refuses_a_custom_operator_of_a_loop() -> None:
    flatbuffer = parse_flatbuffer(loop_flatbuffer(), "model")
    check_target(flatbuffer, "aarch64")
    main, condition, body = flatbuffer.subgraphs
    inside = replace(body, ops=(replace(body.ops[0], name="theirs"),))
    with pytest.raises(ConversionError) as caught:
        check_target(replace(flatbuffer, subgraphs=(main, condition, inside)), "aarch64")
    assert caught.value.received == "theirs"


def test_refuses_a_builtin_operator_of_a_later_schema() -> None:
    writer = Writer()
    real = writer.value((1, 4))
    flatbuffer = parse_flatbuffer(writer.bytes(real, writer.op("BUILTIN_250", [real], (1, 4))), "model")
    with pytest.raises(ConversionError) as caught:
        check_target(flatbuffer, "aarch64")
    assert caught.value.received == "BUILTIN_250"


@pytest.mark.parametrize(
    ("placement", "expected"),
    [
        ("{full_precision: [first, last]}", "packed"),
        ("{full_precision: [first, last], float_fraction: 0.5}", "packed"),
        ("{full_precision: [first, last], float_fraction: 1.0}", "packed"),
        ("{full_precision: [all]}", "float32"),
    ],
)
def test_a_network_is_packed_where_a_layer_can_be(placement: str, expected: str) -> None:
    recipe = load_recipe("hybrid_res_a", [f"network.placement={placement}"])
    assert default_format(network_of(recipe)) == expected
    assert default_format(network_of(float_twin(recipe))) == "float32"
