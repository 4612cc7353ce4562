"""What every section of a recipe is: immutable and strict; and the types of number that several of them hold."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Fraction = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
# YAML knows lists only; a frozen recipe holds tuples.
Names = Annotated[tuple[str, ...], Field(strict=False)]
Epochs = Annotated[tuple[Annotated[int, Field(ge=1)], ...], Field(strict=False)]
Filters = Annotated[tuple[Annotated[int, Field(ge=1)], ...], Field(strict=False, min_length=1, max_length=4)]
Counts = Epochs
Means = Annotated[tuple[float, ...], Field(strict=False)]
Deviations = Annotated[tuple[Positive, ...], Field(strict=False)]


class Section(BaseModel):
    """A part of a recipe: immutable, no unknown keys, no type coercion."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)
