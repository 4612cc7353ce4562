"""From a run to its significant layers: the maps are those of the Keras model, and what cannot be looked at is said."""

from pathlib import Path

import numpy as np
import pytest
from tiny_runs import random_run, tiny_recipe

from edgehybrid.data.source import open_source
from edgehybrid.errors import DataError, EdgehybridError, UsageError
from edgehybrid.model import variables
from edgehybrid.model.compat import keras
from edgehybrid.model.variables import trained_model
from edgehybrid.recipe import load_recipe
from edgehybrid.runs.run_folder import RunFolder
from edgehybrid.significance.significance import Significance, significance_of

PLAIN = ("network.shortcut=none", "network.placement.full_precision=[first, last]")
IMAGES = 40


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return random_run(tmp_path_factory.mktemp("runs"), tiny_recipe(*PLAIN))


@pytest.fixture(scope="module")
def found(plain: RunFolder) -> Significance:
    return significance_of(plain, IMAGES, 0.99, 2)


def test_every_inner_convolution_has_its_curve(found: Significance) -> None:
    names = [layer.name for layer in found.layers]
    assert len(names) == 18
    assert (names[0], names[-1]) == ("stage1_block1_conv1", "stage3_block3_conv2")
    assert all(len(layer.curve) == layer.channels for layer in found.layers)
    assert found.layers[0].rise is None
    assert {layer.name for layer in found.layers if layer.is_wider} == {"stage2_block1_conv1", "stage3_block1_conv1"}
    assert found.notes == ()


def test_a_curve_is_that_of_the_layers_own_map(plain: RunFolder, found: Significance) -> None:
    model, _ = trained_model(plain)
    layer = found.layers[7]
    probe = keras.Model(model.input, model.get_layer(layer.name).output)
    batches = open_source(plain.recipe.data).evaluation_batches("test", limit=IMAGES)
    points = np.concatenate([probe.predict_on_batch(images) for images, _ in batches]).reshape(-1, layer.channels)
    squares = np.linalg.svd(points.astype(np.float64) - points.mean(axis=0, dtype=np.float64), compute_uv=False) ** 2
    # The maps are float32: the same batches give the same bits.
    np.testing.assert_allclose(layer.curve, np.cumsum(squares) / squares.sum(), atol=1e-9)


def test_a_network_with_shortcuts_comes_with_a_note(tmp_path: Path) -> None:
    found = significance_of(random_run(tmp_path, tiny_recipe()), IMAGES, 0.99, 2)
    assert any("shortcuts" in note for note in found.notes)


def test_one_image_shows_too_few_points_of_a_small_map(tmp_path: Path) -> None:
    run = random_run(tmp_path, tiny_recipe(*PLAIN))
    # The maps of stage 3 are 2×2 pixels, of 16 channels.
    with pytest.raises(UsageError, match=r"(?s)Too few images.*--images"):
        significance_of(run, 1, 0.99, 2)


def test_a_run_without_test_images_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGEHYBRID_DATA", str(tmp_path))
    recipe = load_recipe("xnor_res", ["network.width=0.25", "network.shortcut=none", f"data.path={tmp_path}"])
    with pytest.raises(DataError):
        significance_of(random_run(tmp_path, recipe), IMAGES, 0.99, 2)


def test_a_map_that_is_not_finite_is_refused(plain: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    model, checkpoint = trained_model(plain)
    kernel = model.get_layer("stage2_block1_conv1").latent_kernel
    kernel.assign(np.full(kernel.shape, np.nan))
    monkeypatch.setattr(variables, "trained_model", lambda _: (model, checkpoint))
    with pytest.raises(EdgehybridError, match="'stage2_block1_conv1' holds numbers that are not finite"):
        significance_of(plain, IMAGES, 0.99, 2)
