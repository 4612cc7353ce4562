"""Figures of quantised layers against NumPy, and the hints drawn from them."""

from typing import Any

import numpy as np
import pytest
from epoch_lines import health_of
from numpy.typing import NDArray
from tiny_runs import random_model, tiny_recipe

from edgehybrid.data import source
from edgehybrid.model.compat import keras, tf
from edgehybrid.model.layers import ScaledQuantConv2D
from edgehybrid.model.quantizers import fixed_point, quantizer
from edgehybrid.networks import float_twin
from edgehybrid.recipe.training import Training
from edgehybrid.training.health import HealthMonitor, hints

Floats = NDArray[np.float32]
SIDE, CHANNELS, FILTERS = 4, 5, 3
SEED = 8


def two_layers(bits: int = 1, standardise: bool = False) -> Any:
    """A convolution that reads the image itself, and one that reads its output."""
    image = x = keras.Input((SIDE, SIDE, CHANNELS))
    for name in ("conv1", "conv2"):
        x = ScaledQuantConv2D(
            FILTERS,
            3,
            padding="same",
            pad_values=1.0,
            input_quantizer=quantizer(bits),
            kernel_quantizer=quantizer(bits),
            use_bias=False,
            standardise=standardise,
            name=name,
        )(x)
    return keras.Model(image, x)


def kernel_of(model: Any, name: str = "conv1") -> Any:
    return model.get_layer(name).latent_kernel


def random_kernel(seed: int = SEED, deviation: float = 1.0) -> Floats:
    return np.random.default_rng(seed).normal(0, deviation, (3, 3, CHANNELS, FILTERS)).astype(np.float32)


def images_of(count: int = 20) -> Floats:
    return np.random.default_rng(SEED).normal(size=(count, SIDE, SIDE, CHANNELS)).astype(np.float32)


@pytest.mark.parametrize("flips", [0, 1, 7, 135])
def test_counts_the_weights_with_another_sign_than_when_the_epoch_began(flips: int) -> None:
    model, kernel = two_layers(), random_kernel()
    kernel_of(model).assign(kernel)
    monitor = HealthMonitor(model)
    turned = kernel.ravel().copy()
    turned[np.random.default_rng(SEED).choice(kernel.size, flips, replace=False)] *= -1
    # A change of size alone is no flip.
    kernel_of(model).assign(2 * turned.reshape(kernel.shape))
    # 3·3·5·3 = 135 weights.
    measured = monitor.measure(images_of())
    assert measured["conv1"].sign_flip_percent == pytest.approx(100 * flips / 135)
    assert measured["conv2"].sign_flip_percent == 0


def test_flips_are_counted_from_the_beginning_of_each_epoch() -> None:
    model = two_layers()
    monitor = HealthMonitor(model)
    kernel_of(model).assign(-kernel_of(model))
    assert monitor.measure(images_of())["conv1"].sign_flip_percent == 100
    monitor.begin_epoch()
    assert monitor.measure(images_of())["conv1"].sign_flip_percent == 0


def test_measuring_does_not_begin_an_epoch() -> None:
    model = two_layers()
    monitor = HealthMonitor(model)
    kernel_of(model).assign(-kernel_of(model))
    assert monitor.measure(images_of()) == monitor.measure(images_of())


def test_zero_counts_as_plus_one() -> None:
    model, kernel = two_layers(), np.ones((3, 3, CHANNELS, FILTERS))
    kernel[0] = 0
    kernel_of(model).assign(kernel)
    monitor = HealthMonitor(model)
    kernel_of(model).assign(np.ones((3, 3, CHANNELS, FILTERS)))
    assert monitor.measure(images_of())["conv1"].sign_flip_percent == 0


def test_dead_weights_are_those_beyond_1_where_the_sign_has_no_gradient() -> None:
    model = two_layers()
    kernel = np.full(135, 0.5, np.float32)
    # The clip puts weights at 1 exactly, where the gradient passes.
    kernel[:4] = [1.0, -1.0, 1.5, np.nextafter(np.float32(-1), np.float32(-2))]
    kernel_of(model).assign(kernel.reshape(3, 3, CHANNELS, FILTERS))
    assert HealthMonitor(model).measure(images_of())["conv1"].dead_percent == pytest.approx(100 * 2 / 135)


def test_dead_weights_are_those_that_get_no_gradient_of_the_sign() -> None:
    values = tf.constant([0.5, 1.0, -1.0, 1.5, np.nextafter(np.float32(1), np.float32(2))])
    with tf.GradientTape() as tape:
        tape.watch(values)
        signs = quantizer(1)(values)
    assert (tape.gradient(signs, values).numpy() == 0).tolist() == (np.abs(values.numpy()) > 1).tolist()


def test_activation_balance_is_the_share_of_values_that_are_not_negative() -> None:
    images = images_of()
    images[0, 0, 0] = 0
    model = two_layers()
    measured = HealthMonitor(model).measure(images)
    # float32 means of 320 values.
    assert measured["conv1"].plus_one_percent == pytest.approx(100 * np.mean(images >= 0), rel=1e-5)
    inner = model.get_layer("conv1")(images).numpy()
    assert measured["conv2"].plus_one_percent == pytest.approx(100 * np.mean(inner >= 0), rel=1e-5)


def test_figures_of_images_taken_a_few_at_a_time_are_those_of_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monitor = HealthMonitor(two_layers())
    at_once = monitor.measure(images_of(20))
    monkeypatch.setattr(source, "PIXELS_AT_ONCE", 7 * SIDE**2)  # 7, 7 and 6 images
    in_parts = monitor.measure(images_of(20))
    # float32 means of up to 320 values.
    assert in_parts["conv2"].model_dump() == pytest.approx(at_once["conv2"].model_dump(), rel=1e-5)


def test_a_channel_of_one_sign_is_constant() -> None:
    images = images_of(63)  # 63·16 = 1008 values a channel
    images[..., 1] = 1
    images[..., 2] = -1
    images[..., 3] = -1
    images[0, 0, 0, 3] = 1  # 1007 of 1008 is 99.9 %
    images[..., 4] = 1
    images[0, 0, :2, 4] = -1  # 1006 of 1008 is not
    measured = HealthMonitor(two_layers()).measure(images)
    assert measured["conv1"].constant_channel_percent == pytest.approx(100 * 3 / 5)


@pytest.mark.parametrize("factor", [0.5, 1.0, 3.0])
def test_alpha_drifts_by_its_change_since_the_training_began(factor: float) -> None:
    model = two_layers()
    kernel = np.abs(random_kernel()) + 0.1
    kernel_of(model).assign(kernel)
    monitor = HealthMonitor(model)
    monitor.begin_epoch()
    kernel_of(model).assign(factor * kernel)
    figures = monitor.measure(images_of())["conv1"]
    assert figures.alpha == pytest.approx(factor * kernel.mean(), rel=1e-5)
    # abs: alpha is rounded to 2^-24, times 100.
    assert figures.alpha_drift_percent == pytest.approx(100 * abs(factor - 1), rel=1e-5, abs=1e-4)


def test_drifts_of_filters_do_not_cancel() -> None:
    model = two_layers()
    kernel_of(model).assign(np.ones((3, 3, CHANNELS, FILTERS)))
    monitor = HealthMonitor(model)
    # alpha 1, 1, 1 becomes 1.5, 0.5, 1: mean change 1/3.
    kernel_of(model).assign(np.ones((3, 3, CHANNELS, 1)) * [1.5, 0.5, 1.0])
    assert monitor.measure(images_of())["conv1"].alpha_drift_percent == pytest.approx(100 / 3, rel=1e-5)


def test_its_memory_restores_it() -> None:
    model = two_layers()
    monitor = HealthMonitor(model)
    kernel_of(model).assign(random_kernel())
    resumed = HealthMonitor(model)
    assert resumed.measure(images_of()) != monitor.measure(images_of())
    resumed.memory |= monitor.memory
    assert resumed.measure(images_of()) == monitor.measure(images_of())


@pytest.mark.parametrize("bits", [2, 3])
def test_of_k_bits_a_flip_is_a_change_of_sign_and_plus_one_a_value_above_0(bits: int) -> None:
    model, images, kernel = two_layers(bits), images_of(), random_kernel()
    kernel_of(model).assign(kernel)
    monitor = HealthMonitor(model)
    # To another level of the same sign, but for one weight.
    changed = np.sign(kernel)
    changed[0, 0, 0, 0] *= -1
    kernel_of(model).assign(changed)
    figures = monitor.measure(images)["conv1"]
    assert figures.sign_flip_percent == pytest.approx(100 / 135)
    assert figures.plus_one_percent == pytest.approx(100 * np.mean(images >= 0), rel=1e-5)


def test_standardised_weights_are_measured_as_the_layer_sees_them() -> None:
    model = two_layers(standardise=True)
    kernel = random_kernel(deviation=0.01) + 0.02
    kernel_of(model).assign(kernel)
    monitor = HealthMonitor(model)
    # Standardised, a filter and its multiple with another mean are the same.
    kernel_of(model).assign(5 * kernel - 0.3)
    figures = monitor.measure(images_of())["conv1"]
    seen = (kernel - kernel.mean(axis=(0, 1, 2))) / kernel.std(axis=(0, 1, 2))
    assert figures.sign_flip_percent == 0
    assert figures.dead_percent == pytest.approx(100 * np.mean(np.abs(seen) > 1))
    # ε = 1e-8 against a variance of 1e-4 in the first kernel.
    assert figures.alpha == pytest.approx(np.abs(seen).mean(), rel=1e-4)
    assert figures.alpha_drift_percent < 0.02


def test_names_every_quantised_layer_of_a_network() -> None:
    model = random_model(tiny_recipe("network.placement.float_fraction=0.25"))
    quantised = [layer.name for layer in model.layers if isinstance(layer, ScaledQuantConv2D)]
    images = np.random.default_rng(SEED).normal(size=(10, 8, 8, 1)).astype(np.float32)
    measured = HealthMonitor(model).measure(images)
    assert list(measured) == quantised
    assert len(quantised) == 18
    for figures in measured.values():
        assert all(np.isfinite(value) for value in figures.model_dump().values())


def test_a_network_without_quantised_layers_has_no_figures() -> None:
    model = random_model(float_twin(tiny_recipe()))
    monitor = HealthMonitor(model)
    monitor.begin_epoch()
    assert monitor.measure(np.zeros((2, 8, 8, 1), np.float32)) == {}
    assert monitor.memory == {}
    assert hints({}, Training(), 1) == ()


# Hints.

TRAINING = Training(epochs=20)
BOP = Training.model_validate({"epochs": 20, "optimizer": {"kind": "bop"}})
WELL = health_of()


@pytest.mark.parametrize("epoch", [1, 10, 20])
def test_a_healthy_layer_gives_no_hint(epoch: int) -> None:
    assert hints({"conv2": WELL}, TRAINING, epoch) == ()


@pytest.mark.parametrize(
    ("key", "value", "epoch", "remedy"),
    [
        ("constant_channel_percent", 60.0, 10, "BatchNorm"),
        ("dead_percent", 60.0, 10, "learning rate"),
        ("sign_flip_percent", 20.0, 16, "training.schedule"),
        ("sign_flip_percent", 0.001, 5, "gradient_scale"),
    ],
)
def test_a_hint_names_the_layers_and_a_remedy(key: str, value: float, epoch: int, remedy: str) -> None:
    (hint,) = hints({"conv2": WELL, "conv3": health_of(**{key: value})}, TRAINING, epoch)
    assert hint.startswith("conv3 ")
    assert remedy in hint


@pytest.mark.parametrize(
    ("key", "value", "epoch"),
    [
        ("constant_channel_percent", 50.0, 10),
        ("dead_percent", 50.0, 10),
        ("sign_flip_percent", 20.0, 15),  # early flips are learning
        ("sign_flip_percent", 0.001, 6),  # late calm is convergence
    ],
)
def test_below_the_limit_or_at_another_time_there_is_no_hint(key: str, value: float, epoch: int) -> None:
    assert hints({"conv3": health_of(**{key: value})}, TRAINING, epoch) == ()


def test_a_hint_names_three_layers_and_counts_the_others() -> None:
    (hint,) = hints({f"conv{i}": health_of(dead_percent=90.0) for i in range(2, 8)}, TRAINING, 10)
    assert hint.startswith("conv2, conv3, conv4 and 3 more layers ")


def test_bop_is_not_told_that_its_weights_are_dead() -> None:
    model = two_layers()
    for name in ("conv1", "conv2"):
        kernel_of(model, name).assign(np.sign(random_kernel()[:, :, : kernel_of(model, name).shape[2]]))
    found = hints(HealthMonitor(model).measure(images_of()), BOP, 10)
    assert not [hint for hint in found if "the sign passes no gradient" in hint]


def test_who_clips_weights_already_is_not_told_to() -> None:
    beyond = {"conv2": health_of(dead_percent=60.0)}
    (of_clipped,) = hints(beyond, TRAINING, 10)
    (of_others,) = hints(beyond, Training.model_validate({"epochs": 20, "latent_weights": {"clip": False}}), 10)
    assert ("Clip" in of_clipped, "Clip" in of_others) == (False, True)


@pytest.mark.parametrize(("flips", "epoch"), [(20.0, 20), (0.0, 1)])
def test_bop_is_told_of_its_own_settings(flips: float, epoch: int) -> None:
    (hint,) = hints({"conv2": health_of(sign_flip_percent=flips)}, BOP, epoch)
    assert "training.optimizer" in hint
    assert "latent_weights" not in hint


def test_of_maps_without_negative_numbers_the_share_above_0_counts() -> None:
    """Every value is 0 or more; a channel that is never 0, or always, is constant."""
    image = keras.Input((SIDE, SIDE, 4))
    convolution = ScaledQuantConv2D(
        FILTERS, 3, padding="same", input_quantizer=fixed_point(2, rectified=True), kernel_quantizer=fixed_point(2)
    )
    model = keras.Model(image, convolution(image))
    maps = np.zeros((2, SIDE, SIDE, 4), np.float32)
    maps[..., 0], maps[0, ..., 1], maps[..., 2] = 0.9, 0.9, -0.9
    figures = HealthMonitor(model).measure(maps)[convolution.name]
    assert figures.plus_one_percent == 100 * (1 + 1 / 2) / 4
    assert figures.constant_channel_percent == 75


def test_a_layer_may_read_the_map_as_it_is_and_have_no_scale() -> None:
    image = keras.Input((SIDE, SIDE, CHANNELS))
    convolution = ScaledQuantConv2D(FILTERS, 3, padding="same", kernel_quantizer=quantizer(1), scaled=False)
    model = keras.Model(image, convolution(image))
    figures = HealthMonitor(model).measure(images_of())[convolution.name]
    assert figures.plus_one_percent == pytest.approx(100 * (images_of() >= 0).mean())
    assert (figures.alpha, figures.alpha_drift_percent) == (1, 0)
