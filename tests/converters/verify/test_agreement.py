from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from tiny_runs import random_model, tiny_recipe

from converters.export import export
from converters.pack import Packed, pack
from converters.verify.agreement import LEAST_BITS, images_to_replay, verify
from edgehybrid.errors import ConversionError
from edgehybrid.model.activations import LearnedThreshold
from edgehybrid.model.compat import keras
from edgehybrid.model.layers import ScaledQuantConv2D
from edgehybrid.model.quantizers import quantizer

SEED = 7


@pytest.fixture(scope="module")
def packed() -> Packed:
    return pack(export(random_model(tiny_recipe()), "packed"))


def images(count: int = 40) -> NDArray[np.float32]:
    return np.random.default_rng(SEED).standard_normal((count, 8, 8, 1)).astype(np.float32)


def test_an_honest_packed_flatbuffer_agrees(packed: Packed) -> None:
    agreement = verify(random_model(tiny_recipe()), packed.content, images(), packed.taps)
    assert agreement.images == 40
    assert agreement.top1_agreement_percent == 100.0


def test_an_honest_float32_flatbuffer_agrees_by_its_own_names() -> None:
    model = random_model(tiny_recipe())
    assert verify(model, export(model, "float32"), images()).top1_agreement_percent == 100.0


def test_refuses_the_flatbuffer_of_other_weights(packed: Packed) -> None:
    with pytest.raises(ConversionError, match="does not compute what the Keras model computes"):
        verify(random_model(tiny_recipe(), seed=1), packed.content, images(), packed.taps)


def test_names_the_layer_that_pads_differently(packed: Packed) -> None:
    # The same seed gives the same weights; only the pad value differs, first in the first binary layer.
    with pytest.raises(ConversionError, match="does not compute what the Keras model computes") as error:
        verify(random_model(tiny_recipe("network.pad_value=0")), packed.content, images(), packed.taps)
    assert "stage1_block1_conv1" in str(error.value.received)
    assert "image 0, (y, x, channel) = (" in str(error.value.received)


def test_refuses_not_a_number(packed: Packed) -> None:
    with pytest.raises(ConversionError):
        verify(random_model(tiny_recipe()), packed.content, np.full((2, 8, 8, 1), np.nan, np.float32), packed.taps)


@pytest.mark.parametrize(
    ("maps", "side", "expected"),
    [
        # No bits: a few images. 4×4×64 numbers: 17,300 / 1024, but 553 / 16 for each channel.
        ([], 32, 8),
        ([(16, 64)], 32, 35),
        ([(1024, 64)], 32, 8),
        ([(8, 64), (1, 4096)], 32, 500),
        # 2^19 pixels: 10 images of 224×224.
        ([(1, 4096)], 224, 10),
    ],
)
def test_small_maps_need_more_images(maps: list[tuple[int, int]], side: int, expected: int) -> None:
    assert images_to_replay(maps, side * side, available=500) == expected
    assert images_to_replay(maps, side * side, available=3) == 3


def test_a_threshold_off_by_a_thousandth_is_found_in_so_many_numbers() -> None:
    numbers = np.random.default_rng(SEED).standard_normal((1000, LEAST_BITS), np.float32)
    is_found = ((numbers >= 0) & (numbers < 1e-3)).any(axis=1)
    # Of 1000 tries one is missed on average, each with probability 1e-3; more than 6 with probability 1e-4.
    assert (~is_found).sum() <= 6


# Flips: a pixel at its threshold, where the flatbuffer's is elsewhere by less than rounding, or by more.


def sign_model(threshold: float) -> Any:
    """Two filters of one positive weight read the sign of a 2×2 map less a threshold; logits are their means."""
    image = keras.Input((2, 2, 1))
    convolution = ScaledQuantConv2D(
        2,
        1,
        input_quantizer=quantizer(1),
        kernel_quantizer=quantizer(1),
        use_bias=False,
        padding="same",
        name="convolution",
    )
    layer = LearnedThreshold(name="threshold")
    model = keras.Model(image, keras.layers.GlobalAveragePooling2D(name="mean")(convolution(layer(image))))
    layer.set_weights([np.array([threshold])])
    convolution.set_weights([np.array([1, 0.5]).reshape(1, 1, 1, 2)])
    return model


def verify_pixel(value: float, keras_threshold: float, converted_threshold: float) -> Any:
    """One pixel of that value; the others are far from every threshold."""
    content = export(sign_model(converted_threshold), "float32")
    image = np.array([value, 5, 5, 5], np.float32).reshape(1, 2, 2, 1)
    return verify(sign_model(keras_threshold), content, image)


def test_a_flip_within_rounding_is_counted() -> None:
    # 4e-6 above the threshold of Keras, 6e-6 below that of the flatbuffer, where numbers of size 5 round by 5e-5.
    agreement = verify_pixel(0.500004, 0.5, 0.50001)
    assert agreement.near_zero_flips == 1
    # One pixel of four changes from 1 to -1.
    assert agreement.max_abs_difference == 0.5


def test_a_flip_beyond_rounding_is_a_mistake() -> None:
    with pytest.raises(ConversionError, match="does not compute what the Keras model computes"):
        verify_pixel(0.5004, 0.5, 0.501)


def test_a_pixel_near_0_excuses_no_other_threshold() -> None:
    with pytest.raises(ConversionError, match="does not compute what the Keras model computes") as error:
        verify_pixel(0.000004, 0.5, -0.5)
    assert "threshold" in str(error.value.received)
