"""The record of a calibration: what a unit of work takes on a device, with the errors of the fit (calibrate.py)."""

from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from edgehybrid.device.least_squares import Floats
from edgehybrid.device.work import Kind
from edgehybrid.errors import EdgehybridError
from edgehybrid.files import make_folder, write_atomically

# With fewer, an interval would say little: of four, one left out is within the others' errors four times of five.
LEAST_NETWORKS = 4

# JSON knows lists only.
Texts = Annotated[tuple[str, ...], Field(strict=False)]
Numbers = Annotated[tuple[Annotated[float, Field(ge=0)], ...], Field(strict=False, min_length=5, max_length=5)]
Range = Annotated[tuple[int, int], Field(strict=False)]
Positive = Annotated[float, Field(gt=0)]
Coefficient = Annotated[float, Field(ge=0)]


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class LeftOut(_Record):
    """A network of the calibration, as all of them say it takes, and as the others alone would have.

    Attributes:
        networks: the names of networks of equal work, which are one; their median was measured.
        coefficients_ns: those of the others, in the order of ``Work``.
    """

    networks: Texts
    latency_ms_measured: Positive
    latency_ms_fitted: Positive
    latency_ms_left_out: Positive
    coefficients_ns: Numbers


class KindFit(_Record):
    """Coefficients for one kind of network. One of None belongs to a class that no measured network has work of.

    Attributes:
        runtimes, isas: what ran the networks.
        ranges: for each fitted class the least and the most work of a measured network.
        parts: whose times the fit also saw.
        error_…_percent: |model − measured| / measured: of the fit, and of each network by the others alone.
        parts_error_median_percent: of the parts; None without any.
        r_squared: of the latencies, 1 where all are met; None where all are equal.
    """

    kind: Kind
    runtimes: Texts
    isas: Texts
    networks: int
    parts: int
    ns_per_binary_mac: Coefficient | None
    ns_per_float_mac: Coefficient | None
    ns_per_int8_mac: Coefficient | None
    ns_per_byte: Coefficient | None
    ns_per_operator: Coefficient | None
    ranges: dict[str, Range]
    error_median_percent: float
    error_max_percent: float
    left_out_error_median_percent: float
    left_out_error_max_percent: float
    parts_error_median_percent: float | None
    r_squared: float | None
    left_out: Annotated[tuple[LeftOut, ...], Field(strict=False, min_length=LEAST_NETWORKS)]

    @property
    def coefficients_ns(self) -> Floats:
        """In the order of ``Work``; 0 for a class that was not fitted."""
        found = (
            self.ns_per_binary_mac,
            self.ns_per_float_mac,
            self.ns_per_int8_mac,
            self.ns_per_byte,
            self.ns_per_operator,
        )
        return np.array([each or 0.0 for each in found])


class Calibration(_Record):
    """What was fitted on one device with one number of threads.

    Attributes:
        device: local, or a board's name.
        board: its state while it was measured on.
        warnings: why the measurements may be off, in words.
    """

    device: str
    board: dict[str, object]
    threads: int
    kinds: Annotated[tuple[KindFit, ...], Field(strict=False, min_length=1)]
    warnings: Texts = ()
    measured_at_utc: str
    tool_version: str

    def as_dict(self) -> dict[str, object]:
        """As JSON has it: every field, in order."""
        return self.model_dump(mode="json")

    def of_kind(self, kind: Kind) -> KindFit | None:
        """The fit for networks of a kind, if some were measured."""
        return next((fit for fit in self.kinds if fit.kind == kind), None)


def write_calibration(path: Path, calibration: Calibration) -> None:
    """Saves a calibration as JSON; folders that are missing are made.

    Raises:
        EdgehybridError: the file cannot be written.
    """
    try:
        make_folder(path.parent, exist_ok=True)
        write_atomically(path, (calibration.model_dump_json(indent=2) + "\n").encode())
    except OSError as error:
        raise EdgehybridError(f"The calibration cannot be written: {error}.", received=path) from error


def read_calibration(path: Path) -> Calibration:
    """Reads what ``write_calibration`` saved.

    Raises:
        EdgehybridError: there is no such file, or it is no calibration.
    """
    try:
        return Calibration.model_validate_json(path.read_bytes())
    except OSError as error:
        raise EdgehybridError(
            f"The calibration cannot be read: {error}.",
            received=path,
            next_step="Make one with: edgehybrid calibrate MODEL… --out FILE",
        ) from error
    except ValidationError as error:
        problem = error.errors()[0]
        where = ".".join(map(str, problem["loc"])) or "the file"
        raise EdgehybridError(
            f"The file is no calibration: {where}: {problem['msg']}.",
            received=path,
            allowed="what 'edgehybrid calibrate' wrote",
            next_step="Make one with: edgehybrid calibrate MODEL… --out FILE",
        ) from error
