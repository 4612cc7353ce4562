"""Energy tables: what one memory access and one multiply-accumulate cost. The numbers: tables/*.yaml."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, ValidationError, ValidationInfo, field_validator, model_validator

from edgehybrid.errors import UsageError, did_you_mean
from edgehybrid.recipe.refusal import Grammar, refusal_of
from edgehybrid.recipe.section import Positive, Section
from edgehybrid.recipe.yaml_source import read_yaml

FOLDER = Path(__file__).parent / "tables"
PICOJOULES = {"fJ": 1e-3, "pJ": 1.0, "nJ": 1e3}

# A MAC of numbers in full precision; of integers of up to 8 bits; of single bits, where a source states one.
Operation = Literal["memory_access", "float_mac", "integer_mac", "binary_mac"]
Words = Annotated[str, Field(min_length=1)]


@dataclass(frozen=True)
class EnergyConstant:
    """The energy of one operation of a source.

    Attributes:
        energy_pj: energy at an operand width of ``bits``, pJ; the middle where the source states a range.
        bits: operand width that the source states.
        technology_nm: CMOS node, nm.
        source: who says so, and where.
    """

    energy_pj: float
    bits: int
    technology_nm: float
    source: str


@dataclass(frozen=True)
class EnergyTable:
    """The constants of one technology.

    Attributes:
        name: the file's name without suffix.
        constants: what the source states, each once, under its name there.
        operations: for each operation of the model the constants that add up to it. One may be missing.
    """

    name: str
    description: str
    constants: Mapping[str, EnergyConstant]
    operations: Mapping[Operation, tuple[str, ...]]

    def pj(self, operation: Operation, bits: int) -> float:
        """The energy of one operation on numbers of ``bits`` bits, pJ.

        Narrower numbers than the source's are proportionally cheaper: a word holds the more of them. Source:
        Chakraborty et al. 2019, section 3.1.1: binary energies are those of 32 bits scaled down 32 times.

        Raises:
            UsageError: the table lacks the operation, or states it for narrower numbers only.
        """
        names = self.operations.get(operation, ())
        widths = [self.constants[name].bits for name in names]
        # An access of a wide number is several accesses; a wide MAC is not several narrow ones.
        if not names or (operation != "memory_access" and bits > min(widths)):
            stated = ", ".join(f"{name} of {width} bits" for name, width in zip(names, widths, strict=True))
            raise UsageError(
                f"The energy table '{self.name}' has no constant for {operation} of {bits} bits, but the network "
                "needs one.",
                received=stated or None,
                next_step=f"Add '{operation}' to the table's operations, or use another --table.",
            )
        return sum(self.constants[name].energy_pj * bits / self.constants[name].bits for name in names)

    def scaled(self, constant: str, factor: float) -> "EnergyTable":
        """The table with one constant multiplied by ``factor``."""
        changed = replace(self.constants[constant], energy_pj=self.constants[constant].energy_pj * factor)
        return replace(self, constants={**self.constants, constant: changed})


def table_names() -> list[str]:
    """Names of the shipped tables."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


@cache
def load_table(name: str) -> EnergyTable:
    """The shipped table of that name.

    Raises:
        UsageError: there is no table of that name.
    """
    names = table_names()
    if name not in names:
        raise UsageError(
            "There is no energy table of that name.",
            received=name,
            allowed=f"{', '.join(names)}, or a YAML file of your own",
            next_step=did_you_mean(name, names),
        )
    return read_table(FOLDER / f"{name}.yaml")


def find_table(name_or_file: str) -> EnergyTable:
    """The shipped table of that name; else the table in the file of that path. A name goes first.

    Raises:
        UsageError: there is no such table, or its file is wrong.
    """
    path = Path(name_or_file)
    if name_or_file not in table_names() and (path.suffix in (".yaml", ".yml") or os.sep in name_or_file):
        return read_table(path)
    return load_table(name_or_file)


class _ConstantEntry(Section):
    """``value``, or a ``range`` of two whose middle is used; at an operand width of ``bits``."""

    value: Positive | None = None
    range: Annotated[tuple[Positive, Positive], Field(strict=False)] | None = None
    unit: Literal["fJ", "pJ", "nJ"]
    bits: int = Field(ge=1)
    technology_nm: Positive
    source: Words

    @model_validator(mode="after")
    def _one_figure(self) -> Self:
        # A free operation is refused too: it would be a constant left out, and a network could cost nothing.
        if (self.value is None) == (self.range is None):
            raise ValueError("a constant of an energy table has either a 'value' or a 'range' of two")
        if self.range is not None and self.range[0] > self.range[1]:
            raise ValueError("the 'range' of a constant of an energy table begins with the lower end")
        return self

    def constant(self) -> EnergyConstant:
        stated = self.value if self.range is None else sum(self.range) / 2
        return EnergyConstant((stated or 0.0) * PICOJOULES[self.unit], self.bits, self.technology_nm, self.source)


class _TableFile(Section):
    """The form of tables/paper.yaml."""

    description: Words
    constants: dict[str, _ConstantEntry]
    operations: dict[Operation, Annotated[tuple[str, ...], Field(strict=False, min_length=1)]]

    @field_validator("operations")
    @classmethod
    def _operations_name_constants(
        cls, operations: dict[Operation, tuple[str, ...]], others: ValidationInfo
    ) -> dict[Operation, tuple[str, ...]]:
        # Wrong constants are missing here, and have their own complaint.
        known = others.data.get("constants")
        for operation, names in operations.items():
            for name in names:
                if known is not None and name not in known:
                    raise ValueError(
                        f"the constant '{name}' is missing in the energy table, and 'operations.{operation}' needs it; "
                        f"it has {', '.join(known)}"
                    )
        return operations


GRAMMAR = Grammar(_TableFile, "the energy table", "edgehybrid/cost/README.md")


def read_table(path: Path) -> EnergyTable:
    """Reads a table from a YAML file of the form of tables/paper.yaml.

    ``constants`` holds what the source states: a ``value``, or a ``range`` of two whose middle is used.
    ``operations`` names the constants that add up to each operation; a name twice counts twice.

    Raises:
        UsageError: unreadable file, missing or unknown key, unknown unit, a constant that is not positive.
    """
    tree = read_yaml(path)
    try:
        found = _TableFile.model_validate(tree.data)
    except ValidationError as error:
        raise refusal_of(error, tree, GRAMMAR) from error
    constants = {name: entry.constant() for name, entry in found.constants.items()}
    return EnergyTable(path.stem, found.description, constants, found.operations)
