"""The measured energy of an inference, against powers whose integral is known."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from row_samples import REQUIRED

from edgehybrid.errors import EdgehybridError, UsageError
from edgehybrid.results import Row, row_from
from edgehybrid.results.energy import Alignment, idle_watts, rows_with_energy, with_energy
from edgehybrid.results.meter import PowerLog
from edgehybrid.results.row import METERED, block_text

START = 1.7e9
# Two blocks of 1 s, with another model's between them.
BLOCKS = ((START + 10, START + 11), (START + 12, START + 13))
RUNS = 100
HASH = "c" * 64


def row_of(blocks: Any = BLOCKS, **changes: Any) -> Row:
    return row_from(REQUIRED | {"runs": RUNS, "timed_blocks": [block_text(*block) for block in blocks]} | changes)


def log_of(watts: Any, rate: float = 100.0, seconds: float = 30.0, shift: float = 0.0) -> PowerLog:
    """A meter that sees the power ``watts(seconds since the start)``."""
    moments = np.arange(round(seconds * rate) + 1) / rate
    return PowerLog(Path("meter.csv"), HASH, START + shift + moments, watts(moments))


def ramp(seconds: Any) -> Any:
    return 2 + 0.1 * seconds


def test_the_energy_is_the_power_above_idle_times_the_time_by_inference() -> None:
    row = with_energy(row_of(), 1, log_of(ramp), Alignment(0.0, 1.5))
    # The ramp's means are 3.05 W and 3.25 W in the two blocks.
    assert row.power_measured_w == pytest.approx(3.15, rel=1e-6)
    assert row.energy_measured_uj == pytest.approx(1e6 * (3.15 - 1.5) * 2 / RUNS, rel=1e-6)
    # Both ends of each block are samples.
    assert 200 <= (row.meter_samples or 0) <= 202
    assert (row.power_idle_w, row.meter_offset_seconds, row.meter_sha256) == (1.5, 0.0, HASH)


def test_nothing_else_of_the_row_changes_above_all_not_the_modelled_energy() -> None:
    before = row_of(energy_model_uj=4.5)
    after = with_energy(before, 1, log_of(ramp), Alignment(0.0, 1.5))
    assert after.energy_model_uj == 4.5
    assert after.model_copy(update=dict.fromkeys(METERED)) == before


def test_what_another_model_takes_between_the_blocks_does_not_count() -> None:
    def rival(seconds: Any) -> Any:
        # It rises and falls in less than a step of the meter, 0.02 s from the blocks.
        return np.where((seconds > 11.02) & (seconds < 11.98), 50.0, 2.0)

    row = with_energy(row_of(), 1, log_of(rival), Alignment(0.0, 1.5))
    assert row.power_measured_w == pytest.approx(2.0)


@given(shift=st.floats(-1e6, 1e6))
def test_a_shift_of_meter_and_device_changes_nothing(shift: float) -> None:
    plain = with_energy(row_of(), 1, log_of(ramp), Alignment(0.0, 1.0))
    shifted = row_of(tuple((begin + shift, end + shift) for begin, end in BLOCKS))
    both = with_energy(shifted, 1, log_of(ramp, shift=shift), Alignment(0.0, 1.0))
    by_option = with_energy(shifted, 1, log_of(ramp), Alignment(shift, 1.0))
    # Blocks are kept to the microsecond, and Unix time as float64 to a quarter of one.
    for found in (both, by_option):
        assert found.energy_measured_uj == pytest.approx(plain.energy_measured_uj, rel=1e-5)


@given(idle=st.floats(0, 3))
def test_the_energy_falls_with_the_idle_power_in_a_straight_line(idle: float) -> None:
    def energy_uj(watts: float) -> float:
        return with_energy(row_of(), 1, log_of(ramp), Alignment(0.0, watts)).energy_measured_uj or 0.0

    length = 2.0
    assert energy_uj(idle) == pytest.approx(energy_uj(0.0) - 1e6 * idle * length / RUNS)


@given(factor=st.floats(0.1, 10))
def test_the_energy_grows_with_the_power(factor: float) -> None:
    once, more = (
        with_energy(row_of(), 1, log_of(lambda seconds, by=by: by * ramp(seconds)), Alignment(0.0, 0.0))
        for by in (1, factor)
    )
    assert more.energy_measured_uj == pytest.approx(factor * (once.energy_measured_uj or 0))


def test_the_idle_power_is_the_mean_of_a_time() -> None:
    assert idle_watts(log_of(ramp), START + 1, START + 3) == pytest.approx(2.2)
    for begin, end in ((START + 1, START + 1.01), (START + 3, START + 1)):
        with pytest.raises(EdgehybridError, match="too few samples of the idle time"):
            idle_watts(log_of(ramp), begin, end)


@pytest.mark.parametrize(
    ("row", "log", "idle", "message"),
    [
        (row_of(), log_of(ramp, seconds=12.5), 1.0, "A timed block of row 7 is not in the meter's log"),
        (row_of(), log_of(ramp, shift=11), 1.0, "is not in the meter's log"),
        # A block of 1 s: five samples are 5 a second.
        (row_of(), log_of(ramp, rate=3), 1.0, r"too few samples.*1000 ms.*5 samples a second.*--timed-runs"),
        (row_of(), log_of(ramp), 3.2, "idle power is above the power of row 7.*3.15 W"),
        (row_of(timed_blocks=None), log_of(ramp), 1.0, "does not say when its inferences ran"),
        (row_of(timed_blocks=[]), log_of(ramp), 1.0, "does not say when"),
        (row_of(emulated=True), log_of(ramp), 1.0, "in an emulator"),
        (row_of(), log_of(ramp), float("nan"), "not acceptable"),
    ],
)
def test_what_would_be_no_measurement_is_refused(row: Row, log: PowerLog, idle: float, message: str) -> None:
    with pytest.raises(EdgehybridError, match=f"(?s){message}"):
        with_energy(row, 7, log, Alignment(0.0, idle))


def test_a_gap_in_a_block_is_refused() -> None:
    whole = log_of(ramp)
    kept = (whole.seconds < START + 10.3) | (whole.seconds > START + 10.5)
    log = PowerLog(whole.path, HASH, whole.seconds[kept], whole.watts[kept])
    with pytest.raises(EdgehybridError, match="has a gap"):
        with_energy(row_of(), 1, log, Alignment(0.0, 1.0))


NO_OFFSET = Alignment(0.0, 1.0)
EARLIER = tuple((begin - 1e4, end - 1e4) for begin, end in BLOCKS)


def test_rows_of_the_meters_time_are_found() -> None:
    metered = with_energy(row_of(), 1, log_of(ramp), NO_OFFSET)
    rows = {1: row_of(EARLIER), 2: row_of(), 3: row_of(emulated=True), 4: row_of(timed_blocks=None), 5: metered}
    assert [*rows_with_energy(rows, log_of(ramp), NO_OFFSET, (), again=False)] == [2]
    assert [*rows_with_energy(rows, log_of(ramp), NO_OFFSET, (), again=True)] == [2, 5]
    assert [*rows_with_energy(rows, log_of(ramp), Alignment(-1e4, 1.0), (), again=False)] == [1]
    assert [*rows_with_energy(rows, log_of(ramp), NO_OFFSET, [2], again=False)] == [2]


@pytest.mark.parametrize(
    ("rows", "chosen", "message"),
    [
        ({2: row_of()}, [3], "no row of this number"),
        ({2: row_of(EARLIER)}, (), "No row"),
        ({1: row_of(device="pi4"), 2: row_of(device="pi5")}, (), "one device.*pi4, pi5.*--device"),
        ({2: with_energy(row_of(), 2, log_of(ramp), NO_OFFSET)}, [2], "measured energy already.*--overwrite"),
        ({1: row_of(), 2: row_of(((START + 29, START + 31),))}, (), "row 2 is not in the meter's log"),
    ],
)
def test_a_choice_of_rows_that_cannot_be_meant_is_refused(rows: dict[int, Row], chosen: Any, message: str) -> None:
    with pytest.raises((EdgehybridError, UsageError), match=f"(?s){message}"):
        rows_with_energy(rows, log_of(ramp), NO_OFFSET, chosen, again=False)
