"""Every small mistake in every kind of layer is found and named, on images that would once have excused any."""

import re
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from planted_mistakes import (
    Plant,
    add,
    changed,
    excused_by_margin,
    move_a_likely_threshold,
    negate_a_bit,
    negate_a_weight,
    option,
    planted,
    scale_a_filter,
    scale_one,
)
from tiny_runs import random_model

from converters.export import export
from converters.pack import Packed, pack
from converters.substitute import digits_instead
from converters.verify import verify
from edgehybrid.errors import ConversionError
from edgehybrid.recipe import load_recipe

# ResNet-20 with split layers and shortcuts; VGG-19 with packed maps only; VGG-19 of two bits, with bit planes.
RESNET = ("hybrid_res_c",)
VGG = ("xnor_vgg", "network.width=0.5")
TWO_BIT = ("vgg_2bit", "network.width=0.25")
IMAGES = 24

Case = tuple[str, Plant]

IN_RESNET: dict[str, Case] = {
    "first convolution, a weight's sign": ("conv1", changed("CONV_2D", "conv1", 1, negate_a_weight)),
    "first convolution, a filter's scale": ("conv1", changed("CONV_2D", "conv1", 1, scale_a_filter)),
    "first convolution, a bias": ("conv1", changed("CONV_2D", "conv1", 2, add(1e-3))),
    "float half, a weight's sign": (
        "stage2_block2_conv1_float",
        changed("CONV_2D", "stage2_block2_conv1_float", 1, negate_a_weight),
    ),
    "packed half, a weight's sign": (
        "stage2_block2_conv1_quantised",
        changed("LceBconv2d", "stage2_block2_conv1_quantised", 1, negate_a_bit),
    ),
    "packed half, a filter's alpha": (
        "stage3_block2_conv2_quantised",
        changed("LceBconv2d", "stage3_block2_conv2_quantised", 2, scale_one),
    ),
    "packed half, the border": (
        "stage3_block1_conv2_quantised",
        option("LceBconv2d", "stage3_block1_conv2_quantised", "pad_values", 0),
    ),
    "1x1 shortcut, a weight's sign": (
        "stage2_block1_shortcut",
        changed("LceBconv2d", "stage2_block1_shortcut", 1, negate_a_bit),
    ),
    "1x1 shortcut, a bias": ("stage3_block1_shortcut", changed("LceBconv2d", "stage3_block1_shortcut", 3, add(1e-3))),
    "BatchNorm before a sign, its shift": (
        "stage1_block2_conv1_input_bn",
        changed("ADD", "stage1_block2_conv1_input_bn", 1, add(1e-3)),
    ),
    "BatchNorm before a sign, its scale": (
        "stage3_block3_conv2_input_bn",
        changed("MUL", "stage3_block3_conv2_input_bn", 1, scale_one),
    ),
    "dense layer, a weight's sign": ("fc", changed("FULLY_CONNECTED", "StatefulPartitionedCall:0", 1, negate_a_weight)),
    "dense layer, a bias": ("fc", changed("FULLY_CONNECTED", "StatefulPartitionedCall:0", 2, add(1e-3))),
}
IN_VGG: dict[str, Case] = {
    "packed output, a weight's sign": ("conv7", changed("LceBconv2d", "conv7", 1, negate_a_bit)),
    "packed output, a threshold": ("conv7", changed("LceBconv2d", "conv7", 4, add(1))),
    "packed output, a threshold of a map of 2x2": ("conv14", changed("LceBconv2d", "conv14", 4, add(1))),
    "packed dense layer, a threshold": ("fc1", changed("LceBconv2d", "fc1", 4, move_a_likely_threshold(4))),
    "packed pool, its window": ("pool2", option("LceBMaxPool2d", "pool2", "filter_width", 1)),
    "packed dense layer, a filter's alpha": ("fc2", changed("LceBconv2d", "fc2", 2, scale_one)),
    "packed dense layer, a bias": ("fc2", changed("LceBconv2d", "fc2", 3, add(1e-3))),
}
IN_TWO_BIT: dict[str, Case] = {
    "bit plane, a threshold": ("conv1", changed("SUB", "conv1", 1, add(1e-3))),
    # The highest of three: most maxima are near that.
    "bit plane, a threshold of a map of 4x4": ("pool3", changed("SUB", "pool3", 1, add(1e-3), number=0)),
    "product of planes, a weight's sign": ("conv6", changed("LceBconv2d", "conv6", 1, negate_a_bit)),
    "sum of planes, a filter's alpha": ("conv6", changed("MUL", "conv6", 1, scale_one)),
    # Only its bits are read: of a channel's 1,536 sums about one is within 1e-3 of a threshold, some within 1e-2.
    "sum of planes, a bias": ("conv6", changed("ADD", "conv6", 1, add(1e-2))),
    "float pool, its window": ("pool2", option("MAX_POOL_2D", "pool2", "filter_width", 1)),
}


@cache
def converted(*recipe: str) -> tuple[Any, Packed, NDArray[np.float32]]:
    """Model, packed file, and images that the rule of margins excuses whatever their logits are."""
    name, *overrides = recipe
    model = random_model(load_recipe(name, overrides))
    side, _, channels = model.input_shape[1:]
    images = digits_instead(10 * IMAGES, side, side, channels).astype(np.float32) / 128 - 1
    excused = images[excused_by_margin(model, images)][:IMAGES]
    assert len(excused) == IMAGES
    return model, pack(export(model, "packed")), excused


def check(recipe: tuple[str, ...], case: Case) -> None:
    layer, plant = case
    model, packed, images = converted(*recipe)
    with pytest.raises(ConversionError, match="does not compute what the Keras model computes") as error:
        verify(model, planted(packed.content, plant), images, packed.taps)
    received = str(error.value.received)
    # As the layer itself, or one of those that were joined with it.
    assert re.search(rf"\b{layer}\b", received.partition("image")[0]), received
    assert "in Keras from the same inputs" in received


def of_each(cases: dict[str, Case]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    return pytest.mark.parametrize("case", [pytest.param(case, id=name) for name, case in cases.items()])


@of_each(IN_RESNET)
def test_finds_and_names_a_mistake_in_resnet(case: Case) -> None:
    check(RESNET, case)


@pytest.mark.slow
@of_each(IN_VGG)
def test_finds_and_names_a_mistake_in_vgg(case: Case) -> None:
    check(VGG, case)


@pytest.mark.slow
@of_each(IN_TWO_BIT)
def test_finds_and_names_a_mistake_in_bit_planes(case: Case) -> None:
    check(TWO_BIT, case)


@pytest.mark.parametrize("recipe", [RESNET, pytest.param(VGG, marks=pytest.mark.slow)])
def test_without_a_mistake_the_same_images_agree(recipe: tuple[str, ...]) -> None:
    model, packed, images = converted(*recipe)
    assert verify(model, packed.content, images, packed.taps).images == IMAGES
