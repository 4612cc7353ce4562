"""The layerwise pass of whole networks: its chain, and the training that uses it."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_runs import random_model, tiny_recipe

from edgehybrid.errors import RecipeError
from edgehybrid.model.compat import tf
from edgehybrid.networks import network_of
from edgehybrid.recipe import Recipe
from edgehybrid.runs.run_folder import open_run
from edgehybrid.training import walks
from edgehybrid.training.kernel_passes import SignGradient
from edgehybrid.training.loop import resume, train
from edgehybrid.training.low_memory import LowMemoryPass
from edgehybrid.training.step import Trainer, Wish

SEED = 2102
LOW = ("training.memory=low",)


def images_and_labels(recipe: Recipe, count: int = 16) -> tuple[Any, Any]:
    random = np.random.default_rng(SEED)
    side, channels = recipe.data.image_side, recipe.data.channels
    return (
        tf.constant(random.normal(size=(count, side, side, channels)), tf.float32),
        tf.constant(random.integers(0, recipe.data.classes, count)),
    )


def losses(labels: Any) -> Any:
    return lambda logits: tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)


@pytest.mark.parametrize("changes", [(), ("network.placement.full_precision=[first,last]",)])
def test_maps_with_several_readers_get_the_sum_of_their_gradients(changes: tuple[str, ...]) -> None:
    recipe = tiny_recipe(*changes)
    network, model = network_of(recipe), random_model(recipe)
    own = LowMemoryPass(network, model)
    taken: dict[str, Any] = {}
    given: dict[str, list[Any]] = {}
    for node, layer in zip(network.graph, own._passes, strict=True):

        def watched(of_result: Any, kept: Any, node: Any = node, backward: Any = layer.backward) -> Any:
            taken[node.name] = of_result
            found = backward(of_result, kept)
            for name, gradient in zip(node.inputs, found[0], strict=True):
                given.setdefault(name, []).append(gradient)
            return found

        layer.backward = watched  # type: ignore[method-assign]
    images, labels = images_and_labels(recipe)
    own.gradients(images, losses(labels))
    assert max(len(each) for each in given.values()) > 1
    for name, gradient in taken.items():
        if name in given:
            expected = sum(tf.cast(each, tf.float32) for each in given[name])
            # bfloat16 has 8 significant bits, and up to three gradients are added.
            np.testing.assert_allclose(tf.cast(gradient, tf.float32), expected, rtol=2**-6, atol=1e-6, err_msg=name)


def test_every_trained_variable_has_a_gradient_but_gamma() -> None:
    recipe = tiny_recipe()
    trainer = Trainer(tiny_recipe(*LOW))
    images, labels = images_and_labels(recipe)
    found = LowMemoryPass(network_of(recipe), trainer.model).gradients(images, losses(labels))
    assert not any("gamma" in variable.name for variable in trainer.variables)
    assert found.of_variables.keys() == {id(variable) for variable in trainer.variables}
    for variable in trainer.variables:
        gradient = found.of_variables[id(variable)]
        dense = gradient
        if isinstance(gradient, SignGradient):
            dense = walks.signs_of(gradient.bits, gradient.shape, gradient.size)
        assert dense.shape == variable.shape
        assert dense.dtype == tf.float32


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_the_loss_of_a_batch_falls(optimizer: str) -> None:
    recipe = tiny_recipe(*LOW, f"training.optimizer={{kind: {optimizer}, learning_rate: 0.01}}")
    trainer = Trainer(recipe)
    batch = images_and_labels(recipe)
    seen = [trainer.step([batch], 0.01, 0.0, Wish.NOTHING)[0].loss_sum for _ in range(30)]
    assert seen[-1] < 0.8 * seen[0]


def test_gamma_stays_1_whatever_the_weight_decay() -> None:
    recipe = tiny_recipe(*LOW, "training.weight_decay=0.1")
    trainer = Trainer(recipe)
    trainer.step([images_and_labels(recipe)], 0.1, 0.1, Wish.NOTHING)
    gammas = [v for v in trainer.model.trainable_variables if "gamma" in v.name]
    assert gammas
    assert all((gamma.numpy() == 1).all() for gamma in gammas)


def test_images_that_are_no_numbers_leave_the_weights_as_they_are() -> None:
    recipe = tiny_recipe(*LOW)
    trainer = Trainer(recipe)
    images, labels = images_and_labels(recipe)
    before = [variable.numpy() for variable in trainer.variables]
    result, _ = trainer.step([(images * np.nan, labels)], 0.1, 0.0, Wish.NOTHING)
    assert not result.finite
    for variable, value in zip(trainer.variables, before, strict=True):
        np.testing.assert_array_equal(variable, value)


def test_a_run_trains_and_goes_on(tmp_path: Path) -> None:
    recipe = tiny_recipe(*LOW, "training.epochs=2", "training.batch_size=100")

    def cut(line: Any) -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        train(recipe, tmp_path, lambda *_: None, cut)
    (folder,) = tmp_path.iterdir()
    line = resume(open_run(folder), lambda *_: None, lambda *_: None)
    assert line.epoch == 2
    assert np.isfinite(line.loss)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("training.optimizer={kind: bop}", "optimizer.kind' must be sgd or adam"),
        ("training.precision=bfloat16", "precision' must be float32"),
        ("training.latent_weights.gradient_factor=10.0", "gradient_factor' must be 1"),
        ("training.gradient_accumulation=2", "gradient_accumulation' must be 1"),
        ("training.start_from=another", "start_from' must be null"),
        ("training.deterministic=true", "deterministic' must be false"),
        ("training.health.sharpness.every_steps=5", "sharpness' must be null"),
    ],
)
def test_settings_that_it_does_not_know_are_refused(change: str, told: str) -> None:
    with pytest.raises(RecipeError, match=told):
        tiny_recipe(*LOW, change)


def test_each_node_gives_what_its_keras_layer_gives() -> None:
    recipe = tiny_recipe("network.placement.full_precision=[first,last]")
    network, model = network_of(recipe), random_model(recipe)
    passes = dict(zip((node.name for node in network.graph), LowMemoryPass(network, model)._passes, strict=True))
    images, _ = images_and_labels(recipe)
    maps = {"image": tf.cast(images, tf.float16)}
    for node in network.graph:
        read = [maps[name] for name in node.inputs]
        maps[node.name], _ = passes[node.name].forward(*read)
        if node.op == "batch_norm":
            # Of its own statistics: by the averages it is tested in test_layerwise.py.
            continue
        wide = [tf.cast(each, tf.float32) for each in read]
        keras_layer = model.get_layer(node.name)
        expected = keras_layer(wide if len(wide) > 1 else wide[0], training=False)
        # float16 rounds the result by 2^-11 of it; sums of float32 products are rounded in another order.
        np.testing.assert_allclose(
            tf.cast(maps[node.name], tf.float32), expected, rtol=2**-10, atol=1e-3, err_msg=node.name
        )


def test_clipping_bounds_the_norm_of_a_step() -> None:
    recipe = tiny_recipe(*LOW, "training.gradient_clip_norm=1e-3", "training.optimizer={momentum: 0.0}")
    trainer = Trainer(recipe)
    before = [variable.numpy() for variable in trainer.variables]
    trainer.step([images_and_labels(recipe)], 1.0, 0.0, Wish.NOTHING)
    # Centring and clipping of latent weights come behind the step; the others move by it alone.
    latent = {id(kernel) for kernel in trainer.latent.values()}
    moved = [
        np.sum((variable.numpy() - value) ** 2)
        for variable, value in zip(trainer.variables, before, strict=True)
        if id(variable) not in latent
    ]
    assert 0 < np.sqrt(sum(moved)) <= 1.01e-3
