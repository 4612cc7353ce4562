"""The log of a power meter: a CSV file with a column of time, and power, or voltage and current."""

import csv
import hashlib
import io
import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from edgehybrid.errors import EdgehybridError, RunError, UsageError

# Watts of a unit of power; also of volts times amperes, and volts times milliamperes.
UNITS = {"W": 1.0, "mW": 1e-3}
# Between two samples lies so many times what usually lies there: the meter has lost some.
MOST_STEPS = 3.0


class Columns(NamedTuple):
    """Which columns of the file hold what.

    Attributes:
        power: the names of one column, or of voltage and current, which are multiplied.
        unit: of the power, or of the product.
    """

    time: str
    power: tuple[str, ...]
    unit: str


@dataclass(frozen=True)
class PowerLog:
    """Samples of power, in the order of their times; between two of them it is a straight line.

    Attributes:
        path, sha256: of the file.
        seconds: of Unix time, by the meter's clock, strictly rising.
        watts: finite, and not negative.
    """

    path: Path
    sha256: str
    seconds: NDArray[np.float64]
    watts: NDArray[np.float64]

    def energy_j(self, begin: float, end: float) -> float:
        """The integral of the power over a time that the log covers, in joules."""
        inside = (self.seconds > begin) & (self.seconds < end)
        # Of differences: seconds of Unix time are too large to be multiplied without loss.
        moments = np.concatenate([[begin], self.seconds[inside], [end]]) - self.seconds[0]
        watts = np.interp(moments, self.seconds - self.seconds[0], self.watts)
        return float(np.sum(np.diff(moments) * (watts[1:] + watts[:-1]) / 2))

    def samples_in(self, begin: float, end: float) -> int:
        """How many samples lie in a time."""
        return int(np.count_nonzero((self.seconds >= begin) & (self.seconds <= end)))

    def refuse_uncovered(self, begin: float, end: float, what: str) -> None:
        """Refuses a time that the log does not cover, or has a gap in.

        Args:
            what: begins the sentence, such as ``A timed block of row 3``.

        Raises:
            EdgehybridError: see above.
        """
        if begin < self.seconds[0] or end > self.seconds[-1]:
            raise EdgehybridError(
                f"{what} is not in the meter's log.",
                received=f"{begin:.3f} … {end:.3f}; {self.path} has {self.seconds[0]:.3f} … {self.seconds[-1]:.3f}",
                allowed="a log that begins before the benchmark and ends behind it, in seconds of Unix time",
                next_step="If the meter's clock differs from the device's, say by how much with --offset-seconds.",
            )
        first, last = np.searchsorted(self.seconds, begin, "right") - 1, np.searchsorted(self.seconds, end, "left")
        steps = np.diff(self.seconds)
        widest, usual = float(steps[first:last].max(initial=0.0)), float(np.median(steps))
        if widest > MOST_STEPS * usual:
            raise EdgehybridError(
                f"{what} lies where the meter's log has a gap.",
                received=f"{self.path}: {widest:.4g} s without a sample, at about {begin:.3f}",
                allowed=f"at most {MOST_STEPS:.0f} times the usual {usual:.4g} s",
                next_step="Measure again.",
            )


def read_meter(path: Path, columns: Columns) -> PowerLog:
    """Reads a log.

    Raises:
        UsageError: the file has no such column.
        RunError: it cannot be read, has fewer than two samples, a time that does not rise, or a power that is no
            finite number or negative; with the number of the line.
    """
    try:
        content = path.read_bytes()
        table = csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline=""), strict=True, skipinitialspace=True)
        header = [name.strip() for name in table.fieldnames or ()]
    except OSError as error:
        raise RunError(f"The meter's log cannot be read: {error.strerror}.", received=path) from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise RunError("The meter's log is no CSV file.", received=f"{path}: {error}") from error
    if missing := [name for name in (columns.time, *columns.power) if name not in header]:
        raise UsageError(
            f"The meter's log has no column {', '.join(map(repr, missing))}.",
            received=f"{path}: {', '.join(header) or 'an empty file'}",
            next_step="Name its columns with --time and --power, or --voltage and --current.",
        )
    table.fieldnames = header
    samples: list[tuple[float, float]] = []
    try:
        for cells in table:
            sample = _sample(cells, columns, f"{path}, line {table.line_num}")
            if samples and sample[0] <= samples[-1][0]:
                raise RunError(
                    "The times of the meter's log do not rise.",
                    received=f"{path}, line {table.line_num}: {cells[columns.time]}",
                    next_step="Leave out what was logged before the meter's clock was set.",
                )
            samples.append(sample)
    except csv.Error as error:
        raise RunError("The meter's log is no CSV file.", received=f"{path}: {error}") from error
    if len(samples) < 2:
        raise RunError("The meter's log has no samples.", received=f"{path}: {len(samples)}", allowed="two or more")
    seconds, watts = np.array(samples).T
    return PowerLog(path, hashlib.sha256(content).hexdigest(), seconds, watts)


def seconds_of(text: str) -> float:
    """Seconds of Unix time of a number, or of ISO 8601 in UTC. Raises ValueError for other texts."""
    try:
        found = float(text)
    except ValueError:
        moment = datetime.fromisoformat(text.strip())
        if moment.utcoffset() != timedelta(0):
            raise ValueError(f"'{text}' is not in UTC: it must end in Z or +00:00") from None
        found = moment.timestamp()
    if not math.isfinite(found):
        raise ValueError(f"'{text}' is no time")
    return found


def _sample(cells: dict[str, str], columns: Columns, where: str) -> tuple[float, float]:
    """Seconds and watts."""
    texts = [cells[columns.time], *(cells[name] for name in columns.power)]
    try:
        # None in a line that is too short.
        seconds, watts = (
            seconds_of(texts[0] or ""),
            UNITS[columns.unit] * math.prod(float(one or "") for one in texts[1:]),
        )
    except ValueError as error:
        raise RunError(
            "A line of the meter's log is no sample.",
            received=f"{where}: {error}",
            allowed="a time in seconds of Unix time, or ISO 8601 in UTC; and numbers",
        ) from error
    if not math.isfinite(watts) or watts < 0:
        raise RunError(
            "A power of the meter's log is negative or no finite number.",
            received=f"{where}: {', '.join(texts[1:])}",
            next_step="If the current flows the other way through the meter, swap its wires.",
        )
    return seconds, watts
