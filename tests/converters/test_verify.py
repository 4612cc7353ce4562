from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from tiny_runs import random_model, tiny_recipe

from converters.export import export
from converters.verify import Agreement, threshold_distance, verify
from edgehybrid.errors import ConversionError
from edgehybrid.model.activations import LearnedThreshold
from edgehybrid.model.compat import keras
from edgehybrid.model.layers import ScaledQuantConv2D
from edgehybrid.model.quantizers import quantizer
from edgehybrid.runs.run_folder import RunFolder

SEED = 7


@pytest.fixture(scope="module")
def packed(converted_run: RunFolder) -> bytes:
    return (converted_run.path / "model.packed.x86_64.tflite").read_bytes()


def images() -> NDArray[np.float32]:
    return np.random.default_rng(SEED).standard_normal((40, 8, 8, 1)).astype(np.float32)


def test_distance_to_the_threshold_of_the_sign_is_the_absolute_value() -> None:
    x = np.linspace(-0.99, 0.99, 199, dtype=np.float32)
    # float32: x + 1 rounds to a multiple of 2^-23.
    np.testing.assert_allclose(threshold_distance(x, 1), np.abs(x), atol=2**-22)


@pytest.mark.parametrize("bits", [2, 3])
def test_distance_is_that_to_the_nearest_jump_of_the_quantizer(bits: int) -> None:
    x = np.linspace(-0.95, 0.95, 191, dtype=np.float32)
    # The 2^k values lie 2/(2^k - 1) apart, and the quantizer jumps half-way between neighbours.
    values = np.linspace(-1, 1, 2**bits)
    jumps = (values[:-1] + values[1:]) / 2
    nearest = np.abs(x[:, None] - jumps).min(axis=1)
    # float32 arithmetic on numbers up to 8.
    np.testing.assert_allclose(np.asarray(threshold_distance(x, bits)), nearest, atol=1e-6)


def test_an_honest_flatbuffer_agrees(packed: bytes) -> None:
    agreement = verify(random_model(tiny_recipe()), packed, images())
    assert agreement.images == 40
    assert agreement.top1_agreement_percent == 100.0


def test_refuses_the_flatbuffer_of_other_weights(packed: bytes) -> None:
    with pytest.raises(ConversionError, match="does not compute what the Keras model computes"):
        verify(random_model(tiny_recipe(), seed=1), packed, images())


def test_refuses_a_flatbuffer_that_pads_differently(packed: bytes) -> None:
    # The same seed gives the same weights; only the pad value differs.
    with pytest.raises(ConversionError, match="does not compute what the Keras model computes"):
        verify(random_model(tiny_recipe("network.pad_value=0")), packed, images())


def test_refuses_not_a_number(packed: bytes) -> None:
    with pytest.raises(ConversionError):
        verify(random_model(tiny_recipe()), packed, np.full((2, 8, 8, 1), np.nan, np.float32))


# Learned thresholds.


def sign_model(threshold: float) -> Any:
    """Two filters of one positive weight read the sign of a 2×2 map less a threshold; logits are their means."""
    image = keras.Input((2, 2, 1))
    convolution = ScaledQuantConv2D(
        2, 1, input_quantizer=quantizer(1), kernel_quantizer=quantizer(1), use_bias=False, padding="same"
    )
    layer = LearnedThreshold()
    model = keras.Model(image, keras.layers.GlobalAveragePooling2D()(convolution(layer(image))))
    layer.set_weights([np.array([threshold])])
    convolution.set_weights([np.array([1, 0.5]).reshape(1, 1, 1, 2)])
    return model


def verify_pixel(
    value: float, keras_threshold: float, converted_threshold: float, others: Sequence[float] = (5, 5, 5)
) -> Agreement:
    """One pixel of that value; the others are far from every threshold."""
    content = export(sign_model(converted_threshold), "float32", "x86_64")
    image = np.array([value, *others], np.float32).reshape(1, 2, 2, 1)
    return verify(sign_model(keras_threshold), content, image)


def test_a_flip_at_the_learned_threshold_is_excused() -> None:
    # 4e-6 above the threshold of Keras, 6e-6 below that of the flatbuffer. One pixel of four changes from 1 to -1.
    agreement = verify_pixel(0.500004, 0.5, 0.50001)
    assert agreement.near_zero_flips == 1
    assert agreement.max_abs_difference == 0.5


def test_a_flip_near_0_is_no_excuse_when_the_threshold_is_elsewhere() -> None:
    with pytest.raises(ConversionError, match="does not compute what the Keras model computes"):
        verify_pixel(0.000004, 0.5, -0.5)


def test_a_changed_class_of_few_images_asks_for_more_of_them() -> None:
    # The mean of the four signs falls from 0, a tie that the first class wins, to -0.5: the second has the smaller
    # alpha.
    with pytest.raises(ConversionError, match="though rounding explains each") as error:
        verify_pixel(0.500004, 0.5, 0.50001, others=(5, -5, -5))
    assert "top-1 agreement 0.00 % of 1 images" in str(error.value)
    assert "--images" in str(error.value)
