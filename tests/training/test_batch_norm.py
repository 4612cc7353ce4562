"""BatchNorm's averages of weights at rest: those of the batches, in any order, and of nothing else."""

from typing import Any

import numpy as np
import pytest
from few_images import no_epoch, no_step, recipe_of

from edgehybrid.model.compat import keras
from edgehybrid.model.variables import restore_checkpoint, trained_model
from edgehybrid.recipe import load_recipe
from edgehybrid.training import loop
from edgehybrid.training.batch_norm import take_averages

SEED = 7


def small_model() -> Any:
    keras.utils.set_random_seed(SEED)
    image = keras.Input((8, 8, 3))
    x = keras.layers.BatchNormalization(name="first")(image)
    x = keras.layers.Conv2D(4, 3, use_bias=False, name="conv")(x)
    x = keras.layers.ReLU()(keras.layers.BatchNormalization(name="second")(x))
    return keras.Model(image, keras.layers.Dense(10)(keras.layers.Flatten()(x)))


def batches(count: int) -> list[Any]:
    random = np.random.default_rng(SEED)
    return [random.normal(number, 1 + number, (16, 8, 8, 3)).astype(np.float32) for number in range(count)]


def averages(model: Any) -> list[Any]:
    return [value.numpy() for name in ("first", "second") for value in model.get_layer(name).non_trainable_variables]


@pytest.mark.parametrize("count", [1, 2, 5])
def test_they_are_the_mean_of_those_of_the_batches(count: int) -> None:
    model, images = small_model(), batches(count)
    # Whatever was there before.
    model.get_layer("first").moving_mean.assign([9.0, 9.0, 9.0])
    take_averages(model, images)
    mean, variance = averages(model)[:2]
    assert mean == pytest.approx(np.mean([batch.mean((0, 1, 2)) for batch in images], axis=0), abs=1e-5)
    # TensorFlow's is that of a sample: n / (n - 1) times as large.
    n = images[0][..., 0].size
    of_batches = np.mean([batch.astype(np.float64).var((0, 1, 2)) for batch in images], axis=0)
    assert variance == pytest.approx(of_batches * n / (n - 1), rel=1e-4)


def test_a_later_layer_reads_what_the_batch_was_normalised_to() -> None:
    model, (images,) = small_model(), batches(1)
    take_averages(model, [images])
    scaled = (images - images.mean((0, 1, 2))) / np.sqrt(images.var((0, 1, 2)) + model.get_layer("first").epsilon)
    read = model.get_layer("conv")(scaled).numpy()
    assert averages(model)[2] == pytest.approx(read.mean((0, 1, 2)), abs=1e-5)


def test_nothing_else_changes_and_the_order_does_not_matter() -> None:
    one, other = small_model(), small_model()
    before = [value.numpy() for value in one.trainable_variables]
    take_averages(one, batches(4))
    take_averages(other, reversed(batches(4)))
    assert [layer.momentum for layer in one.layers if hasattr(layer, "momentum")] == [0.99, 0.99]
    for value, old in zip(one.trainable_variables, before, strict=True):
        assert np.array_equal(value.numpy(), old)
    for mine, others in zip(averages(one), averages(other), strict=True):
        assert mine == pytest.approx(others, rel=1e-4, abs=1e-4)


def test_no_images_leave_the_averages() -> None:
    model = small_model()
    before = averages(model)
    take_averages(model, [])
    assert all(np.array_equal(a, b) for a, b in zip(averages(model), before, strict=True))


def test_a_training_ends_with_them(tmp_path: Any) -> None:
    recipe = recipe_of("training.epochs=1", "training.batch_norm_images=40")
    run, last = loop.train(recipe, tmp_path, no_step, no_epoch)
    model, _ = trained_model(run)
    found = [value.numpy() for value in model.variables]
    # They are in the checkpoint, and what is measured is measured with them.
    source = loop.open_source(recipe.data)
    take_averages(model, (images for images, _ in source.evaluation_batches("training", 500, 40)))
    for old, new in zip(found, model.variables, strict=True):
        assert old == pytest.approx(new.numpy(), abs=1e-5)
    restore_checkpoint(run, model)
    logits = [
        model.predict_on_batch(images).argmax(1) == labels for images, labels in source.evaluation_batches("test")
    ]
    assert last.top1_percent == pytest.approx(100 * np.concatenate(logits).mean())


def test_low_memory_has_no_variance() -> None:
    with pytest.raises(Exception, match="its BatchNorm knows no variance"):
        load_recipe("xnor_res", ["training.memory=low", "training.batch_norm_images=100"])
