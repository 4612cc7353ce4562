"""Reads what ``edgehybrid benchmark --profile --json`` printed: what each part of a flatbuffer's graph takes."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from edgehybrid.errors import UsageError
from edgehybrid.report.document import NOTHING, ReportTable, few_numbers, number, row_numbers
from edgehybrid.report.origin import Entry

_Number = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    name: str
    nodes: list[int]
    tensor: str | None
    # Of an emulator the time has a key of its own.
    time_us_median: _Number | None
    emulated_us_not_latency: _Number | None = None
    share: _Number


class _Profile(BaseModel):
    """Of one flatbuffer on one device what the report needs; the rest are fields of a row."""

    model_config = ConfigDict(strict=True, protected_namespaces=())

    recipe: str | None
    model: str
    model_sha256: str
    device: str
    threads: int
    emulated: bool
    profile: Annotated[list[_Part], Field(min_length=1)]


class _Printed(BaseModel):
    """Several flatbuffers or devices are printed as ``results``, one of one as the only object."""

    model_config = ConfigDict(strict=True)

    results: Annotated[list[_Profile], Field(min_length=1)]

    @model_validator(mode="before")
    @classmethod
    def _as_several(cls, printed: object) -> object:
        return printed if isinstance(printed, dict) and "results" in printed else {"results": [printed]}


def part_times(files: Sequence[Path], entries: Sequence[Entry]) -> tuple[ReportTable, ...]:
    """One table a profile: parts in the order of execution, with their median time in µs and their share in percent.

    A file holds one profile, or those of several flatbuffers and devices.

    Raises:
        UsageError: a file that holds no such profile, or one that was taken in an emulator or is of a flatbuffer
            which no row was measured with on that device with as many threads.
    """
    return tuple(_table(path, profile, entries) for path in files for profile in _read(path))


def _table(path: Path, profile: _Profile, entries: Sequence[Entry]) -> ReportTable:
    measured = (profile.model_sha256, profile.device, profile.threads)
    numbers = [
        entry.number for entry in entries if (entry.row.model_sha256, entry.row.device, entry.row.threads) == measured
    ]
    if not numbers:
        raise UsageError(
            "No row of the report was measured as the profile was: with its flatbuffer, device and threads.",
            received=f"{path}: {profile.model} {profile.model_sha256[:12]}… on {profile.device}, "
            f"--threads {profile.threads}",
            next_step="Measure it with 'edgehybrid benchmark', or leave this profile out.",
        )
    if profile.emulated:
        raise UsageError(
            "The profile was taken in an emulator: its times are none of the board.",
            received=path,
            next_step="Take it on the board itself, or leave it out.",
        )
    title = (
        f"Time of each part: {profile.recipe or profile.model} ({profile.model}) on {profile.device}, "
        f"{profile.threads} thread{'' if profile.threads == 1 else 's'}, {few_numbers(numbers)}"
    )
    rows = tuple(
        (
            str(index),
            part.name,
            row_numbers(part.nodes) or NOTHING,
            part.tensor or NOTHING,
            number(part.time_us_median, 1),
            f"{100 * part.share:.1f}",
        )
        for index, part in enumerate(profile.profile, start=1)
    )
    headers = ("part", "operators", "nodes", "result", "median time", "share")
    return ReportTable(title, headers, rows, ("", "", "", "", "µs (measured)", "% (measured)"))


def _read(path: Path) -> list[_Profile]:
    try:
        return _Printed.model_validate_json(path.read_bytes()).results
    except OSError as error:
        raise UsageError(f"The profile cannot be read: {error}.", received=path) from error
    except ValidationError as error:
        problem = error.errors()[0]
        # Behind "results" and the number.
        where = ".".join(map(str, problem["loc"][2:])) or "the file"
        raise UsageError(
            f"This is no profile: {where}: {problem['msg']}.",
            received=path,
            allowed="what 'edgehybrid benchmark MODEL --profile --json' prints",
        ) from error
