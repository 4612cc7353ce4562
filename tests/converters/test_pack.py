"""The edits in a row, on networks as Keras and Larq build them."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from lce_layers import larqs_flatbuffer
from native_runs import lce

from converters.export import export
from converters.pack import pack
from edgehybrid.flatbuffer import parse_flatbuffer
from edgehybrid.model.compat import keras, larq, tf
from edgehybrid.model.quantizers import FixedPoint, QuantizeK
from edgehybrid.runtime import Interpreter

SIZE, CHANNELS = 8, 32


def quantised(filters: int = 16, maps: Any = "ste_sign", kernel: Any = "ste_sign", **options: Any) -> Any:
    """A convolution, with the quantizers of its maps and of its kernel."""
    defaults = {"kernel_size": 3, "padding": "same", "pad_values": 1.0, "use_bias": False}
    return larq.layers.QuantConv2D(filters, input_quantizer=maps, kernel_quantizer=kernel, **(defaults | options))


def model_of(build: Callable[[Any], Any]) -> Any:
    keras.utils.set_random_seed(3)
    image = keras.Input((SIZE, SIZE, CHANNELS))
    return keras.Model(image, build(image))


def ops_of(content: bytes) -> list[str]:
    return [op.name for op in parse_flatbuffer(content, "a model").ops]


def images() -> np.ndarray[Any, Any]:
    return np.random.default_rng(0).normal(size=(4, SIZE, SIZE, CHANNELS)).astype(np.float32)


def packed(model: Any, left: int = 0) -> bytes:
    """The packed flatbuffer, which computes what Keras does."""
    content, reasons, _ = pack(export(model, "packed"))
    assert len(reasons) == left
    expected = model.predict_on_batch(images())
    np.testing.assert_allclose(Interpreter(content).predict(images()), expected, atol=1e-5 * np.abs(expected).max())
    return content


@pytest.mark.parametrize("name", ["ste_sign", "approx_sign", "swish_sign"])
def test_larqs_signs_are_packed(name: str) -> None:
    assert ops_of(packed(model_of(quantised(maps=name, kernel=name)))) == ["LceQuantize", "LceBconv2d"]


def test_a_scaled_kernel_keeps_its_scale() -> None:
    assert ops_of(packed(model_of(quantised(kernel="magnitude_aware_sign")))) == ["LceQuantize", "LceBconv2d"]


def test_ternary_weights_and_maps_of_two_bits_are_planes() -> None:
    assert (
        ops_of(packed(model_of(quantised(kernel=larq.quantizers.SteTern(threshold_value=0.01))))).count("LceBconv2d")
        == 2
    )
    assert ops_of(packed(model_of(quantised(maps=QuantizeK(2), kernel=QuantizeK(2))))).count("LceQuantize") == 3


def test_maps_of_zero_and_one_are_packed() -> None:
    """As Larq's heaviside and DoReFa give them; their border is their lowest value, 0."""
    for quantizer in (larq.quantizers.SteHeaviside(), larq.quantizers.DoReFa(1, mode="activations")):
        assert "LceBconv2d" in ops_of(packed(model_of(quantised(maps=quantizer, pad_values=0.0))))


def test_a_dense_layer_is_packed() -> None:
    """Larq's converter leaves it in float32, weights and all."""

    def build(image: Any) -> Any:
        flat = keras.layers.Flatten()(image)
        return larq.layers.QuantDense(10, input_quantizer="ste_sign", kernel_quantizer="ste_sign")(flat)

    model = model_of(build)
    content = packed(model)
    assert "FULLY_CONNECTED" not in ops_of(content)
    assert "FULLY_CONNECTED" in ops_of(larqs_flatbuffer(model))
    assert len(content) < len(larqs_flatbuffer(model)) / 10


def test_a_chain_of_layers_stays_in_bits() -> None:
    def build(image: Any) -> Any:
        value = keras.layers.BatchNormalization(gamma_initializer=keras.initializers.RandomUniform(-1, 1, 2))(
            quantised()(image)
        )
        return quantised()(keras.layers.MaxPool2D(2)(value))

    assert ops_of(packed(model_of(build))) == ["LceQuantize", "LceBconv2d", "LceBMaxPool2d", "LceBconv2d"]


# What Larq's converter does wrongly.


def test_a_symmetric_border_with_a_stride_is_right() -> None:
    """Larq's converter takes it for padding='same', whose border lies on one side only."""

    def build(image: Any) -> Any:
        signs = larq.quantizers.SteSign()(image)
        bordered = tf.pad(signs, [[0, 0], [1, 1], [1, 1], [0, 0]], constant_values=1.0)
        return quantised(maps=None, padding="valid", strides=2)(bordered)

    model = model_of(build)
    packed(model)
    expected = model.predict_on_batch(images())
    wrong = np.concatenate([lce(larqs_flatbuffer(model), image[None]) for image in images()])
    assert np.abs(wrong - expected).max() > 1


def test_tf_sign_stays_in_float32_with_a_reason() -> None:
    content, (left,), _ = pack(export(model_of(quantised(maps=tf.sign)), "packed"))
    assert "LceBconv2d" not in ops_of(content)
    assert "0 has a value of its own" in left.reason


def test_the_border_of_zeros_is_exact() -> None:
    assert ops_of(packed(model_of(quantised(pad_values=0.0)))) == ["LceQuantize", "LceBconv2d"]


@pytest.mark.parametrize(("bits", "products"), [(2, 3), (3, 4 * 3), (4, 5 * 7)])
def test_fixed_point_numbers_are_planes(bits: int, products: int) -> None:
    """A product for each plane of the weights, of which two's complement has one more, and each threshold."""

    def build(image: Any) -> Any:
        maps, kernel = FixedPoint(bits, rectified=True), FixedPoint(bits)
        start = keras.initializers.RandomUniform(-1, 1, 4)
        value = quantised(maps=maps, kernel=kernel, pad_values=0.0, kernel_initializer=start)(image)
        return keras.layers.BatchNormalization()(value)

    assert ops_of(packed(model_of(build))).count("LceBconv2d") == products
