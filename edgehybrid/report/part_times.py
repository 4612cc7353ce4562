"""Reads what ``edgehybrid benchmark --profile --json`` printed: what each part of a flatbuffer's graph takes."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from edgehybrid.errors import UsageError
from edgehybrid.report.document import NOTHING, ReportTable, few_numbers, row_numbers
from edgehybrid.report.origin import Entry

_Number = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    name: str
    nodes: list[int]
    tensor: str | None
    time_us_median: _Number
    share: _Number


class _Profile(BaseModel):
    """Of the printed object what the report needs; the rest are fields of a row."""

    model_config = ConfigDict(strict=True, protected_namespaces=())

    recipe: str | None
    model: str
    model_sha256: str
    device: str
    threads: int
    emulated: bool
    profile: Annotated[list[_Part], Field(min_length=1)]


def part_times(files: Sequence[Path], entries: Sequence[Entry]) -> tuple[ReportTable, ...]:
    """One table a file: parts in the order of execution, with their median time in µs and their share in percent.

    Raises:
        UsageError: a file that is no such profile, that was taken in an emulator, or that is of a flatbuffer which
            none of the rows is about.
    """
    return tuple(_table(path, entries) for path in files)


def _table(path: Path, entries: Sequence[Entry]) -> ReportTable:
    profile = _read(path)
    numbers = [entry.number for entry in entries if entry.row.model_sha256 == profile.model_sha256]
    if not numbers:
        raise UsageError(
            "The profile is of a flatbuffer that no row of the report is about.",
            received=f"{path}: {profile.model} {profile.model_sha256[:12]}…",
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
            f"{part.time_us_median:.1f}",
            f"{100 * part.share:.1f}",
        )
        for index, part in enumerate(profile.profile, start=1)
    )
    headers = ("part", "operators", "nodes", "result", "median time", "share")
    return ReportTable(title, headers, rows, ("", "", "", "", "µs (measured)", "% (measured)"))


def _read(path: Path) -> _Profile:
    try:
        return _Profile.model_validate_json(path.read_bytes())
    except OSError as error:
        raise UsageError(f"The profile cannot be read: {error}.", received=path) from error
    except ValidationError as error:
        problem = error.errors()[0]
        where = ".".join(map(str, problem["loc"])) or "the file"
        raise UsageError(
            f"This is no profile: {where}: {problem['msg']}.",
            received=path,
            allowed="what 'edgehybrid benchmark MODEL --profile --json' prints",
        ) from error
