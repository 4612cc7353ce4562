"""Every shipped recipe as a Keras model: it trains one step, and its weights are those of the cost model."""

from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import pytest

from edgehybrid.model.activations import LearnedThreshold, RPReLU
from edgehybrid.model.build import build_model
from edgehybrid.model.compat import keras, larq, tf
from edgehybrid.model.layers import ScaledQuantConv2D
from edgehybrid.networks import Layer, Network, build_network, float_twin, network_of
from edgehybrid.recipe import NetworkRecipe, Placement, load_recipe, recipe_names

SEED = 7


class Built(NamedTuple):
    network: Network
    model: Any


def small_network(name: str) -> Network:
    """A shipped recipe's network on the smallest map its stages can read, VGG with an eighth of the filters."""
    recipe = load_recipe(name)
    if recipe.network.architecture == "resnet20":
        return network_of(load_recipe(name, ["data.image_side=16"]))
    return network_of(load_recipe(name, ["data.image_side=32", f"network.width={recipe.network.width / 8}"]))


@pytest.fixture(scope="module", params=recipe_names())
def built(request: pytest.FixtureRequest) -> Iterator[Built]:
    """One shipped recipe after the other; each model is let go before the next."""
    network = small_network(request.param)
    keras.utils.set_random_seed(SEED)
    yield Built(network, build_model(network))
    keras.backend.clear_session()


def resnet(pad_value: int = 1, **placement: Any) -> Built:
    part = NetworkRecipe(architecture="resnet20", pad_value=pad_value, placement=Placement(**placement))
    network = build_network("test", part, 8, 1, 10)
    return Built(network, build_model(network))


def keras_layers(layer: Layer, model: Any) -> list[Any]:
    """The Keras layers that hold the weights of a network's layer."""
    names = [f"{layer.name}_float", f"{layer.name}_quantised"] if layer.is_split else [layer.name]
    return [model.get_layer(name) for name in names]


def test_one_training_step_of_every_recipe_has_a_finite_loss_and_finite_gradients(built: Built) -> None:
    assert_trains(built)


def assert_trains(built: Built) -> None:
    """One step on random images: finite loss and gradients, and every variable moves."""
    network, model = built
    side, classes = network.image_side, network.classes
    images = tf.random.stateless_normal((8, side, side, network.image_channels), (SEED, 0))
    labels = tf.range(8) % classes
    before = [variable.numpy() for variable in model.trainable_variables]
    with tf.GradientTape() as tape:
        logits = model(images, training=True)
        loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits))
    gradients = tape.gradient(loss, model.trainable_variables)
    assert logits.shape == (8, classes)
    assert np.isfinite(loss.numpy())
    for variable, gradient in zip(model.trainable_variables, gradients, strict=True):
        assert gradient is not None, variable.name
        assert np.isfinite(gradient.numpy()).all(), f"{variable.name}, seed {SEED}"
    keras.optimizers.SGD(0.1).apply_gradients(zip(gradients, model.trainable_variables, strict=True))
    for variable, old in zip(model.trainable_variables, before, strict=True):
        assert (variable.numpy() != old).any(), f"{variable.name} stood still, seed {SEED}"


def test_every_layer_has_the_weights_that_the_network_counts(built: Built) -> None:
    network, model = built
    for layer in network:
        found = [made.weights[0].shape.num_elements() for made in keras_layers(layer, model)]
        assert sum(found) == layer.weights, layer.name


def test_only_convolutions_dense_layers_and_batch_norm_have_weights(built: Built) -> None:
    network, model = built
    batch_norms = [made for made in model.layers if isinstance(made, keras.layers.BatchNormalization)]
    expected = network.weights + sum(made.count_params() for made in batch_norms)
    assert model.count_params() == expected


def test_larqs_summary_shows_the_bits_and_the_weights_of_every_quantised_layer(
    built: Built, capsys: pytest.CaptureFixture[str]
) -> None:
    network, model = built
    larq.models.summary(model)
    # A row: name, bits of the input, four numbers of the output's shape, weights of each number of bits, …
    rows = {words[0]: words for line in capsys.readouterr().out.splitlines() if (words := line.strip("| ").split())}
    for layer in network:
        if not layer.is_float:
            row = rows[f"{layer.name}_quantised" if layer.is_split else layer.name]
            weights = layer.weights // layer.out_channels * layer.quantised_filters
            of_bits = sorted({other.weight_bits for other in network if not other.is_float}).index(layer.weight_bits)
            read = "-" if layer.reads_real else str(layer.activation_bits)
            assert (row[1], row[6 + of_bits]) == (read, str(weights)), layer.name


@pytest.mark.parametrize("pad_value", [0, 1])
def test_quantised_3x3_convolutions_pad_with_the_value_of_the_recipe(pad_value: int) -> None:
    network, model = resnet(pad_value)
    quantised = [model.get_layer(layer.name) for layer in network if layer.kind == "conv" and not layer.is_float]
    assert len(quantised) == 18  # the 3×3 convolutions but the first
    assert {made.pad_values for made in quantised} == {float(pad_value)}


def test_quantisers_have_the_bits_of_the_placement() -> None:
    network, model = resnet(weight_bits=2, activation_bits=3)
    for layer in network:
        made = model.get_layer(layer.name)
        assert isinstance(made, ScaledQuantConv2D) != layer.is_float
        if not layer.is_float:
            assert (made.kernel_quantizer.precision, made.input_quantizer.precision) == (2, 3)


SWITCHES = (
    "network.thresholds=learned",
    "network.activation=rprelu",
    "network.standardise_weights=true",
    "training.latent_weights.clip=false",
    "network.shortcut=every_convolution",
)


@cache
def switched(name: str) -> Built:
    """A shipped recipe with every switch on, small. Made once: tests read its layers, whatever its weights are."""
    sizes = ["data.image_side=32", "network.width=0.125"] if "vgg" in name else ["data.image_side=16"]
    keras.utils.set_random_seed(SEED)
    network = network_of(load_recipe(name, [*sizes, *SWITCHES]))
    return Built(network, build_model(network))


def layers_of(kind: Any, model: Any) -> list[Any]:
    return [made for made in model.layers if isinstance(made, kind)]


@pytest.mark.parametrize("name", ["hybrid_res_a", "hybrid_res_c", "xnor_vgg", "float_res"])
def test_one_training_step_with_every_switch_moves_every_variable(name: str) -> None:
    assert_trains(switched(name))


@pytest.mark.parametrize("name", ["hybrid_res_a", "hybrid_res_c", "xnor_vgg"])
def test_every_quantised_layer_has_a_threshold_for_each_channel_it_reads(name: str) -> None:
    network, model = switched(name)
    found = {made.name: made.threshold.shape[0] for made in layers_of(LearnedThreshold, model)}
    assert found == {f"{layer.name}_threshold": layer.in_channels for layer in network if not layer.is_float}


def test_every_relu_of_the_graph_is_an_rprelu() -> None:
    network, model = switched("hybrid_res_a")
    assert [made.name for made in layers_of(RPReLU, model)] == [n.name for n in network.graph if n.op == "rprelu"]
    # After conv1, and two in each of nine blocks.
    assert (len(layers_of(RPReLU, model)), layers_of(keras.layers.ReLU, model)) == (1 + 2 * 9, [])


@pytest.mark.parametrize("name", ["hybrid_res_a", "hybrid_res_c", "xnor_vgg"])
def test_every_quantised_layer_is_standardised_when_asked(name: str) -> None:
    assert {made.standardise for made in layers_of(ScaledQuantConv2D, switched(name).model)} == {True}
    assert {made.standardise for made in layers_of(ScaledQuantConv2D, resnet().model)} == {False}


@pytest.mark.parametrize("name", ["hybrid_res_a", "xnor_vgg"])
def test_switches_add_only_thresholds_and_three_numbers_a_channel(name: str) -> None:
    network, model = switched(name)
    extra = layers_of((keras.layers.BatchNormalization, LearnedThreshold, RPReLU), model)
    assert model.count_params() == network.weights + sum(made.count_params() for made in extra)
    assert all(made.count_params() == 3 * made.input_shape[-1] for made in layers_of(RPReLU, model))


def test_larqs_summary_lists_thresholds_and_rprelus(capsys: pytest.CaptureFixture[str]) -> None:
    network, model = switched("hybrid_res_a")
    larq.models.summary(model)
    rows = {words[0]: words for line in capsys.readouterr().out.splitlines() if (words := line.strip("| ").split())}
    layer = network.layer("stage2_block1_conv1")
    assert (rows[layer.name][1], rows[layer.name][6]) == ("1", str(layer.weights))
    assert {"stage2_block1_conv1_threshold", "stage2_block1_branch_rprelu"} <= set(rows)


@pytest.mark.parametrize("float_filter_input", ["real", "sign"])
def test_real_filters_of_a_split_layer_read_the_map_without_its_threshold(float_filter_input: str) -> None:
    recipe = load_recipe(
        "hybrid_res_c", ["data.image_side=8", f"network.placement.float_filter_input={float_filter_input}", *SWITCHES]
    )
    network = network_of(recipe)
    model = build_model(network)
    layer = next(layer for layer in network if layer.is_split)
    threshold = model.get_layer(f"{layer.name}_threshold")
    threshold.set_weights([np.full(layer.in_channels, 0.5, np.float32)])
    made_float, made_quantised = keras_layers(layer, model)
    probe = keras.Model(model.input, [threshold.input, made_float.input, made_quantised.input])
    x, real, shifted = (a.numpy() for a in probe(tf.random.stateless_normal((2, 8, 8, 3), (SEED, 1))))
    # The same operations on the same numbers: no tolerance.
    np.testing.assert_array_equal(shifted, x - np.float32(0.5), err_msg=f"seed {SEED}")
    expected = x if float_filter_input == "real" else np.where(shifted >= 0, 1, -1)
    np.testing.assert_array_equal(real, expected, err_msg=f"seed {SEED}")


def split_input_and_output(float_filter_input: str) -> tuple[Any, Any, Layer, Any, Any]:
    """What goes into and out of the first split convolution, for a random image."""
    network, model = resnet(float_fraction=0.25, float_filter_input=float_filter_input)
    layer = next(layer for layer in network if layer.is_split)
    made_float, made_quantised = keras_layers(layer, model)
    probe = keras.Model(model.input, [made_quantised.input, model.get_layer(layer.name).output])
    x, y = probe(tf.random.stateless_normal((2, 8, 8, 1), (SEED, 1)))
    return x, y, layer, made_float, made_quantised


@pytest.mark.parametrize("float_filter_input", ["real", "sign"])
def test_a_split_layer_puts_its_full_precision_filters_first(float_filter_input: str) -> None:
    x, y, layer, made_float, made_quantised = split_input_and_output(float_filter_input)
    assert layer.float_filters == 4  # a quarter of 16
    read = tf.where(x >= 0, 1.0, -1.0) if float_filter_input == "sign" else x
    # The same operations on the same numbers: no tolerance.
    np.testing.assert_array_equal(y[..., :4], made_float(read), err_msg=f"seed {SEED}")
    np.testing.assert_array_equal(y[..., 4:], made_quantised(x), err_msg=f"seed {SEED}")


def test_full_precision_filters_that_read_the_real_map_differ_from_those_that_read_its_sign() -> None:
    x, _, _, made_float, _ = split_input_and_output("real")
    assert (made_float(x).numpy() != made_float(tf.sign(x)).numpy()).any()


@pytest.mark.parametrize("switches", [(), SWITCHES], ids=["plain", "switches"])
@pytest.mark.parametrize("name", ["hybrid_res_c", "digits"])
def test_the_full_precision_twin_has_no_quantiser(name: str, switches: tuple[str, ...]) -> None:
    recipe = load_recipe(name, ["data.image_side=8", *switches])
    twin = build_model(network_of(float_twin(recipe)))
    of_larq = [made.name for made in twin.layers if isinstance(made, larq.layers.QuantConv2D)]
    activations = [made.name for made in twin.layers if isinstance(made, keras.layers.Activation | LearnedThreshold)]
    assert (of_larq, activations) == ([], [])


def test_a_seed_repeats_the_first_weights() -> None:
    def first_weights() -> list[Any]:
        keras.utils.set_random_seed(SEED)
        return resnet().model.get_weights()

    for one, other in zip(first_weights(), first_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_convolutions_start_with_a_variance_of_2_over_the_weights_that_read_an_output() -> None:
    keras.utils.set_random_seed(SEED)
    kernel = resnet().model.get_layer("stage3_block2_conv1").weights[0].numpy()
    # 36 864 values: their standard deviation is known to 1 / sqrt(2·36864) = 0.4 %; five times that is allowed.
    assert kernel.std() == pytest.approx((2 / (9 * 64)) ** 0.5, rel=0.02), f"seed {SEED}"


# Fixed-point networks.

MOONS = ("network.block_filters=[8, 8, 8]", "data.image_side=8")


def test_fixed_point_weights_start_in_their_whole_range() -> None:
    keras.utils.set_random_seed(SEED)
    model = build_model(network_of(load_recipe("moons/4bit_1x64", [*MOONS])))
    conv2, conv3 = (model.get_layer(name).latent_kernel.numpy() for name in ("conv2", "conv3"))
    # Of 576 numbers of U(-1, 1), with standard deviation 1/√3, the mean has 0.024.
    assert abs(conv2.mean()) < 0.1
    assert conv2.min() < -0.9 < 0.9 < conv2.max()
    assert (conv2 != conv3).any()


def test_the_image_is_not_quantised_and_the_classifier_reads_quantised_numbers() -> None:
    model = build_model(network_of(load_recipe("moons/4bit_1x64", [*MOONS])))
    first = model.get_layer("conv1")
    assert (first.input_quantizer, first.pad_values, first.scaled) == (None, 0.0, False)
    images = tf.random.stateless_normal((4, 8, 8, 3), (SEED, 0))
    read = keras.Model(model.input, model.get_layer("fc").input)(images).numpy()
    assert set(np.unique(read * 8)) <= set(range(8))
    assert type(model.get_layer("fc")) is keras.layers.Dense
