import numpy as np
import pytest
from numpy.typing import NDArray
from tiny_runs import random_model, tiny_recipe

from converters.verify import threshold_distance, verify
from edgehybrid.errors import ConversionError
from edgehybrid.training.run_folder import RunFolder

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
