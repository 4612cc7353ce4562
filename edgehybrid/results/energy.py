"""The measured energy of an inference: a power meter's log over the time in which a row's inferences ran.

    energy = (∫ power dt - idle power · length) / inferences

over the row's timed blocks, which hold nothing but inferences. A block is only used where the meter saw enough of it:
the models run in turns, so what lies around a block is another model's power.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from edgehybrid.errors import EdgehybridError, UsageError
from edgehybrid.results.meter import PowerLog
from edgehybrid.results.row import Row, block_seconds, row_from

# Samples in every timed block. At its ends the line to the neighbours outside stands for the power: half a step of two.
LEAST_SAMPLES = 5
_MICRO = 1e6


class Alignment(NamedTuple):
    """How the meter's log lies on the device's time, and what is not of the inferences.

    Attributes:
        offset_seconds: added to the meter's times gives the device's.
        idle_watts: of the board that does nothing.
    """

    offset_seconds: float
    idle_watts: float


def rows_with_energy(
    rows: Mapping[int, Row], log: PowerLog, alignment: Alignment, chosen: Sequence[int], again: bool
) -> dict[int, Row]:
    """The rows that were measured while the meter logged, by their numbers, with their energy; all or none.

    Args:
        rows: of the store.
        chosen: numbers of the rows that are meant; none for all of that time.
        again: take rows, too, that have a measured energy.

    Raises:
        UsageError: there is no such row, or rows of several devices were measured at that time.
        EdgehybridError: a chosen row has an energy, or see ``with_energy``.
    """
    if absent := [number for number in chosen if number not in rows]:
        raise UsageError(
            "There is no row of this number.",
            received=absent[0],
            allowed=sorted(rows),
            next_step="edgehybrid results list",
        )
    meant = {number: rows[number] for number in chosen}
    for number, row in meant.items():
        if row.energy_measured_uj is not None and not again:
            raise EdgehybridError(
                f"Row {number} has a measured energy already.",
                received=f"{row.energy_measured_uj:.4g} µJ",
                next_step="Use --overwrite to measure it anew; the row stays in the store, behind its successor.",
            )
    if not chosen:
        at_the_time = {number: row for number, row in rows.items() if _overlaps(row, log, alignment.offset_seconds)}
        meant = {number: row for number, row in at_the_time.items() if again or row.energy_measured_uj is None}
    if not meant:
        raise UsageError(
            "No row without a measured energy was timed while the meter logged.",
            received=f"{log.path}: {log.seconds[0]:.3f} … {log.seconds[-1]:.3f} s of Unix time",
            next_step="See 'timed_blocks' of edgehybrid results show, --offset-seconds, or name rows with --row.",
        )
    if len(devices := sorted({row.device for row in meant.values()})) > 1:
        raise UsageError(
            "A meter measures one device, and several were at work.",
            received=", ".join(devices),
            next_step="Name it with --device.",
        )
    return {number: with_energy(row, number, log, alignment) for number, row in meant.items()}


def with_energy(row: Row, number: int, log: PowerLog, alignment: Alignment) -> Row:
    """The row with what the meter says of it.

    Args:
        number: of the row, for messages.

    Raises:
        EdgehybridError: the row is emulated or does not say when its inferences ran; the log does not cover that, has
            a gap or too few samples there; the idle power is above the power of the blocks.
    """
    by_device = _blocks(row, f"Row {number}")
    blocks = [(begin - alignment.offset_seconds, end - alignment.offset_seconds) for begin, end in by_device]
    for begin, end in blocks:
        log.refuse_uncovered(begin, end, f"A timed block of row {number}")
    counts = [log.samples_in(*block) for block in blocks]
    if min(counts) < LEAST_SAMPLES:
        shortest = min(end - begin for begin, end in blocks)
        raise EdgehybridError(
            f"The meter has too few samples of a timed block of row {number}.",
            received=f"{min(counts)}; the shortest block took {1e3 * shortest:.4g} ms",
            allowed=f"{LEAST_SAMPLES} or more in each, here at {_rate(shortest):.3g} samples a second",
            next_step="Log faster, or measure with more --timed-runs: a block is a tenth of them.",
        )
    length = sum(end - begin for begin, end in blocks)
    watts = sum(log.energy_j(*block) for block in blocks) / length
    if watts < alignment.idle_watts:
        raise EdgehybridError(
            f"The idle power is above the power of row {number}.",
            received=f"{alignment.idle_watts:.4g} W idle, {watts:.4g} W in the timed blocks",
            next_step="Look at the clocks of meter and device (--offset-seconds), and at when the board was idle.",
        )
    found: dict[str, object] = {
        "energy_measured_uj": _MICRO * (watts - alignment.idle_watts) * length / row.runs,
        "power_measured_w": watts,
        "power_idle_w": alignment.idle_watts,
        "meter_samples": sum(counts),
        "meter_offset_seconds": alignment.offset_seconds,
        "meter_sha256": log.sha256,
    }
    return row_from(row.as_dict() | found)


def idle_watts(log: PowerLog, begin: float, end: float) -> float:
    """Mean power in a time, by the meter's clock, in which the board did nothing.

    Raises:
        EdgehybridError: the log does not cover it, or has a gap or too few samples there.
    """
    log.refuse_uncovered(begin, end, "The idle time")
    if end <= begin or log.samples_in(begin, end) < LEAST_SAMPLES:
        raise EdgehybridError(
            "The meter has too few samples of the idle time.",
            received=f"{begin:.3f} … {end:.3f}: {log.samples_in(begin, end)}",
            allowed=f"{LEAST_SAMPLES} or more",
        )
    return log.energy_j(begin, end) / (end - begin)


def _blocks(row: Row, name: str) -> list[tuple[float, float]]:
    """When the row's inferences ran, in seconds of Unix time by the device's clock; refused where it does not say."""
    if row.emulated:
        raise EdgehybridError(
            f"{name} was measured in an emulator: a meter would measure the machine that it runs on.",
            received=row.device,
            next_step="Measure on the board itself.",
        )
    if not row.timed_blocks:
        raise EdgehybridError(
            f"{name} does not say when its inferences ran.",
            received=f"measured at {row.measured_at_utc} by edgehybrid {row.tool_version}",
            allowed="a row of this version, on a device whose clock was not set meanwhile",
            next_step="Measure again while the meter logs.",
        )
    return [block_seconds(block) for block in row.timed_blocks]


def _rate(shortest: float) -> float:
    return LEAST_SAMPLES / shortest if shortest else float("inf")


def _overlaps(row: Row, log: PowerLog, offset_seconds: float) -> bool:
    """Whether some of the row was measured while the meter logged; never of a row that does not say when."""
    if row.emulated or not row.timed_blocks:
        return False
    begin, end = block_seconds(row.timed_blocks[0])[0], block_seconds(row.timed_blocks[-1])[1]
    return bool(begin - offset_seconds <= log.seconds[-1] and end - offset_seconds >= log.seconds[0])
