"""Networks of known work, and the times that known coefficients give them."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from edgehybrid.device.calibrate import Sample, TimedPart
from edgehybrid.device.work import Work

# ns a binary MAC, float MAC, int8 MAC, byte, operator: of the size of what is measured on a desktop.
PACKED_NS = (1e-3, 1e-2, 0.0, 3e-2, 500.0)
FLOAT_NS = (0.0, 1e-2, 0.0, 1e-1, 2000.0)


def works(count: int, seed: int, kind: str = "packed") -> list[Work]:
    """Networks of 10⁷ … 10⁹ MACs, with other things in no proportion to them."""
    rng = np.random.default_rng(seed)
    macs = (10 ** rng.uniform(7, 9, count)).astype(int)
    shares = rng.uniform(0.001, 0.1, count)
    sizes = (10 ** rng.uniform(5.5, 7.5, count)).astype(int)
    operators = rng.integers(10, 60, count)
    packed = kind == "packed"
    return [
        Work(
            binary_macs=int(m) if packed else 0,
            float_macs=int(m * share) if packed else int(m),
            bytes=int(size),
            operators=int(number),
        )
        for m, share, size, number in zip(macs, shares, sizes, operators, strict=True)
    ]


def time_ms(work: Work, coefficients_ns: Sequence[float]) -> float:
    return sum(amount * ns for amount, ns in zip(work, coefficients_ns, strict=True)) / 1e6


def samples(
    of: Sequence[Work], coefficients_ns: Sequence[float], factors: NDArray[np.float64] | None = None
) -> list[Sample]:
    """One a network; ``factors`` are what noise multiplies each time by."""
    by = np.ones(len(of)) if factors is None else factors
    return [
        Sample(f"net{number}", work, time_ms(work, coefficients_ns) * float(factor), "a runtime", "avx512", 1)
        for number, (work, factor) in enumerate(zip(of, by, strict=True))
    ]


def halves(work: Work, coefficients_ns: Sequence[float]) -> tuple[TimedPart, ...]:
    """A network in two parts of unlike work: its MACs of one kind, and the rest."""
    first = Work(binary_macs=work.binary_macs, bytes=work.bytes // 3, operators=1)
    second = Work(*(all_ - own for all_, own in zip(work, first, strict=True)))
    return tuple(TimedPart(part, time_ms(part, coefficients_ns)) for part in (first, second))


def with_parts(of: Sequence[Sample], scale: float = 1.0) -> list[Sample]:
    """Each in its two halves, timed at ``scale`` of what they take."""
    return [
        replace(sample, parts=tuple(p._replace(time_ms=scale * p.time_ms) for p in halves(sample.work, PACKED_NS)))
        for sample in of
    ]
