"""The integers of networks of levels against Keras' float32."""

from dataclasses import replace

import numpy as np
import pytest
from small_level_networks import SEED, images_of, model_of, small_network

from converters.integer.from_keras import integer_network
from converters.integer.integer_network import Convolution, Levels, Scores, Thresholds
from edgehybrid.errors import ConversionError
from edgehybrid.model.levels import QuantizeLevels
from edgehybrid.networks import network_of
from edgehybrid.recipe import load_recipe


@pytest.mark.parametrize("changes", [(), ("network.ern.depth=50",), ("network.ern.stem_strides=true",)])
def test_logits_are_those_of_keras(changes: tuple[str, ...]) -> None:
    network = small_network(*changes)
    model, images = model_of(network), images_of(network, 3)
    # Levels at their edges may turn in float32; in these networks none does, and 1e-5 is rounding.
    np.testing.assert_allclose(
        integer_network(network, model).logits(images), model(images).numpy(), rtol=0, atol=1e-5, err_msg=f"{SEED}"
    )


def test_only_integers_stand_between_image_and_scores() -> None:
    network = small_network()
    integers = integer_network(network, model_of(network))
    values = integers.values(images_of(network, 1))
    *before, last = integers.steps
    assert {values[step.name].dtype for step in before} == {np.dtype(np.int64)}
    assert isinstance(last, Scores)


def test_every_batch_norm_is_in_thresholds_once() -> None:
    network = small_network()
    integers = integer_network(network, model_of(network))
    found = [
        step.thresholds.normalisation
        for step in integers.steps
        if not isinstance(step, Scores) and isinstance(step.thresholds, Thresholds)
    ]
    assert sorted(found) == sorted(node.name for node in network.graph if node.op == "batch_norm")


def test_bounds_hold_the_extremes() -> None:
    network = small_network()
    integers = integer_network(network, model_of(network))
    values = integers.values(images_of(network, 4))
    for step in integers.steps:
        if isinstance(step, Convolution) and step.thresholds is None:
            assert (values[step.name] >= step.least).all(), step.name
            assert (values[step.name] <= step.most).all(), step.name


def test_levels_of_the_image_are_the_thermometers() -> None:
    network = small_network()
    model = model_of(network)
    integers = integer_network(network, model)
    first = integers.steps[0]
    assert isinstance(first, Levels)
    images = images_of(network, 1)
    expected = QuantizeLevels()(model.get_layer(first.name)(images)).numpy()
    np.testing.assert_array_equal(integers.values(images)[first.name], expected)


def test_sums_that_no_float_holds_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    network = small_network()
    monkeypatch.setattr("converters.integer.from_keras.MOST_SUM", 100)
    with pytest.raises(ConversionError, match="too large to be exact"):
        integer_network(network, model_of(network))


def test_sums_of_different_scales_are_refused() -> None:
    network = small_network()
    layers = tuple(replace(layer, level_step=0.5) if layer.kind == "shortcut" else layer for layer in network.layers)
    with pytest.raises(ConversionError, match="different scales"):
        integer_network(replace(network, layers=layers), model_of(network))


def test_the_largest_recipe_stays_far_below_what_a_float_holds() -> None:
    network = network_of(load_recipe("ern/ern101"))
    # A path of the residual is at most the sum of all blocks of its stage.
    widest = max(
        sum(
            3 * layer.kernel_side**2 * layer.in_channels
            for layer in network
            if layer.stage == stage and layer.adds_to_residual
        )
        for stage in (1, 2, 3, 4)
    )
    assert widest < 2**24
