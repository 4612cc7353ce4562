"""The section ``search`` of a space: what is better, what is allowed, and how candidates are chosen."""

from typing import Literal

from pydantic import Field

from edgehybrid.recipe.section import Names, Positive, Section


class EarlyStop(Section):
    """Successive halving: of the networks that cost no more, the best 1/``factor`` go on at each rung.

    The rungs are after ``first_epochs``, ``first_epochs`` · ``factor``, … epochs.
    Source: Li et al. 2020 (arXiv:1810.05934), Algorithm 2; Optuna's SuccessiveHalvingPruner.
    """

    first_epochs: int = Field(default=1, ge=1, description="epochs before the first rung")
    factor: int = Field(default=3, ge=2, le=10, description="1/factor go on; and epochs from rung to rung grow by it")


class Search(Section):
    """Objectives and limits are names of columns; edgehybrid/search/columns.py has them."""

    objectives: Names = Field(
        default=("top1_percent", "energy_model_uj"),
        min_length=1,
        description="columns to improve: top1_percent upwards, all others downwards",
    )
    limits: dict[str, Positive] = Field(default={}, description="by column: top1_percent at least, all others at most")
    enough_top1_percent: float = Field(
        default=100.0,
        gt=0,
        le=100,
        description="accuracies from here on count as equal: costlier networks are left out",
    )
    rules: str = Field(default="paper", description="of energy_model_uj and memory_model_bits")
    table: str = Field(default="paper", description="of energy_model_uj: a name, or a file")
    moons: dict[str, float] | None = Field(default=None, description="constants of moons_energy_uj")
    calibration: str | None = Field(default=None, description="of latency_ms_predicted: a file of 'calibrate'")
    sampler: Literal["nsga2", "tpe"] = Field(default="nsga2", description="what chooses the next candidate")
    population: int = Field(default=20, ge=2, description="nsga2: networks of a generation")
    seed: int = Field(default=0, ge=0, lt=2**31, description="of the sampler and of the first candidates")
    early_stop: EarlyStop | None = Field(default=None, description="null: every network is trained to its end")
