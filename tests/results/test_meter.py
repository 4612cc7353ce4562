"""The log of a power meter: which files are one, and its integral."""

import hashlib
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgehybrid.errors import EdgehybridError, RunError, UsageError
from edgehybrid.results.meter import Columns, PowerLog, read_meter, seconds_of

PLAIN = Columns("time", ("power",), "W")


def written(folder: Path, text: str) -> Path:
    path = folder / "meter.csv"
    path.write_text(text, encoding="utf-8")
    return path


def log_of(seconds: list[float], watts: list[float]) -> PowerLog:
    return PowerLog(Path("meter.csv"), "0" * 64, np.array(seconds, float), np.array(watts, float))


def test_a_log_has_its_samples_and_its_hash(tmp_path: Path) -> None:
    path = written(tmp_path, "time,power,note\n100.5,2,on\n101,2.5,\n")
    found = read_meter(path, PLAIN)
    assert (found.seconds.tolist(), found.watts.tolist()) == ([100.5, 101.0], [2.0, 2.5])
    assert found.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("time,power\n0,2\n1,2.5\n", PLAIN),
        ("\ufefftime, power\r\n0, 2\r\n1, 2.5\r\n", PLAIN),
        ("t,mw\n0,2000\n1,2500\n", Columns("t", ("mw",), "mW")),
        ("time,volt,ampere\n0,5,0.4\n1,5,0.5\n", Columns("time", ("volt", "ampere"), "W")),
        ("time,volt,mA\n0,5,400\n1,5,500\n", Columns("time", ("volt", "mA"), "mW")),
        ("time,power\n1970-01-01T00:00:00Z,2\n1970-01-01T00:00:01.000+00:00,2.5\n", PLAIN),
    ],
)
def test_times_and_powers_are_written_in_many_ways(text: str, columns: Columns, tmp_path: Path) -> None:
    found = read_meter(written(tmp_path, text), columns)
    assert found.seconds.tolist() == [0, 1]
    assert found.watts.tolist() == pytest.approx([2, 2.5])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no column 'time', 'power'"),
        ("seconds,power\n0,1\n", "no column 'time'"),
        ("time,power\n", "no samples"),
        ("time,power\n0,1\n", "no samples"),
        ("time,power\n0,1\n0,1\n", "do not rise.*line 3"),
        ("time,power\n5,1\n4,1\n", "do not rise"),
        ("time,power\n0,1\n1,-0.1\n", "negative.*line 3"),
        ("time,power\n0,nan\n1,1\n", "no finite number.*line 2"),
        ("time,power\n0,inf\n1,1\n", "no finite number"),
        ("time,power\nnan,1\n1,1\n", "no sample.*line 2"),
        ("time,power\n0,\n1,1\n", "no sample"),
        ("time,power\n0\n1,1\n", "no sample"),
        ("time,power\n2026-01-31T12:00:00,1\n", "not in UTC"),
        ("time,power\n2026-01-31T12:00:00+02:00,1\n", "not in UTC"),
        ("time,power\nyesterday,1\n", "no sample"),
        ('time,power\n0,"1\n', "no CSV file"),
    ],
)
def test_what_is_no_log_is_refused_by_its_line(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises((RunError, UsageError), match=f"(?s){message}"):
        read_meter(written(tmp_path, text), PLAIN)


def test_a_file_that_is_no_text_or_is_not_there_is_one_error(tmp_path: Path) -> None:
    (tmp_path / "meter.csv").write_bytes(b"\xff\xfe\x00")
    for path, message in ((tmp_path / "meter.csv", "no CSV file"), (tmp_path / "none.csv", "cannot be read")):
        with pytest.raises(RunError, match=message):
            read_meter(path, PLAIN)


def test_seconds_and_iso_8601_are_the_same_time() -> None:
    assert seconds_of("1769860800.5") == seconds_of("2026-01-31T12:00:00.5Z") == 1769860800.5


@given(
    slope=st.floats(-3, 3),
    begin=st.floats(0, 4),
    length=st.floats(0, 6),
    inner=st.lists(st.floats(0.01, 9.99), max_size=20, unique=True),
)
def test_the_integral_of_a_straight_line_is_exact_whatever_was_sampled(
    slope: float, begin: float, length: float, inner: list[float]
) -> None:
    moments = sorted({0.0, 10.0, *inner})
    log = log_of(moments, [40 + slope * moment for moment in moments])
    expected = 40 * length + slope * (length * begin + length**2 / 2)
    assert log.energy_j(begin, begin + length) == pytest.approx(expected, rel=1e-9, abs=1e-9)


@given(begin=st.floats(0.1, 3), length=st.floats(0.5, 6))
def test_the_integral_of_a_wave_is_its_antiderivative(begin: float, length: float) -> None:
    moments = np.linspace(0, 10, 2001)
    log = log_of(list(moments), list(3 + 2 * np.sin(moments)))
    expected = 3 * length - 2 * (math.cos(begin + length) - math.cos(begin))
    # Trapezoids of width h are off by h²/12 · max|f″| · length; those at both ends are cut, and off by no more.
    assert log.energy_j(begin, begin + length) == pytest.approx(expected, abs=0.005**2 / 12 * 2 * (length + 0.02) * 2)


@given(middle=st.floats(0.5, 2.5))
def test_parts_of_a_time_add_up(middle: float) -> None:
    log = log_of([0, 1, 2, 3], [1, 5, 2, 2])
    assert log.energy_j(0.25, middle) + log.energy_j(middle, 2.75) == pytest.approx(log.energy_j(0.25, 2.75))


@pytest.mark.parametrize(("begin", "end"), [(-0.1, 5), (5, 9.1), (20, 21)])
def test_a_time_outside_is_refused(begin: float, end: float) -> None:
    with pytest.raises(EdgehybridError, match=r"(?s)The idle time is not in the meter's log.*--offset-seconds"):
        log_of([*range(10)], [1.0] * 10).refuse_uncovered(begin, end, "The idle time")


def test_only_a_gap_inside_is_refused() -> None:
    log = log_of([*range(10), *range(15, 25)], [1.0] * 20)
    log.refuse_uncovered(0, 9, "This")
    log.refuse_uncovered(15, 24, "This")
    for begin, end in ((5.0, 9.5), (10.0, 11.0), (8.5, 20.0), (14.9, 16.0)):
        with pytest.raises(EdgehybridError, match="gap"):
            log.refuse_uncovered(begin, end, "This")
