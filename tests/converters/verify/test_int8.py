"""The int8 flatbuffer of a network beside its Keras model: rounding is let pass, and mistakes are not."""

import numpy as np
import pytest
from numpy.typing import NDArray
from tiny_runs import random_model, tiny_recipe

from converters.export import export
from converters.verify.int8 import layer_errors, verify_int8
from edgehybrid.errors import ConversionError
from edgehybrid.networks import float_twin

SEED = 7


def images() -> NDArray[np.float32]:
    return np.random.default_rng(SEED).standard_normal((40, 8, 8, 1)).astype(np.float32)


@pytest.fixture(scope="module")
def int8() -> bytes:
    return export(random_model(float_twin(tiny_recipe())), "int8", images())


def test_rounding_to_8_bits_is_no_mistake(int8: bytes) -> None:
    agreement = verify_int8(random_model(float_twin(tiny_recipe())), int8, images())
    assert (agreement.images, agreement.near_zero_flips) == (40, 0)
    assert agreement.max_abs_difference > 0


def test_every_convolution_has_an_error_of_some_steps_of_256(int8: bytes) -> None:
    errors = layer_errors(random_model(float_twin(tiny_recipe())), int8, images()[:8])
    # 20 layers, each with what follows it, and their sums. A step of 256 over a range of six deviations is 0.02 of one.
    assert len(errors) > 40
    assert 0 < max(errors.values()) < 0.05


def test_refuses_the_int8_flatbuffer_of_other_weights(int8: bytes) -> None:
    with pytest.raises(ConversionError, match="does not compute what the Keras model computes") as error:
        verify_int8(random_model(float_twin(tiny_recipe()), seed=1), int8, images())
    assert "of layer '" in str(error.value.received)


def test_refuses_logits_of_keras_that_are_no_numbers(int8: bytes) -> None:
    with pytest.raises(ConversionError):
        verify_int8(random_model(float_twin(tiny_recipe())), int8, np.full((2, 8, 8, 1), np.nan, np.float32))
