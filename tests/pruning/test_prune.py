"""From a run to a run with fewer filters: it can be evaluated, converted and trained on; and what cannot be pruned."""

from pathlib import Path

import numpy as np
import pytest
from tiny_runs import random_run, tiny_recipe

from edgehybrid.errors import EdgehybridError, UsageError
from edgehybrid.networks import network_of
from edgehybrid.pruning.prune import Pruned, prune, tied
from edgehybrid.recipe import Recipe
from edgehybrid.runs.checkpoint import read_record
from edgehybrid.training.loop import resume

RECIPE = (
    "network.shortcut=none",
    "network.placement.full_precision=[first, last, stage1, stage3_block1_conv2, stage3_block3_conv2]",
    "network.placement.activations_only=[stage3_block2_conv1, stage3_block2_conv2]",
    "network.placement.weights_only=[stage3_block3_conv1]",
    "training.epochs=1",
)


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Pruned:
    runs = tmp_path_factory.mktemp("runs")
    return prune(random_run(runs, tiny_recipe(*RECIPE)), runs, 0.5, 16)


def float_weights(recipe: Recipe) -> int:
    return sum(layer.weights for layer in network_of(recipe) if layer.is_float)


def test_the_new_run_has_the_weights_that_were_asked_for_and_costs_less(found: Pruned) -> None:
    assert found.kept_weights == float_weights(found.run.recipe) <= 0.5 * found.weights
    # The next number of filters would be too many: with few filters, each is some percent.
    assert found.kept_weights > 0.4 * found.weights
    assert found.energy_uj[1] < found.energy_uj[0]
    assert found.run.recipe.network.filters == {layer.name: layer.kept for layer in found.layers}
    assert found.run.name.startswith("digits_pruned-")


def test_a_reader_of_signs_is_marked_whatever_its_weights_are(found: Pruned) -> None:
    marked = {layer.name: layer.reads_signs for layer in found.layers}
    # Read by 1-bit filters and by those in full precision.
    assert marked["stage1_block3_conv2"]
    assert marked["stage3_block2_conv1"]
    # Read as it is, by filters in full precision and by 1-bit ones.
    assert not marked["stage1_block1_conv1"]
    assert not marked["stage3_block2_conv2"]


@pytest.mark.parametrize(
    ("scores", "kept", "expected"),
    [
        ([1.0, 1.0, 1.0, 1.0], 2, 4),
        ([1.0, 1.0, 1.0, 1.0], 4, 0),
        ([0.9, 0.5, 1 + 1e-7, 1.0, 0.5], 1, 2),
        ([0.9, 0.5, 1.0, 1.0, 0.5], 2, 0),
        ([0.9, 0.5, 1.0, 1.0, 0.5], 4, 2),
        ([0.0, 0.0], 1, 2),
    ],
)
def test_filters_of_which_the_place_decides(scores: list[float], kept: int, expected: int) -> None:
    assert tied(np.array(scores), kept) == expected


def test_a_note_says_where_equal_scores_decided_nothing(found: Pruned) -> None:
    for layer in found.layers:
        notes = [note for note in found.notes if f"filters of {layer.name} have one and the same score" in note]
        assert len(notes) == (layer.tied > 0)


def test_its_training_begins_with_the_pruned_weights(found: Pruned) -> None:
    assert (read_record(found.run).epoch, read_record(found.run).step) == (0, 0)
    line = resume(found.run, lambda *_: None, lambda *_: None)
    assert line.epoch == 1
    assert read_record(found.run).epoch == 1


def test_a_network_whose_maps_are_all_added_is_refused_with_the_reasons(tmp_path: Path) -> None:
    run = random_run(tmp_path, tiny_recipe("network.placement.full_precision=[all]"))
    with pytest.raises(EdgehybridError, match=r"(?s)No filter.*conv1: .*read its map.*shortcut: none"):
        prune(run, tmp_path, 0.5, 4)


def test_fewer_weights_than_one_filter_a_layer_has_are_refused(tmp_path: Path) -> None:
    run = random_run(tmp_path, tiny_recipe(*RECIPE))
    with pytest.raises(UsageError, match=r"(?s)without filters.*--keep 0.001.*more than 0\."):
        prune(run, tmp_path, 0.001, 4)
    assert [path.name for path in tmp_path.iterdir()] == [run.name]
