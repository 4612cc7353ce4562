"""The variables of a model and its optimizer: to a checkpoint and back, exactly."""

from pathlib import Path

import numpy as np
import pytest
from trained_layers import save, tiny, values

from edgehybrid.errors import RunError
from edgehybrid.model.variables import restore_checkpoint, set_values, values_of
from edgehybrid.recipe import load_recipe
from edgehybrid.runs.run_folder import RunFolder, create_run


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return create_run(tmp_path, load_recipe("digits"))


@pytest.fixture
def saved(run: RunFolder) -> RunFolder:
    save(run, tiny(1), 1)
    return run


def test_restores_model_and_optimizer_exactly(run: RunFolder) -> None:
    model, optimizer = tiny(1)
    other, other_optimizer = tiny(2)
    expected = values(model, optimizer)
    # Weights alone would agree for a forgotten optimizer; iterations, two moments a variable are there too.
    assert len(expected) > 2 * len(values(model))
    record = save(run, (model, optimizer), 3)
    assert restore_checkpoint(run, other, other_optimizer) == record
    assert record.epoch == 3
    for got, wanted in zip(values(other, other_optimizer), expected, strict=True):
        np.testing.assert_array_equal(got, wanted)


def test_restores_a_model_without_its_optimizer(run: RunFolder) -> None:
    model, optimizer = tiny(1)
    other, _ = tiny(2)
    save(run, (model, optimizer), 1)
    restore_checkpoint(run, other)
    for got, wanted in zip(values(other), values(model), strict=True):
        np.testing.assert_array_equal(got, wanted)


def test_values_go_to_another_model(run: RunFolder) -> None:
    model, optimizer = tiny(1)
    other, _ = tiny(2)
    set_values(other, values_of(model, optimizer))
    for got, wanted in zip(values(other), values(model), strict=True):
        np.testing.assert_array_equal(got, wanted)


def test_refuses_another_network_and_leaves_it_as_it_was(saved: RunFolder) -> None:
    model, optimizer = tiny(2, filters=4)
    before = values(model, optimizer)
    with pytest.raises(RunError, match="not those of this network"):
        restore_checkpoint(saved, model, optimizer)
    for got, wanted in zip(values(model, optimizer), before, strict=True):
        np.testing.assert_array_equal(got, wanted)
