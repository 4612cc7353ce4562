"""The records are those that machines tell, on boards and here."""

import pytest
from fake_boards import COOL, facts
from pydantic import ValidationError

from edgehybrid.device import probe
from edgehybrid.device.facts import Facts, State


def test_every_fact_of_the_probe_has_its_field() -> None:
    assert list(Facts.model_fields) == list(probe.facts())
    assert list(State.model_fields) == list(probe.state())


def test_this_machine_and_a_board_are_told_as_they_are() -> None:
    for told in (probe.facts(), facts()):
        assert Facts.model_validate(told).model_dump(mode="json") == told
    for state in (probe.state(), COOL):
        assert State.model_validate(state).model_dump(mode="json") == state


@pytest.mark.parametrize("change", [{"machine": None}, {"cores": "4"}, {"isa_features": "asimd"}, {"colour": "red"}])
def test_other_things_are_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Facts.model_validate(facts(**change))
