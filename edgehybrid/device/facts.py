"""What a machine tells of itself, as records: those of ``probe.facts`` and ``probe.state``, field by field."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

# JSON has lists only.
Words = Annotated[tuple[str, ...], Field(strict=False)]


class _Told(BaseModel):
    """None is what a machine does not tell."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Facts(_Told):
    """What does not change while one measures; ``cache``: the folder that everything of ours goes into."""

    machine: str
    userland_bits: int
    cpu: str
    board_model: str | None
    cores: int | None
    isa_features: Words
    min_mhz: float | None
    max_mhz: float | None
    memory_bytes: int | None
    available_memory_bytes: int | None
    free_disk_bytes: int | None
    page_bytes: int
    kernel: str
    os: str | None
    firmware: str | None
    python: str
    glibc: str | None
    boot_id: str | None
    cache: str
    emulator: str | None


class State(_Told):
    """What changes; ``throttled``: what holds the clock back at this moment, empty for nothing."""

    governor: str | None
    cpu_mhz: float | None
    temperature_c: float | None
    throttled: Words | None
    load_1min: float
