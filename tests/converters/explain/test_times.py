"""Times of a file: from the store of rows, or from what a command printed."""

import json
from pathlib import Path
from typing import Any

import pytest
from explained import dense_of_bits, explained
from report_samples import make_row

from converters.explain.times import times_of
from edgehybrid import results
from edgehybrid.errors import RunError

FOUND = explained(dense_of_bits())


def row_of(**fields: object) -> dict[str, object]:
    return {"model_sha256": FOUND.sha256, "latency_ms_median": 1.5, **fields}


def test_the_store_tells_the_latency_of_the_newest_row(tmp_path: Path) -> None:
    path = tmp_path / "results.sqlite"
    for latency in (2.0, 3.0):
        results.append(path, make_row(model_sha256=FOUND.sha256, latency_ms_median=latency))
    results.append(path, make_row(model_sha256="0" * 64, latency_ms_median=9.0))
    times = times_of(path, FOUND)
    assert (times.latency_ms_median, dict(times.of_ops_us)) == (3.0, {})


@pytest.mark.parametrize("wrap", [lambda row: row, lambda row: {"results": [row]}], ids=["row", "rows"])
def test_a_printed_row_tells_the_times_of_operators(wrap: Any, tmp_path: Path) -> None:
    path = tmp_path / "row.json"
    profile = [
        {"name": "LceQuantize + LceBconv2d", "nodes": [0, 1], "time_us_median": 2.5},
        {"name": "the host: 4 nodes", "nodes": [2, 3, 4, 5], "time_us_median": 4.0},
        {"name": "copies to the host", "nodes": [], "time_us_median": 1.0},
    ]
    path.write_text(json.dumps(wrap(row_of(profile=profile))))
    # Of those that ran as one, the time stands at the one with the most multiply-accumulates.
    assert dict(times_of(path, FOUND).of_ops_us) == {(0, 1): 2.5, (0, 5): 4.0}


@pytest.mark.parametrize(
    ("content", "part"),
    [
        (json.dumps(row_of(model_sha256="0" * 64)), "no row of this model"),
        ("[1]", "cannot be read"),
        ('{"results": [1]}', "cannot be read"),
        ("no json", "cannot be read"),
        (json.dumps(row_of(profile=[{"nodes": [99], "time_us_median": 1}])), "times of operators cannot be read"),
        (json.dumps(row_of(profile=[{"nodes": [0]}])), "times of operators cannot be read"),
    ],
)
def test_refuses_what_tells_no_times(content: str, part: str, tmp_path: Path) -> None:
    path = tmp_path / "row.json"
    path.write_text(content)
    with pytest.raises(RunError, match=part) as refused:
        times_of(path, FOUND)
    assert refused.value.allowed
    assert refused.value.next_step


def test_refuses_a_store_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="no results yet"):
        times_of(tmp_path / "results.sqlite", FOUND)
