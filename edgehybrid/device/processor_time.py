"""How much of the processor others took while we measured. Linux only: /proc/stat counts it, the load average does not.

The load average looks back over a minute or more, so it would count what this process itself did before.
"""

from __future__ import annotations

import os
import resource
import time
from pathlib import Path
from typing import NamedTuple

STAT = Path("/proc/stat")
# Columns of its first line, proc(5): user, nice, system, idle, iowait, irq, softirq, steal. Guests are within user.
_BUSY_COLUMNS = (0, 1, 2, 5, 6, 7)


class ProcessorTime(NamedTuple):
    """Seconds since some moment of the past.

    Attributes:
        busy: that all cores together were not idle; what a hypervisor gave to other machines counts, too.
        own: processor time of this process and of those children that it has waited for.
        wall: time.
    """

    busy: float
    own: float
    wall: float


def processor_time() -> ProcessorTime | None:
    """The counters now; None where the system does not tell."""
    try:
        label, *columns = STAT.read_text().splitlines()[0].split()
    except (OSError, IndexError):
        return None
    if label != "cpu" or len(columns) <= max(_BUSY_COLUMNS):
        return None
    ticks = sum(int(columns[index]) for index in _BUSY_COLUMNS)
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    own = time.process_time() + children.ru_utime + children.ru_stime
    return ProcessorTime(ticks / os.sysconf("SC_CLK_TCK"), own, time.monotonic())


# A tick or two of each core, of 10 ms, are 2 to 4 % of so long a time.
LEAST_SECONDS = 0.5


def share_meanwhile(
    began: ProcessorTime | None, warm: ProcessorTime | None, ended: ProcessorTime | None, cores: int
) -> float | None:
    """The share that others took from ``began`` on, or from ``warm`` on if that is more and long enough to tell."""
    shares = [share_of_others(began, ended, cores)]
    if warm is not None and ended is not None and ended.wall - warm.wall >= LEAST_SECONDS:
        shares.append(share_of_others(warm, ended, cores))
    return max((share for share in shares if share is not None), default=None)


def share_of_others(began: ProcessorTime | None, ended: ProcessorTime | None, cores: int) -> float | None:
    """The share of all cores' time, 0 … 1, that others took between two moments; None where it is not known.

    Counters advance in ticks of some 10 ms, so the difference of two can be a little below 0: that is 0.
    """
    if began is None or ended is None or ended.wall <= began.wall:
        return None
    others = (ended.busy - began.busy) - (ended.own - began.own)
    return min(1.0, max(0.0, others / (cores * (ended.wall - began.wall))))
