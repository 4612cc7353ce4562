"""The latency of a network that was not measured, by a calibration, with an interval; or a refusal.

The interval is the jackknife+ (Barber, Candès, Ramdas, Tibshirani 2021, "Predictive inference with the jackknife+",
Annals of Statistics 49(1)) on logarithms. With n networks, R_i = |ln t_i − ln f_{−i}(x_i)| is the error of network i by
the others, and f_{−i}(x) what those others say of the new one:

    low  = exp of the ⌊α (n + 1)⌋-th smallest of   ln f_{−i}(x) − R_i
    high = exp of the ⌈(1 − α) (n + 1)⌉-th smallest of   ln f_{−i}(x) + R_i

α = 0.1; with fewer than 9 networks α = 1 / (n + 1), the outermost. Where the new network is to the measured ones as
these are to one another (exchangeable), it covers the latency with a probability of about 1 − α, never below 1 − 2α. A
network of another family than those measured is no such network.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edgehybrid.census.formats import Format
from edgehybrid.cost.count import is_flatbuffer
from edgehybrid.device.calibration import Calibration, KindFit
from edgehybrid.device.work import CLASSES, Kind, Work, work_of_flatbuffer, work_of_network
from edgehybrid.errors import EdgehybridError
from edgehybrid.flatbuffer import read_flatbuffer
from edgehybrid.networks import network_of
from edgehybrid.recipe import load_recipe

MISSES = 0.1
# How far outside the fitted range work may be. A class's time is taken for proportional to its work, which cannot be
# checked there.
MARGIN = 0.25


@dataclass(frozen=True)
class Prediction:
    """A modelled latency, which nothing has measured.

    Attributes:
        name: of a recipe, or the path of a flatbuffer.
        file_format: that a recipe was counted in; None of a flatbuffer.
        coverage_percent: how often such an interval holds the latency, see above.
    """

    name: str
    file_format: Format | None
    device: str
    threads: int
    kind: Kind
    work: Work
    latency_ms_predicted: float
    latency_ms_low: float
    latency_ms_high: float
    coverage_percent: float

    def as_dict(self) -> dict[str, object]:
        """The object that ``predict`` prints."""
        return {
            "recipe": self.name if self.file_format else None,
            "model": None if self.file_format else self.name,
            "format": self.file_format,
            "kind": self.kind,
            "device": self.device,
            "threads": self.threads,
            "latency_ms_predicted": self.latency_ms_predicted,
            "latency_ms_low": self.latency_ms_low,
            "latency_ms_high": self.latency_ms_high,
            "coverage_percent": self.coverage_percent,
            **self.work._asdict(),
        }


def predict_input(calibration: Calibration, name: str, file_format: Format, overrides: Sequence[str]) -> Prediction:
    """The latency of a recipe in a format, or of a flatbuffer (``….tflite``).

    Raises:
        EdgehybridError: see ``load_recipe``, ``read_flatbuffer``, ``predict``.
    """
    if is_flatbuffer(name):
        return predict(calibration, work_of_flatbuffer(read_flatbuffer(Path(name))), name)
    recipe = load_recipe(name, overrides)
    return predict(calibration, work_of_network(network_of(recipe), file_format), recipe.name, file_format)


def predict(calibration: Calibration, work: Work, name: str, file_format: Format | None = None) -> Prediction:
    """The latency of a network with that work on the calibration's device.

    Raises:
        EdgehybridError: its kind was not measured; it has work of a class that was never fitted, or more or less than
            the fitted range and ``MARGIN`` allow.
    """
    fit = calibration.of_kind(work.kind)
    if fit is None:
        raise EdgehybridError(
            f"No {work.kind} network was measured on the device, so nothing is known about this one.",
            received=name,
            allowed=f"networks that are {' or '.join(each.kind for each in calibration.kinds)}",
            next_step=f"Calibrate with {work.kind} flatbuffers, too.",
        )
    _refuse_outside(fit, work, name)
    predicted_ms = work.time_ms(fit.coefficients_ns.tolist())
    if predicted_ms <= 0:
        raise EdgehybridError(f"The calibration has no time for the work of {name}.", received=", ".join(CLASSES))
    low_ms, high_ms, coverage = _interval(fit, work)
    return Prediction(
        name,
        file_format,
        calibration.device,
        calibration.threads,
        work.kind,
        work,
        predicted_ms,
        min(low_ms, predicted_ms),
        max(high_ms, predicted_ms),
        100 * coverage,
    )


def _refuse_outside(fit: KindFit, work: Work, name: str) -> None:
    for what, amount in work._asdict().items():
        words = what.replace("_", " ")
        if not amount:
            continue
        if what not in fit.ranges:
            raise EdgehybridError(
                f"No measured {fit.kind} network has {words}, so their time is not known.",
                received=f"{name}: {amount:,}",
                allowed=", ".join(known.replace("_", " ") for known in fit.ranges),
                next_step=f"Calibrate with {fit.kind} flatbuffers that have some.",
            )
        least, most = fit.ranges[what]
        if not least / (1 + MARGIN) <= amount <= most * (1 + MARGIN):
            raise EdgehybridError(
                f"The network is outside of what was measured: {words}.",
                received=f"{name}: {amount:,}",
                allowed=f"{least:,} … {most:,}, and {MARGIN:.0%} beyond",
                next_step=f"Calibrate with a {fit.kind} network of such a size.",
            )


def _interval(fit: KindFit, work: Work) -> tuple[float, float, float]:
    """(low, high, share that is covered)."""
    n = len(fit.left_out)
    others_ms = [work.time_ms(each.coefficients_ns) for each in fit.left_out]
    errors = [abs(math.log(each.latency_ms_measured / each.latency_ms_left_out)) for each in fit.left_out]
    # From either end; the small number keeps 0.1 · 10 at 1 although 0.1 has no exact binary form.
    rank = max(1, math.floor(MISSES * (n + 1) + 1e-9))
    lows = sorted(said * math.exp(-error) for said, error in zip(others_ms, errors, strict=True))
    highs = sorted(said * math.exp(error) for said, error in zip(others_ms, errors, strict=True))
    return lows[rank - 1], highs[n - rank], 1 - rank / (n + 1)
