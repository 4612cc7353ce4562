"""The row: what is a row, and what is none."""

import json
import math
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from row_samples import REQUIRED, ROWS

from edgehybrid.errors import RunError
from edgehybrid.results.row import (
    LATENCIES,
    MAX_NUMBER,
    METERED,
    TIME_FORMAT,
    Row,
    block_seconds,
    block_text,
    row_from,
)


@given(values=ROWS)
def test_a_row_holds_what_it_was_made_of(values: dict[str, Any]) -> None:
    found = row_from(values).as_dict()
    assert found == values
    # 1 == 1.0 == True
    assert {name: type(value) for name, value in found.items()} == {name: type(v) for name, v in values.items()}
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_a_field_that_is_not_given_is_null() -> None:
    found = row_from(REQUIRED).as_dict()
    assert list(found) == list(Row.model_fields)
    null = {name for name, value in found.items() if value is None}
    assert null == set(Row.model_fields) - set(REQUIRED) - {"measured_at_utc"}


@pytest.mark.parametrize("given", [{}, {"measured_at_utc": None}])
def test_the_time_of_measurement_defaults_to_now(given: dict[str, Any]) -> None:
    text = row_from(REQUIRED | given).measured_at_utc
    measured_at = datetime.strptime(text, TIME_FORMAT).replace(tzinfo=UTC)
    assert abs(datetime.now(UTC) - measured_at) < timedelta(minutes=1)


@given(micro=st.lists(st.integers(0, 4 * 10**15), min_size=2, max_size=2).map(sorted))
def test_a_block_of_time_is_kept_to_the_microsecond(micro: list[int]) -> None:
    begin, end = (moment / 1e6 for moment in micro)
    assert block_seconds(block_text(begin, end)) == pytest.approx((begin, end), abs=1.5e-6, rel=0)


def test_every_field_says_what_it_means() -> None:
    assert all(field.description for field in Row.model_fields.values())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"latency_ms": 3.0}, "unknown keys"),
        ({"model": None}, "Add model"),
        ({"emulated": None}, "Add emulated"),
        ({"threads": 1.0}, "'threads'"),
        ({"threads": True}, "'threads'"),
        ({"threads": -1}, "'threads'"),
        ({"size_bytes": MAX_NUMBER + 1}, "'size_bytes'"),
        ({"latency_ms_p95": math.nan}, "'latency_ms_p95'"),
        ({"top1_percent": math.inf}, "'top1_percent'"),
        ({"energy_model_uj": "3"}, "'energy_model_uj'"),
        ({"emulated": 0}, "'emulated'"),
        ({"board": [1]}, "'board'"),
        ({"energy_measured_uj": 5.0}, "all of energy_measured_uj"),
        ({"emulated": True, **dict.fromkeys(METERED[:-1], 1), "meter_sha256": "0"}, "emulated: True"),
        ({"timed_blocks": ["2026-01-31T12:00:00Z"]}, "'timed_blocks'"),
        ({"timed_blocks": [block_text(2, 3), block_text(1, 2)]}, "never go back"),
        ({"board": {"clock_mhz": math.nan}}, "'board'"),
        ({"board": {"cpu": object()}}, "'board'"),
        ({"board": {1: "a key that JSON makes a text"}}, "'board'"),
        ({"verdict_reasons": ({"a"},)}, "'verdict_reasons'"),
        ({"verdict": "fine"}, "'verdict'"),
        ({"device": "half a surrogate pair: \ud800"}, "'device'"),
        ({"device": "two\nlines"}, "'device'"),
        ({"measured_at_utc": "2026-01-31 12:00"}, "'measured_at_utc'"),
        ({"measured_at_utc": "2026-1-31T12:00:00Z"}, "'measured_at_utc'"),
    ],
)
def test_refuses_a_bad_row(change: dict[str, Any], message: str) -> None:
    with pytest.raises(RunError, match=message):
        row_from(REQUIRED | change)


@pytest.mark.parametrize("name", [name for name, field in Row.model_fields.items() if field.is_required()])
def test_refuses_a_row_without_a_required_key(name: str) -> None:
    with pytest.raises(RunError, match=f"Add {name}"):
        row_from({key: value for key, value in REQUIRED.items() if key != name})


@pytest.mark.parametrize("latency", LATENCIES)
def test_emulated_row_has_no_latency(latency: str) -> None:
    with pytest.raises(RunError, match="Emulated time is not latency"):
        row_from(REQUIRED | {"emulated": True, latency: 1.0})


def test_measured_row_has_no_emulated_time() -> None:
    with pytest.raises(RunError, match="Emulated time is not latency"):
        row_from(REQUIRED | {"emulated": False, "emulated_ms_not_latency": 1.0})
