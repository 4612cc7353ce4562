"""Rules of the verdict, one by one."""

from dataclasses import replace
from typing import Any

import pytest
from fake_boards import COOL

from edgehybrid.device.facts import State
from edgehybrid.device.verdict import RULES, Evidence, judge

STATE = State.model_validate(COOL)
QUIET = Evidence([1.0, 1.05], within_percent=2.0, states=[STATE, STATE], others_percent=1.5)


def test_equal_sessions_on_a_quiet_machine_are_valid() -> None:
    assert judge("test", QUIET) == ("valid", ())


@pytest.mark.parametrize("unknown", [*COOL, "others_percent"])
def test_what_a_machine_does_not_tell_is_no_doubt(unknown: str) -> None:
    if unknown == "others_percent":
        evidence = replace(QUIET, others_percent=None)
    else:
        evidence = replace(QUIET, states=[STATE.model_copy(update={unknown: None})])
    assert judge("test", evidence)[0] == "valid"


# For each rule: evidence at its limit, which passes, and beyond it, with what is said.
CASES: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "throttled": ({"throttled": []}, {"throttled": ["throttled"]}, "held its clock back: throttled"),
    "restarted": ({"restarted": False}, {"restarted": True}, "restarted"),
    "temperature_c": ({"temperature_c": 79.9}, {"temperature_c": 80.0}, "reached 80 °C"),
    "clock_percent": ({"cpu_mhz": 1710.0}, {"cpu_mhz": 600.0}, "between 600 and 1800 MHz"),
    "sessions": ({"medians_ms": [1.0, 1.0]}, {"medians_ms": [1.0]}, "one session only"),
    "between_percent": ({"medians_ms": [10.0, 10.99]}, {"medians_ms": [1.0, 1.25]}, "differ by 25 %"),
    "within_percent": ({"within_percent": 25.0}, {"within_percent": 40.0}, "lie 40 % apart"),
    "others_percent": ({"others_percent": 10.0}, {"others_percent": 10.6}, "others took 11 %"),
    "governor": ({"governor": "performance"}, {"governor": "ondemand"}, "governor ondemand"),
    "clock_jump_seconds": ({"clock_jump_seconds": -2.0}, {"clock_jump_seconds": 3600.0}, "set by +3600 s"),
}


def changed(changes: dict[str, Any]) -> Evidence:
    of_state = {key: value for key, value in changes.items() if key in COOL}
    others = {key: value for key, value in changes.items() if key not in COOL}
    return replace(QUIET, states=[STATE, STATE.model_copy(update=of_state), STATE], **others)


def test_every_rule_has_a_case() -> None:
    assert [rule.name for rule in RULES] == list(CASES)


@pytest.mark.parametrize("name", CASES)
def test_a_rule_speaks_beyond_its_limit_and_not_at_it(name: str) -> None:
    at, beyond, words = CASES[name]
    (rule,) = [rule for rule in RULES if rule.name == name]
    assert judge("test", changed(at)) == ("valid", ())
    verdict, reasons = judge("test", changed(beyond))
    assert verdict == rule.severity
    (reason,) = reasons
    assert words in reason


def test_a_flatbuffer_compared_on_other_images_is_unchecked() -> None:
    assert judge("substitute", QUIET) == ("unchecked", ("compared with Keras on substitute images",))


def test_an_invalid_measurement_is_so_whatever_it_was_compared_on() -> None:
    assert judge("substitute", changed({"throttled": ["throttled"]}))[0] == "invalid"
