"""Damaged flatbuffers end with an error or a result, never with the process."""

import subprocess
import sys
from pathlib import Path

import hostile_flatbuffers
import pytest
from native_runs import library

SUPPORT = Path(hostile_flatbuffers.__file__).parent


def run_mutants(first: int, count: int) -> int:
    """How many of them ran to a result."""
    library()
    done = subprocess.run(
        [sys.executable, "-c", f"import hostile_flatbuffers; hostile_flatbuffers.main({first}, {count})"],
        capture_output=True,
        text=True,
        cwd=SUPPORT,
        env={"PYTHONPATH": f"{SUPPORT.parents[1]}:{SUPPORT}"},
        check=False,
    )
    lines = done.stdout.splitlines()
    assert done.returncode == 0, f"mutant {lines[-1:]} ended the process with {done.returncode}: {done.stderr[-2000:]}"
    return int(lines[-1].removeprefix("ran "))


def test_three_hundred_mutants_do_no_harm() -> None:
    ran = run_mutants(0, 300)
    # Some are refused and some are sound, else nothing is tested.
    assert 20 < ran < 280


@pytest.mark.fuzz
@pytest.mark.parametrize("first", range(0, 10_000, 2_500))
def test_ten_thousand_mutants_do_no_harm(first: int) -> None:
    assert run_mutants(first, 2_500) > 0
