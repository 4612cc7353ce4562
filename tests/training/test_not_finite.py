"""Where numbers end that were none, and what is said then. tests/training/test_writer.py has whole trainings."""

import numpy as np
import pytest
from tiny_runs import random_model, tiny_recipe

from edgehybrid.runs.checkpoint import Record
from edgehybrid.training.not_finite import checkpoint_left, first_layer_not_finite, not_finite

SEED = 41
IMAGES = np.random.default_rng(SEED).normal(size=(4, 8, 8, 1)).astype(np.float32)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("name", ["stage1_block1_conv1", "stage3_block2_conv1"])
def test_names_the_first_layer_that_is_not_finite(name: str, training: bool) -> None:
    model = random_model(tiny_recipe())
    kernel = model.get_layer(name).latent_kernel
    kernel.assign(np.full(kernel.shape, np.nan))
    assert first_layer_not_finite(model, IMAGES, training) == name


def test_names_a_batch_norm_whose_averages_are_not_finite_only_where_they_are_read() -> None:
    model = random_model(tiny_recipe())
    norm = model.get_layer("stage2_block1_conv1_bn")
    norm.moving_mean.assign(np.full(norm.moving_mean.shape, np.inf))
    # First with the statistics of the batch: that moves averages towards them, and infinite ones stay so.
    assert first_layer_not_finite(model, IMAGES, training=True) is None
    assert first_layer_not_finite(model, IMAGES, training=False) == norm.name


def test_names_the_input_where_the_images_are_not_finite() -> None:
    images = np.full_like(IMAGES, np.inf)
    assert first_layer_not_finite(random_model(tiny_recipe()), images, training=True) == "image"


def test_names_no_layer_where_all_are_finite() -> None:
    assert first_layer_not_finite(random_model(tiny_recipe()), IMAGES, training=True) is None


def record(epoch: int, step: int) -> Record:
    return Record(epoch=epoch, step=step, file="x.npz", sha256="", recipe_sha256="")


@pytest.mark.parametrize(
    ("left", "words"),
    [
        (None, "no checkpoint"),
        (record(2, 0), "the checkpoint of epoch 2, step 7 of 7"),
        (record(2, 3), "the checkpoint of epoch 3, step 3 of 7"),
    ],
)
def test_a_checkpoint_is_that_of_the_last_step_it_has_seen(left: Record | None, words: str) -> None:
    assert checkpoint_left(left, 7) == words


def test_the_layer_is_named_where_it_is_known() -> None:
    known, unknown = (not_finite("The loss", "step 3", layer, "no checkpoint").what for layer in ("conv1", None))
    assert known == "The loss is not finite any more: step 3, first in layer conv1."
    assert unknown == "The loss is not finite any more: step 3."
