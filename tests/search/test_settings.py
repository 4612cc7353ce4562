"""The section ``search``: its defaults, and what it refuses."""

import pytest
from pydantic import ValidationError

from edgehybrid.search.settings import EarlyStop, Search


def test_the_defaults_are_accuracy_against_energy_and_no_early_stop() -> None:
    settings = Search()
    assert settings.objectives == ("top1_percent", "energy_model_uj")
    assert (settings.limits, settings.early_stop, settings.enough_top1_percent) == ({}, None, 100.0)


@pytest.mark.parametrize(
    "values",
    [
        {"objectives": []},
        {"limits": {"energy_model_uj": 0}},
        {"enough_top1_percent": 101},
        {"sampler": "grid"},
        {"population": 1},
        {"trials": 3},
    ],
)
def test_refuses_what_means_nothing(values: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Search.model_validate(values)


def test_a_rung_needs_a_factor() -> None:
    with pytest.raises(ValidationError):
        EarlyStop(factor=1)
