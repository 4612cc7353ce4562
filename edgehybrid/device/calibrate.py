"""Measured networks → calibration: what one unit of work takes on a device, and the errors of the fit.

The model of a network's latency is a sum over the classes of work (work.py):

    t = Σ_class  work_class · ns_class

A kind of network (packed, float32, int8) has coefficients of its own, for it runs in a runtime and in kernels of its
own: a float32 MAC beside packed layers is not one of XNNPACK. The coefficients minimise the squares of *relative*
errors, (model − measured) / measured, so that a network of 0.1 ms counts as one of 10 ms does; none is negative.

Where the times of a network's parts were measured, too (``benchmark --profile``), they are scaled to add up to the
network's latency, for additions, pools and the host stand in parts without a multiplication; and a part counts by its
share of that sum. So a network's parts together count as much as its latency.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from statistics import median
from typing import NamedTuple

import numpy as np

from edgehybrid import __version__
from edgehybrid.device.calibration import LEAST_NETWORKS, Calibration, KindFit, LeftOut
from edgehybrid.device.least_squares import Floats, inseparable_columns, non_negative_least_squares
from edgehybrid.device.work import CLASSES, KINDS, NS_PER_MS, Kind, Work
from edgehybrid.errors import EdgehybridError
from edgehybrid.results.row import TIME_FORMAT


class TimedPart(NamedTuple):
    """Some operators of a network that ran as one, and what they took."""

    work: Work
    time_ms: float


@dataclass(frozen=True)
class Sample:
    """A network that was measured on the device.

    Attributes:
        network: its name, for messages.
        latency_ms: median for one image.
        parts: those with work; empty where only the whole was measured.
    """

    network: str
    work: Work
    latency_ms: float
    runtime: str
    isa: str | None
    threads: int
    parts: tuple[TimedPart, ...] = ()


def calibrate(
    samples: Sequence[Sample], device: str, board: Mapping[str, object], warnings: Sequence[str] = ()
) -> Calibration:
    """Fits the coefficients of each kind of network that was measured.

    Networks of equal work are one, with the median of their latencies.

    Raises:
        EdgehybridError: too few networks of a kind, or too much alike to tell the classes apart; a class that one
            network alone has work of; a time that is no number above 0; different threads.
    """
    _refuse_what_is_no_time(samples)
    if len(threads := {sample.threads for sample in samples}) != 1:
        raise EdgehybridError(
            "A calibration is of networks that ran with one number of threads.",
            received=f"{', '.join(map(str, sorted(threads)))} threads" if threads else "no networks",
        )
    return Calibration(
        device=device,
        board=dict(board),
        threads=threads.pop(),
        kinds=tuple(
            _fit(kind, of_kind)
            for kind in KINDS
            if (of_kind := [sample for sample in samples if sample.work.kind == kind])
        ),
        warnings=tuple(warnings),
        measured_at_utc=datetime.now(UTC).strftime(TIME_FORMAT),
        tool_version=__version__,
    )


def _refuse_what_is_no_time(samples: Sequence[Sample]) -> None:
    for sample in samples:
        for what, time_ms in (("latency", sample.latency_ms), *(("part", part.time_ms) for part in sample.parts)):
            if not (math.isfinite(time_ms) and time_ms > 0):
                raise EdgehybridError(
                    f"The time of a {what} is no time.",
                    received=f"{sample.network}: {time_ms} ms",
                    allowed="a number above 0",
                    next_step="Measure it again.",
                )
        if not (sample.work.operators and any(sample.work[:3])):
            raise EdgehybridError("A network has no work that is counted.", received=sample.network)


class _Network(NamedTuple):
    """Samples of equal work.

    Attributes:
        rows: work, (1 + parts, 5).
        times_ms: of each.
        weights: of the squares: 1 for the whole, and 1 for all parts together.
    """

    names: tuple[str, ...]
    work: Floats
    latency_ms: float
    rows: Floats
    times_ms: Floats
    weights: Floats

    @property
    def parts(self) -> int:
        """How many times the fit sees beside the whole."""
        return len(self.rows) - 1


def _networks(samples: Sequence[Sample]) -> list[_Network]:
    equal: dict[Work, list[Sample]] = {}
    for sample in samples:
        equal.setdefault(sample.work, []).append(sample)
    found = []
    for work, same in equal.items():
        latency_ms = median(sample.latency_ms for sample in same)
        rows, times_ms, weights = [work], [latency_ms], [1.0]
        profiled = [sample.parts for sample in same if sample.parts]
        for parts in profiled:
            together_ms = sum(part.time_ms for part in parts)
            for part in parts:
                share = part.time_ms / together_ms
                rows.append(part.work)
                times_ms.append(share * latency_ms)
                weights.append(share / len(profiled))
        found.append(
            _Network(
                tuple(sample.network for sample in same),
                np.array(work, float),
                latency_ms,
                np.array(rows, float),
                np.array(times_ms),
                np.array(weights),
            )
        )
    # In any order of measuring the sums are made in one order, so their rounding is the same.
    return sorted(found, key=lambda network: (*network.work, network.latency_ms))


def _fit(kind: Kind, samples: Sequence[Sample]) -> KindFit:
    networks = _networks(samples)
    works = np.array([network.work for network in networks])
    used = [index for index in range(len(CLASSES)) if works[:, index].any()]
    _refuse_too_few(kind, networks, used)
    coefficients = _coefficients(networks)
    measured = np.array([network.latency_ms for network in networks])
    fitted = works @ coefficients / NS_PER_MS
    left_out = [_left_out(kind, networks, index, fitted[index]) for index in range(len(networks))]
    errors = np.abs(fitted / measured - 1)
    errors_left_out = [abs(each.latency_ms_left_out / each.latency_ms_measured - 1) for each in left_out]
    parts = [
        abs(error)
        for network in networks
        for error in (network.rows[1:] @ coefficients / NS_PER_MS / network.times_ms[1:] - 1)
    ]
    spread = float(np.square(measured - measured.mean()).sum())
    ns = {name: float(coefficients[index]) if index in used else None for index, name in enumerate(CLASSES)}
    return KindFit(
        kind=kind,
        runtimes=tuple(sorted({sample.runtime for sample in samples})),
        isas=tuple(sorted({sample.isa for sample in samples if sample.isa})),
        networks=len(networks),
        parts=len(parts),
        ns_per_binary_mac=ns["binary_macs"],
        ns_per_float_mac=ns["float_macs"],
        ns_per_int8_mac=ns["int8_macs"],
        ns_per_byte=ns["bytes"],
        ns_per_operator=ns["operators"],
        ranges={
            CLASSES[index]: (int(works[works[:, index] > 0, index].min()), int(works[:, index].max())) for index in used
        },
        error_median_percent=100 * float(np.median(errors)),
        error_max_percent=100 * float(errors.max()),
        left_out_error_median_percent=100 * median(errors_left_out),
        left_out_error_max_percent=100 * max(errors_left_out),
        parts_error_median_percent=100 * median(parts) if parts else None,
        r_squared=1 - float(np.square(measured - fitted).sum()) / spread if spread else None,
        left_out=tuple(left_out),
    )


def _refuse_too_few(kind: Kind, networks: Sequence[_Network], used: Sequence[int]) -> None:
    least = max(LEAST_NETWORKS, len(used) + 1)
    if len(networks) < least and (len(networks) < LEAST_NETWORKS or not any(network.parts for network in networks)):
        raise _too_few(kind, [network.names for network in networks], least)
    together = _relative_rows(networks)
    if alike := inseparable_columns(together[:, used]):
        raise EdgehybridError(
            f"The {kind} networks are too much alike: their work in {_words(used[index] for index in alike)} grows in "
            "proportion, so no time can be told from another.",
            received="; ".join(", ".join(network.names) for network in networks),
            next_step="Add a network of another architecture.",
        )


def refuse_what_cannot_be_enough(works: Mapping[str, Work]) -> None:
    """Raises EdgehybridError, before anything is measured, for a kind with fewer different works than any fit needs."""
    for kind in KINDS:
        names: dict[Work, list[str]] = {}
        for name, work in works.items():
            if work.kind == kind:
                names.setdefault(work, []).append(name)
        if 0 < len(names) < LEAST_NETWORKS:
            raise _too_few(kind, list(names.values()), LEAST_NETWORKS)


def _too_few(kind: Kind, names: Sequence[Sequence[str]], least: int) -> EdgehybridError:
    return EdgehybridError(
        f"There are too few {kind} networks to calibrate by.",
        received=f"{len(names)} of different work: {'; '.join(', '.join(each) for each in names)}",
        allowed=f"at least {least}, of different sizes; {LEAST_NETWORKS} where the times of parts are known",
        next_step=f"Add flatbuffers of other widths and architectures, or leave out the {kind} ones.",
    )


def _left_out(kind: Kind, networks: Sequence[_Network], index: int, fitted_ms: float) -> LeftOut:
    """The network by the others.

    Raises:
        EdgehybridError: they have no work of a class that it has, or no time for its work.
    """
    network, others = networks[index], [*networks[:index], *networks[index + 1 :]]
    coefficients = _coefficients(others)
    left_out_ms = float(network.work @ coefficients) / NS_PER_MS
    missing = (network.work > 0) & ~np.array([other.work for other in others]).any(axis=0)
    if missing.any() or left_out_ms <= 0 or fitted_ms <= 0:
        words = _words(np.flatnonzero(missing).tolist()) if missing.any() else "its work"
        raise EdgehybridError(
            f"One {kind} network alone tells what {words} takes, so the error of that is not known.",
            received=", ".join(network.names),
            next_step="Add another one with such work, or leave this one out.",
        )
    return LeftOut(
        networks=network.names,
        latency_ms_measured=network.latency_ms,
        latency_ms_fitted=float(fitted_ms),
        latency_ms_left_out=left_out_ms,
        coefficients_ns=tuple(map(float, coefficients)),
    )


def _coefficients(networks: Sequence[_Network]) -> Floats:
    """ns a unit of each class."""
    root = np.sqrt(np.concatenate([network.weights for network in networks]))
    return non_negative_least_squares(_relative_rows(networks), root)


def _relative_rows(networks: Sequence[_Network]) -> Floats:
    """Work by measured time, 1/ns, weighted: times the coefficients it should be the roots of the weights."""
    root = np.sqrt(np.concatenate([network.weights for network in networks]))
    times_ns = NS_PER_MS * np.concatenate([network.times_ms for network in networks])
    relative: Floats = np.concatenate([network.rows for network in networks]) * (root / times_ns)[:, None]
    return relative


def _words(indices: Iterable[int]) -> str:
    return " and ".join(CLASSES[index].replace("_", " ") for index in indices)
