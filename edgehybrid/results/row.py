"""The row: what one benchmark found. Each field's unit is in its name, its meaning beside it."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Literal, Self, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from edgehybrid.errors import RunError

TIME_FORMAT = "%Y-%m-%dT%H:%M:%SZ"
_BLOCK_FORMAT = "%Y-%m-%dT%H:%M:%S.%fZ"
# The largest integer of SQLite; no field comes near.
MAX_NUMBER = 2**63 - 1
LATENCIES = (
    *("latency_ms_median", "latency_ms_p95", "latency_ms_min", "latency_ms_std"),
    *("latency_ms_p5", "latency_ms_avg", "latency_ms_max", "init_ms", "first_warmup_ms"),
)
# What a power meter's log adds to a row (energy.py): all of it or nothing.
METERED = (
    *("energy_measured_uj", "power_measured_w", "power_idle_w"),
    *("meter_samples", "meter_offset_seconds", "meter_sha256"),
)
Verdict = Literal["unchecked", "valid", "suspect", "invalid"]
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)


def _printable(text: str) -> str:
    # A line break or half of a surrogate pair would break CSV or UTF-8.
    if not text.isprintable():
        raise ValueError("text of printable characters")
    return text


def _are_blocks(blocks: tuple[str, ...]) -> tuple[str, ...]:
    ends = [moment for block in blocks for moment in block_seconds(block)]
    if ends != sorted(ends):
        raise ValueError("times that never go back")
    return blocks


def block_text(begin: float, end: float) -> str:
    """A block of time as ISO 8601 writes an interval in UTC. Both in seconds of Unix time, kept to the microsecond."""
    return "/".join(f"{datetime.fromtimestamp(moment, UTC):{_BLOCK_FORMAT}}" for moment in (begin, end))


def block_seconds(block: str) -> tuple[float, float]:
    """Begin and end of what ``block_text`` wrote, in seconds of Unix time. Raises ValueError for other texts."""
    begin, end = (datetime.strptime(text, _BLOCK_FORMAT).replace(tzinfo=UTC).timestamp() for text in block.split("/"))
    return begin, end


def _is_json(value: dict[str, object]) -> dict[str, object]:
    try:
        text = json.dumps(value, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ValueError(f"what JSON can hold: {error}") from error
    # A tuple would come back as a list, the key 1 as "1".
    if json.loads(text) != value:
        raise ValueError("what JSON can hold: lists, and maps with texts as keys")
    return value


def _now_utc() -> str:
    return datetime.now(UTC).strftime(TIME_FORMAT)


Text = Annotated[str, AfterValidator(_printable)]
Count = Annotated[int, Field(ge=0, le=MAX_NUMBER)]
# NaN is not comparable, and so refused.
Number = Annotated[float, Field(ge=0, le=MAX_NUMBER)]
# Stored rows have the facts of other versions and boards.
Facts = Annotated[dict[str, object], AfterValidator(_is_json)]
# JSON and SQLite's text have lists only.
Signed = Annotated[float, Field(ge=-MAX_NUMBER, le=MAX_NUMBER)]
Sentences = Annotated[tuple[str, ...], Field(strict=False)]
Blocks = Annotated[tuple[str, ...], Field(strict=False), AfterValidator(_are_blocks)]
Time = Annotated[str, BeforeValidator(lambda text: _now_utc() if text is None else text)]


class Row(BaseModel):
    """One measurement: what was measured, where, how fast, and what the analytic model says of it."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, protected_namespaces=())

    recipe: Text | None = Field(default=None, description="name of the recipe; null for a model from elsewhere")
    recipe_sha256: Text | None = Field(default=None, description="hash of the resolved recipe")
    run: Text | None = Field(default=None, description="name of the run folder")
    model: Text = Field(description="file name of the flatbuffer")
    model_sha256: Text = Field(description="hash of the flatbuffer")
    format: Text = Field(description="packed, float32, int8 …")
    target: Text | None = Field(default=None, description="aarch64 or x86_64: what the flatbuffer was converted for")
    device: Text = Field(description="local, the name of a board, or ssh://…")
    board: Facts = Field(description="state of the board: processor, clock, governor, temperature …")
    runtime: Text = Field(description="name and version of the interpreter that ran the model, and its kernels")
    isa: Text | None = Field(default=None, description="instruction set of the kernels that ran")
    threads: Count = Field(description="threads that ran an inference")
    delegated_nodes: Count | None = Field(
        default=None, description="nodes of the graph that the native runtime ran; null where another one did"
    )
    graph_nodes: Count | None = Field(default=None, description="nodes of the graph")
    latency_ms_median: Number | None = Field(default=None, description="ms for one image, of all runs of all sessions")
    latency_ms_p95: Number | None = Field(default=None, description="ms, 95th percentile")
    latency_ms_min: Number | None = Field(default=None, description="ms, the fastest run")
    latency_ms_std: Number | None = Field(default=None, description="ms, standard deviation")
    latency_ms_p5: Number | None = Field(default=None, description="ms, 5th percentile")
    latency_ms_avg: Number | None = Field(default=None, description="ms, mean")
    latency_ms_max: Number | None = Field(default=None, description="ms, the slowest")
    init_ms: Number | None = Field(default=None, description="ms to load the model, median of the sessions")
    first_warmup_ms: Number | None = Field(default=None, description="ms, the first inference, median of the sessions")
    session_spread_percent: Number | None = Field(
        default=None, description="percent by which the medians of the sessions differ"
    )
    run_spread_percent: Number | None = Field(
        default=None, description="percent of the median that the middle half of a session's runs spans, the largest"
    )
    sessions: Count = Field(description="processes that were started one after the other")
    runs: Count = Field(description="timed inferences, all sessions together")
    energy_model_uj: Number | None = Field(default=None, description="µJ for one image, modelled, by rules and table")
    memory_model_bits: Count | None = Field(default=None, description="bits of the file's weights, modelled, by rules")
    rules: Text | None = Field(default=None, description="name of the cost rules")
    table: Text | None = Field(default=None, description="name of the energy table")
    energy_measured_uj: Number | None = Field(
        default=None, description="µJ for one inference, measured by a power meter, without what the idle board takes"
    )
    power_measured_w: Number | None = Field(
        default=None, description="W, mean power of the board's supply in the timed blocks, measured"
    )
    power_idle_w: Number | None = Field(default=None, description="W that the idle board takes")
    meter_samples: Count | None = Field(default=None, description="samples of the meter inside the timed blocks")
    meter_offset_seconds: Signed | None = Field(
        default=None, description="s that were added to the meter's times to give the device's"
    )
    meter_sha256: Text | None = Field(default=None, description="hash of the meter's file")
    size_bytes: Count = Field(description="bytes of the flatbuffer")
    top1_percent: Number | None = Field(default=None, description="top-1 accuracy of this flatbuffer, percent")
    images: Count | None = Field(default=None, description="images that top1_percent was measured on")
    epochs: Count | None = Field(default=None, description="epochs that the weights were trained for")
    peak_memory_bytes: Count | None = Field(default=None, description="bytes, largest resident set of a session")
    verdict: Verdict = Field(description="whether the measurement can be trusted")
    verdict_reasons: Sentences = Field(description="why not, in words")
    emulated: bool = Field(description="the board was emulated: its time is no latency")
    emulated_ms_not_latency: Number | None = Field(default=None, description="ms for one image on an emulated board")
    measured_at_utc: Time = Field(default_factory=_now_utc, description="such as 2026-01-31T12:00:00Z")
    timed_blocks: Blocks | None = Field(
        default=None, description="when timed inferences ran, intervals of ISO 8601 by the device's clock, UTC"
    )
    tool_version: Text = Field(description="version of edgehybrid")

    @field_validator("measured_at_utc")
    @classmethod
    def _is_a_time(cls, text: str) -> str:
        # strptime itself would take 2026-1-31 too.
        if datetime.strptime(text, TIME_FORMAT).strftime(TIME_FORMAT) != text:
            raise ValueError("2026-01-31T12:00:00Z, for example")
        return text

    @model_validator(mode="after")
    def _emulated_time_is_no_latency(self) -> Self:
        must_be_null = LATENCIES if self.emulated else ("emulated_ms_not_latency",)
        if wrong := [name for name in must_be_null if getattr(self, name) is not None]:
            raise ValueError(f"emulated: {self.emulated} with {', '.join(wrong)}")
        return self

    @model_validator(mode="after")
    def _metered_energy_is_whole_and_of_a_board(self) -> Self:
        known = [name for name in METERED if getattr(self, name) is not None]
        if known and (self.emulated or len(known) < len(METERED)):
            raise ValueError(f"emulated: {self.emulated} with {', '.join(known)}")
        return self

    def as_dict(self) -> dict[str, object]:
        """The row as JSON has it: every field, in order."""
        return self.model_dump(mode="json")


def row_from(values: Mapping[str, object]) -> Row:
    """The row of keys and values that come from a file.

    Raises:
        RunError: an unknown or missing key, a wrong type, not a finite number, emulated time beside latency.
    """
    try:
        return Row.model_validate(values)
    except ValidationError as error:
        raise _refusal(error, values) from error


def _refusal(error: ValidationError, values: Mapping[str, object]) -> RunError:
    problems = error.errors()
    names = list(Row.model_fields)
    if unknown := [problem["loc"][0] for problem in problems if problem["type"] == "extra_forbidden"]:
        return RunError("A results row has unknown keys.", received=unknown, allowed=", ".join(names))
    required = [name for name, field in Row.model_fields.items() if field.is_required()]
    if missing := [name for name in required if values.get(name) is None]:
        return RunError("A results row lacks keys.", received=[*values], next_step=f"Add {', '.join(missing)}.")
    problem = problems[0]
    if not problem["loc"]:
        return RunError(
            "Emulated time is not latency, and a meter's energy belongs to a board.",
            received=problem["ctx"]["error"],
            allowed="emulated: True with emulated_ms_not_latency, or emulated: False with latency_ms_…; and all of "
            f"{', '.join(METERED)}, or none",
        )
    name = str(problem["loc"][0])
    return RunError(
        f"'{name}' of a results row is not acceptable: {problem['msg']}.",
        received=repr(values.get(name)),
        allowed=Row.model_fields[name].description,
    )
