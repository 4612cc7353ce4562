"""May one device stand for another? Rank correlation of latencies, and what it says about a Pareto set.

Where networks have the same order of latencies on two devices, the networks that nothing beats on one are those that
nothing beats on the other: then only these have to be measured there. Source: Lu, Yang, Ren 2020 (arXiv:2009.00278),
who call a Spearman rank correlation of 0.9 strong. Order breaks at the border between kinds first (a core without int8
dot products; a desktop with AMX), so each kind of network is compared apart, too.
"""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from edgehybrid.errors import EdgehybridError, UsageError
from edgehybrid.results.row import Row

TRANSFERABLE = 0.9
# Two networks have one of two orders by chance.
LEAST_NETWORKS = 3
EVERY_KIND = "all"
# 97.5th percentile of the standard normal distribution: of 95 % intervals.
_Z = 1.959963984540054

Floats = NDArray[np.float64]
# Hash of the recipe, or of the flatbuffer; format; threads.
NetworkKey = tuple[str, str, int]


class Transfer(NamedTuple):
    """The Pareto set of latency and accuracy on the first device, on the second.

    Attributes:
        pareto_networks: how many are in it.
        pareto_shared: how many of them are in the second device's own.
        pareto_worst_ratio: what it costs there to choose among them alone, see ``worst_ratio``.
    """

    pareto_networks: int
    pareto_shared: int
    pareto_worst_ratio: float


@dataclass(frozen=True)
class Comparison:
    """The networks of one kind on two devices.

    Attributes:
        kind: format of the flatbuffers, or ``all``.
        networks: that both have measured.
        rank_correlation: Spearman's; None of fewer than 3 networks, or where a device takes the same time for all.
        rank_correlation_low, rank_correlation_high: 95 % interval; None of fewer than 4.
        transferable: whether it reaches 0.9: the Pareto set of one is that of the other. False where it is not known.
        pareto: what became of that; None unless all accuracies are known.
    """

    first: str
    second: str
    kind: str
    networks: int
    rank_correlation: float | None
    rank_correlation_low: float | None
    rank_correlation_high: float | None
    transferable: bool
    pareto: Transfer | None

    def as_dict(self) -> dict[str, object]:
        """The object that ``proxy`` prints."""
        facts = asdict(self)
        del facts["pareto"]
        return facts | (self.pareto._asdict() if self.pareto else dict.fromkeys(Transfer._fields))


def ranks(values: Floats) -> Floats:
    """1 for the smallest; equal values have the mean of the ranks that they take together."""
    order = np.argsort(values, kind="stable")
    _, which, counts = np.unique(values[order], return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    found = np.empty(len(values))
    found[order] = ((last - counts + 1 + last) / 2)[which]
    return found


def rank_correlation(first: Floats, second: Floats) -> float | None:
    """Spearman's: the correlation of the ranks. None where all values of one are equal, so that there is no order.

    Raises:
        UsageError: different lengths, or a value that is no number.
    """
    if first.shape != second.shape or first.ndim != 1:
        raise UsageError("Two orders are of the same networks.", received=f"{first.shape} and {second.shape}")
    if not (np.isfinite(first).all() and np.isfinite(second).all()):
        raise UsageError("A latency that is no number has no rank.", allowed="finite numbers")
    own, other = ranks(first) - (len(first) + 1) / 2, ranks(second) - (len(first) + 1) / 2
    size = math.sqrt(float(own @ own) * float(other @ other))
    # Rounding may lead beyond 1 by its last bit.
    return max(-1.0, min(1.0, float(own @ other) / size)) if size else None


def correlation_interval(correlation: float, networks: int) -> tuple[float, float] | None:
    """95 % interval of a rank correlation: Fisher's z with Bonett and Wright's (2000) variance (1 + r²/2) / (n − 3).

    A perfect order has no variance by that formula; its interval is that of the order with two neighbours exchanged,
    1 − 12 / (n³ − n), which the networks measured cannot tell from it.

    Returns:
        None of fewer than 4 networks.
    """
    if networks < 4:
        return None
    nearly = 1 - 12 / (networks**3 - networks)
    inner = max(-nearly, min(nearly, correlation))
    half = _Z * math.sqrt((1 + inner**2 / 2) / (networks - 3))
    low, high = math.tanh(math.atanh(inner) - half), math.tanh(math.atanh(inner) + half)
    return min(low, correlation), max(high, correlation)


def is_transferable(correlation: float | None) -> bool:
    """Whether the order of one device may stand for that of another."""
    return correlation is not None and correlation >= TRANSFERABLE


def pareto_set(latencies: Floats, quality: Floats) -> list[int]:
    """The networks that no other one beats, fastest first: none is as fast and as good, and better in one of the two.

    Of networks that are equal in both, all are in it.
    """
    order = sorted(range(len(latencies)), key=lambda index: (latencies[index], -quality[index], index))
    found: list[int] = []
    for index in order:
        last = found[-1] if found else None
        equal = last is not None and (latencies[last], quality[last]) == (latencies[index], quality[index])
        if last is None or quality[index] > quality[last] or equal:
            found.append(index)
    return found


def worst_ratio(proxy: Sequence[int], latencies: Floats, quality: Floats) -> float:
    """What it costs to choose from the proxy's Pareto set alone: the worst ratio of latencies on the device itself.

    For each network of its own Pareto set: the fastest one of the proxy's that is at least as good, over it. 1 means
    that nothing is lost.
    """
    return max(
        min(float(latencies[other]) for other in proxy if quality[other] >= quality[own]) / float(latencies[own])
        for own in pareto_set(latencies, quality)
    )


def compare_devices(rows: Sequence[Row]) -> list[Comparison]:
    """Each two devices with what both have measured: of every kind together, then of each kind.

    A network is a recipe in a format with a number of threads; of a model from elsewhere, the flatbuffer. The newest
    row counts. Emulated and invalid rows are left out. ``local`` is another device for each processor.

    Raises:
        EdgehybridError: no two devices have a network in common.
    """
    measured = newest_rows(rows)
    found = []
    for first, second in combinations(sorted(measured), 2):
        common = [network for network in measured[first] if network in measured[second]]
        pairs = [(measured[first][network], measured[second][network]) for network in common]
        formats = sorted({one.format for one, _ in pairs})
        for kind in (EVERY_KIND, *formats) if pairs else ():
            of_kind = [pair for pair in pairs if kind in (EVERY_KIND, pair[0].format)]
            found.append(_compare(first, second, kind, of_kind))
    if not found:
        raise EdgehybridError(
            "No two devices have measured the same network.",
            received=f"rows of {', '.join(sorted(measured)) or 'no device'}",
            allowed="rows of one recipe in one format, with one number of threads, on at least two devices",
            next_step="Benchmark the same flatbuffers on another device, into the same file of results.",
        )
    return found


def newest_rows(rows: Sequence[Row]) -> dict[str, dict[NetworkKey, Row]]:
    """By device and network, the newest row of those that may be compared, see ``compare_devices``."""
    found: dict[str, dict[NetworkKey, Row]] = {}
    for row in rows:
        if row.latency_ms_median is not None and row.verdict != "invalid":
            found.setdefault(device_of(row), {})[row.recipe_sha256 or row.model_sha256, row.format, row.threads] = row
    return found


def device_of(row: Row) -> str:
    """The device's name; of this machine its processor, for rows of several machines may stand in one file."""
    return row.device if row.device != "local" else f"local ({row.board.get('cpu', 'unknown processor')})"


def _compare(first: str, second: str, kind: str, pairs: Sequence[tuple[Row, Row]]) -> Comparison:
    own = np.array([row.latency_ms_median for row, _ in pairs], float)
    other = np.array([row.latency_ms_median for _, row in pairs], float)
    correlation = rank_correlation(own, other) if len(pairs) >= LEAST_NETWORKS else None
    low, high = (correlation is not None and correlation_interval(correlation, len(pairs))) or (None, None)
    accuracies = [one.top1_percent if one.top1_percent is not None else two.top1_percent for one, two in pairs]
    transferable = is_transferable(correlation)
    transfer = _transfer(own, other, accuracies)
    return Comparison(first, second, kind, len(pairs), correlation, low, high, transferable, transfer)


def _transfer(own: Floats, other: Floats, accuracies: Sequence[float | None]) -> Transfer | None:
    known = [accuracy for accuracy in accuracies if accuracy is not None]
    if len(known) < len(accuracies):
        return None
    quality = np.array(known)
    proxy = pareto_set(own, quality)
    shared = set(proxy) & set(pareto_set(other, quality))
    return Transfer(len(proxy), len(shared), worst_ratio(proxy, other, quality))
