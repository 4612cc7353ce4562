"""Latencies on a device of what another one has measured, from a few rows of its own: ``proxy --adapt``.

adaptation.py with the work of networks (work.py) as their encoding: five columns for each kind of network, as a
calibration has. The samples are few, so each of them in turn is what λ is judged by: the one is taken whose models,
each of all samples but one, order the samples best by what they say of the one left out.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edgehybrid.device.adaptation import SHARES, Floats, adapt_with, largest_penalty, proxy_weights
from edgehybrid.device.proxy import NetworkKey, is_transferable, newest_rows, rank_correlation
from edgehybrid.device.work import KINDS, Work, work_of_flatbuffer
from edgehybrid.errors import EdgehybridError, UsageError
from edgehybrid.flatbuffer import read_flatbuffer
from edgehybrid.results.row import Row

# Scale, shift and the bend of some columns, and an order to judge them by.
LEAST_SAMPLES = 6


@dataclass(frozen=True)
class AdaptedRows:
    """What one device's rows and a few of another's say about the latter.

    Attributes:
        samples: networks that both have measured.
        rank_correlation: of their latencies.
        rank_correlation_left_out: of what the adapted model of all others says of each of them, with its latency there.
        predicted: what only the proxy has measured, with the modelled latency on the device.
    """

    proxy: str
    device: str
    samples: int
    rank_correlation: float | None
    rank_correlation_left_out: float | None
    predicted: tuple[tuple[Row, float], ...]

    def as_dict(self) -> dict[str, object]:
        """The object that ``proxy --adapt`` prints."""
        return {
            "proxy": self.proxy,
            "device": self.device,
            "samples": self.samples,
            "rank_correlation": self.rank_correlation,
            "rank_correlation_left_out": self.rank_correlation_left_out,
            "networks": [
                {
                    "recipe": row.recipe,
                    "model": row.model,
                    "format": row.format,
                    "threads": row.threads,
                    "latency_ms_predicted": predicted_ms,
                }
                for row, predicted_ms in self.predicted
            ],
        }


def adapt_rows(rows: Sequence[Row], works: Mapping[str, Work], proxy: str, device: str) -> AdaptedRows:
    """Adapts the rows of ``proxy`` to those of ``device``.

    Args:
        works: of the rows' flatbuffers, by hash. Rows of others are left out.

    Raises:
        UsageError: no rows of such a device.
        EdgehybridError: too few networks that both have measured; their order is transferable as it is.
    """
    measured = newest_rows([row for row in rows if row.model_sha256 in works])
    for name in (proxy, device):
        if name not in measured:
            raise UsageError(
                "There are no rows of such a device, with the flatbuffers that they are about.",
                received=name,
                allowed=", ".join(sorted(measured)) or "none: the folder of runs holds no flatbuffer of a row",
            )
    on_proxy, on_device = measured[proxy], measured[device]
    common = [network for network in on_proxy if network in on_device]
    own, other = (_latencies(of, common) for of in (on_proxy, on_device))
    before = rank_correlation(own, other) if common else None
    if is_transferable(before):
        raise EdgehybridError(
            "The order of the two devices is transferable as it is.",
            received=f"rank correlation {before:.3f} of {len(common)} networks",
            next_step=f"Take the Pareto set of {proxy}, and measure its networks.",
        )
    if len(common) < LEAST_SAMPLES:
        raise EdgehybridError(
            "Both devices have measured too few networks to adapt one to the other.",
            received=f"{len(common)}",
            allowed=f"at least {LEAST_SAMPLES}",
            next_step=f"Benchmark more of what {proxy} has measured on {device}.",
        )
    networks = list(on_proxy)
    encodings = _encodings([works[on_proxy[network].model_sha256] for network in networks])
    weights = proxy_weights(encodings, _latencies(on_proxy, networks))
    places = {network: place for place, network in enumerate(networks)}
    sampled = encodings[[places[network] for network in common]]
    share, after = _best_share(weights, sampled, other)
    model = adapt_with(weights, sampled, other, share * largest_penalty(weights, sampled, other))
    left = [network for network in networks if network not in on_device]
    predicted = model(encodings[[places[network] for network in left]]) if left else np.empty(0)
    return AdaptedRows(
        proxy,
        device,
        len(common),
        before,
        after,
        # A line through few points may lead below 0, where no latency is.
        tuple((on_proxy[network], max(0.0, float(ms))) for network, ms in zip(left, predicted, strict=True)),
    )


def works_in(runs: Path, rows: Sequence[Row]) -> tuple[dict[str, Work], list[str]]:
    """The work of the rows' flatbuffers that are in the folder of runs, by hash; and the names of the others.

    Raises:
        FlatbufferError, EdgehybridError: see ``work_of_flatbuffer``.
    """
    found: dict[str, Work] = {}
    absent: dict[str, str] = {}
    for row in rows:
        path = runs / (row.run or "") / row.model
        if row.model_sha256 in found:
            continue
        flatbuffer = read_flatbuffer(path) if path.is_file() else None
        if flatbuffer is None or flatbuffer.sha256 != row.model_sha256:
            absent[row.model_sha256] = f"{row.recipe or row.model} ({row.format})"
        else:
            found[row.model_sha256] = work_of_flatbuffer(flatbuffer)
            # An earlier row may have named a run that is gone.
            absent.pop(row.model_sha256, None)
    return found, list(absent.values())


def _best_share(weights: Floats, encodings: Floats, latencies: Floats) -> tuple[float, float | None]:
    """(λ as a share of the largest one, the rank correlation of what is said of samples left out)."""
    best, most = float(SHARES[0]), None
    for share in map(float, SHARES):
        said = []
        for index in range(len(latencies)):
            others = np.arange(len(latencies)) != index
            some, times = encodings[others], latencies[others]
            model = adapt_with(weights, some, times, share * largest_penalty(weights, some, times))
            said.append(float(model(encodings[index : index + 1])[0]))
        correlation = rank_correlation(np.array(said), latencies)
        if correlation is not None and (most is None or correlation > most):
            best, most = share, correlation
    return best, most


def _encodings(works: Sequence[Work]) -> Floats:
    """(networks, columns): the work of each, in the columns of its kind; of columns of one size, without empty ones."""
    found = np.zeros((len(works), len(KINDS) * len(Work._fields)))
    for row, work in zip(found, works, strict=True):
        begin = KINDS.index(work.kind) * len(work)
        row[begin : begin + len(work)] = work
    found = found[:, found.any(axis=0)]
    return np.asarray(found / found.max(axis=0), np.float64)


def _latencies(of: Mapping[NetworkKey, Row], networks: Sequence[NetworkKey]) -> Floats:
    return np.array([of[network].latency_ms_median for network in networks], float)
