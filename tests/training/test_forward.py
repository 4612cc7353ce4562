"""The training pass against the Keras model, layer by layer: a whole 1-bit network turns rounding into other signs."""

from typing import Any

import numpy as np
import pytest
from tiny_runs import random_model, tiny_recipe

from edgehybrid.model.activations import LearnedThreshold
from edgehybrid.model.compat import keras, tf
from edgehybrid.model.layers import ScaledQuantConv2D
from edgehybrid.model.quantizers import quantizer
from edgehybrid.networks import float_twin
from edgehybrid.recipe import Recipe, load_recipe
from edgehybrid.training.forward import ForwardPass

SEED = 77
MESSAGE = f"seed {SEED}"
VGG = (
    "network.architecture=vgg19",
    "data.image_side=32",
    "network.width=0.0625",
    "network.placement.full_precision=[first,last]",
)
MOONS = ("network.block_filters=[8, 8, 8]", "data.image_side=8")
RECIPES = {
    "1 bit": tiny_recipe(),
    "full precision": float_twin(tiny_recipe()),
    "2 bits": tiny_recipe("network.placement.activation_bits=2", "network.placement.weight_bits=2"),
    "2-bit weights": tiny_recipe("network.placement.weight_bits=2"),
    "border of 0": tiny_recipe("network.pad_value=0"),
    "quantised shortcuts": tiny_recipe("network.placement.full_precision=[first,last]"),
    "split": tiny_recipe("network.placement.float_fraction=0.5"),
    "split, of signs": tiny_recipe("network.placement.float_fraction=0.5", "network.placement.float_filter_input=sign"),
    "learned": tiny_recipe("network.thresholds=learned", "network.activation=rprelu"),
    "standardised": tiny_recipe("network.standardise_weights=true", "training.latent_weights.clip=false"),
    "levels": load_recipe("ern/cifar16", ["network.ern.stages=[8, 16]", "data.image_side=16"]),
    "levels with EWGS": load_recipe(
        "ern/cifar16", ["network.ern.stages=[8, 16]", "data.image_side=16", "network.ern.ewgs=0.01"]
    ),
    "vgg": load_recipe("digits", [*VGG]),
    "binary without alpha": load_recipe("moons/binary_1x64", [*MOONS]),
    "fixed point": load_recipe("moons/4bit_1x64", [*MOONS]),
    "residual vgg": load_recipe("digits", [*VGG, "network.residual=true"]),
}


def images_for(recipe: Recipe, count: int = 8) -> Any:
    side, channels = recipe.data.image_side, recipe.data.channels
    return tf.constant(np.random.default_rng(SEED).normal(size=(count, side, side, channels)), tf.float32)


def float32(x: Any) -> Any:
    return tf.nest.map_structure(lambda part: tf.cast(part, tf.float32), x)


def relative_error(found: Any, expected: Any) -> float:
    return float(tf.norm(float32(found) - expected) / (tf.norm(expected) + 1e-30))


def errors_of_layers(recipe: Recipe, precision: Any) -> dict[str, float]:
    """By layer, the relative error of its output and of BatchNorm's averages, for what the pass itself gave it."""
    model = random_model(recipe)
    forward, found = ForwardPass(model, precision), {}
    apply = forward._apply

    def compare(layer: Any, x: Any) -> Any:
        # The terms of a sum that the ReLU makes.
        terms = isinstance(x, list) and isinstance(layer, keras.layers.ReLU)
        averages = [tf.constant(v) for v in layer.non_trainable_variables]
        expected = layer(tf.add_n(float32(x)) if terms else float32(x), training=True)
        updated = [tf.constant(v) for v in layer.non_trainable_variables]
        for variable, value in zip(layer.non_trainable_variables, averages, strict=True):
            variable.assign(value)
        y = apply(layer, x)
        # Terms again; or the same map for each reader.
        parts = [tf.add_n(float32(y)) if isinstance(y, list) else tf.nest.flatten(y)[0], *layer.non_trainable_variables]
        found[layer.name] = max(map(relative_error, parts, [expected, *updated]))
        return y

    forward._apply = compare  # type: ignore[method-assign]
    forward(images_for(recipe))
    return found


@pytest.mark.parametrize("name", RECIPES)
def test_every_layer_in_float32_is_keras_up_to_rounding(name: str) -> None:
    # The greatest sums are of 9·64 products: 576 units in the last place of 6e-8 each, if all errors had one sign.
    errors = errors_of_layers(RECIPES[name], "float32")
    assert {layer: error for layer, error in errors.items() if error > 576 * 6e-8} == {}, MESSAGE


@pytest.mark.parametrize("name", RECIPES)
def test_every_layer_in_bfloat16_is_keras_up_to_three_roundings(name: str) -> None:
    # Weights, alpha and result are each rounded to 8 bits, at most 2^-9 off: together 5.9e-3 at most.
    errors = errors_of_layers(RECIPES[name], "bfloat16")
    assert {layer: error for layer, error in errors.items() if error > 3 * 2**-9} == {}, MESSAGE
    assert any(error > 1e-4 for error in errors.values()), "nothing was rounded"


def test_full_precision_in_float32_is_keras_itself() -> None:
    recipe = RECIPES["full precision"]
    model, images = random_model(recipe), images_for(recipe)
    expected = model(images, training=True)
    np.testing.assert_array_equal(ForwardPass(random_model(recipe), "float32")(images), expected)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_logits_and_gradients_of_variables_are_float32(precision: Any) -> None:
    recipe = tiny_recipe()
    model = random_model(recipe)
    with tf.GradientTape() as tape:
        logits = ForwardPass(model, precision)(images_for(recipe))
    found = [logits, *tape.gradient(logits, model.trainable_variables)]
    assert {tensor.dtype for tensor in found} == {tf.float32}


def test_maps_in_bfloat16_are_bfloat16() -> None:
    forward, seen = ForwardPass(random_model(tiny_recipe()), "bfloat16"), set()
    apply = forward._apply

    def note(layer: Any, x: Any) -> Any:
        seen.update((part.dtype, len(part.shape)) for part in tf.nest.flatten(x))
        return apply(layer, x)

    forward._apply = note  # type: ignore[method-assign]
    forward(images_for(tiny_recipe()))
    assert seen == {(tf.bfloat16, 4), (tf.float32, 2)}


@pytest.mark.parametrize("with_threshold", [False, True])
def test_signs_in_bfloat16_are_those_of_unrounded_numbers(with_threshold: bool) -> None:
    channels, random = 32, np.random.default_rng(SEED)
    image = keras.Input((8, 8, channels))
    norm, threshold = keras.layers.BatchNormalization(), LearnedThreshold()
    x = norm(image)
    x = threshold(x) if with_threshold else x
    signs = ScaledQuantConv2D(1, 1, input_quantizer=quantizer(1), kernel_quantizer=quantizer(1), use_bias=False)
    model = keras.Model(image, signs(x))
    norm.gamma.assign(random.uniform(0.5, 2, channels))
    norm.beta.assign(random.normal(size=channels))
    if with_threshold:
        threshold.threshold.assign(random.normal(size=channels))
    # The sum of the signs of 32 channels, times an alpha of 1: bfloat16 has all these numbers.
    signs.set_weights([np.ones((1, 1, channels, 1))])
    # Images that bfloat16 has, so that only what comes after them is compared.
    images = tf.cast(tf.cast(random.normal(size=(64, 8, 8, channels)), tf.bfloat16), tf.float32)
    found, expected = (ForwardPass(model, precision)(images) for precision in ("bfloat16", "float32"))  # type: ignore[arg-type]
    np.testing.assert_array_equal(found, expected, err_msg=MESSAGE)


def test_gradients_of_a_full_precision_network_in_bfloat16_point_the_same_way() -> None:
    recipe = RECIPES["full precision"]
    model, images = random_model(recipe), images_for(recipe, 32)
    labels = tf.constant(np.arange(32) % 10)
    gradients = []
    for precision in ("float32", "bfloat16"):
        forward = ForwardPass(model, precision)  # type: ignore[arg-type]
        with tf.GradientTape() as tape:
            loss = keras.losses.sparse_categorical_crossentropy(labels, forward(images), from_logits=True)
        of_variables = tape.gradient(loss, model.trainable_variables)
        gradients.append(tf.concat([tf.reshape(g, [-1]) for g in of_variables], 0))
    cosine = tf.tensordot(*gradients, 1) / (tf.norm(gradients[0]) * tf.norm(gradients[1]))
    # Some 60 roundings of 2^-9 / sqrt(3) each, added as random ones: an angle of 9e-3 or so, a cosine of 1 - 4e-5;
    # ReLUs that rounding opens or closes widen it.
    assert cosine > 0.99, (float(cosine), MESSAGE)
