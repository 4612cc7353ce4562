"""Energy tables: what one memory access and one multiply-accumulate cost. The numbers: tables/*.yaml."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, Literal, get_args

from edgehybrid.errors import UsageError, did_you_mean
from edgehybrid.recipe_yaml import SourceTree, read_yaml

FOLDER = Path(__file__).parent / "tables"
PICOJOULES = {"fJ": 1e-3, "pJ": 1.0, "nJ": 1e3}
FACTS = ("unit", "bits", "technology_nm", "source")

# A MAC of numbers in full precision; of integers of up to 8 bits; of single bits, where a source states one.
Operation = Literal["memory_access", "float_mac", "integer_mac", "binary_mac"]
OPERATIONS: tuple[Operation, ...] = get_args(Operation)


@dataclass(frozen=True)
class Constant:
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
    constants: Mapping[str, Constant]
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
            )  # fmt: skip
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
            received=name, allowed=f"{', '.join(names)}, or a YAML file of your own",
            next_step=did_you_mean(name, names),
        )  # fmt: skip
    return read_table(FOLDER / f"{name}.yaml")


def find_table(name_or_file: str) -> EnergyTable:
    """The table in that file, which is a path or ends in .yaml or .yml; else the shipped one of that name.

    Raises:
        UsageError: there is no such table, or its file is wrong.
    """
    path = Path(name_or_file)
    if path.is_file() or path.suffix in (".yaml", ".yml"):
        return read_table(path)
    return load_table(name_or_file)


def read_table(path: Path) -> EnergyTable:
    """Reads a table from a YAML file of the form of tables/paper.yaml.

    ``constants`` holds what the source states: a ``value``, or a ``range`` of two whose middle is used.
    ``operations`` names the constants that add up to each operation; a name twice counts twice.

    Raises:
        UsageError: unreadable file, missing or unknown key, unknown unit, a constant that is not positive.
    """
    tree = read_yaml(path)
    _require_keys(tree, (), ("description", "constants", "operations"))
    named = _section(tree, ("constants",), "a constant a key")
    constants = {name: _constant(tree, ("constants", name)) for name in named}
    _require_keys(tree, ("operations",), (), OPERATIONS)
    operations: dict[Operation, tuple[str, ...]] = {}
    for operation in OPERATIONS:
        if operation in _value(tree, ("operations",)):
            operations[operation] = _names(tree, ("operations", operation), constants)
    return EnergyTable(path.stem, _text(tree, ("description",)), constants, operations)


def _constant(tree: SourceTree, path: tuple[str, ...]) -> Constant:
    given = "range" if "range" in _section(tree, path, "value, " + ", ".join(FACTS)) else "value"
    _require_keys(tree, path, (given, *FACTS))
    unit = _text(tree, (*path, "unit"))
    if unit not in PICOJOULES:
        raise _refusal(tree, (*path, "unit"), "is not a known unit of energy", ", ".join(PICOJOULES))
    bits = _positive(tree, (*path, "bits"))
    if not bits.is_integer():
        raise _refusal(tree, (*path, "bits"), "is not a whole number of bits", "1, 2, 3 …")
    value = _middle(tree, (*path, "range")) if given == "range" else _positive(tree, (*path, "value"))
    return Constant(
        energy_pj=value * PICOJOULES[unit],
        bits=int(bits),
        technology_nm=_positive(tree, (*path, "technology_nm")),
        source=_text(tree, (*path, "source")),
    )


def _names(tree: SourceTree, path: tuple[str, ...], constants: Mapping[str, Constant]) -> tuple[str, ...]:
    names = _value(tree, path)
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        raise _refusal(tree, path, "is not a list of constants", f"[{next(iter(constants), 'mac')}]")
    for name in names:
        if name not in constants:
            raise UsageError(
                f"{tree.place(path)}: the constant '{name}' is missing in the energy table, and '{path[-1]}' needs it.",
                received=name, allowed=", ".join(constants),
                next_step=did_you_mean(name, constants) or f"Add 'constants.{name}'.",
            )  # fmt: skip
    return tuple(names)


def _section(tree: SourceTree, path: tuple[str, ...], allowed: str) -> Mapping[str, Any]:
    section = _value(tree, path)
    if not isinstance(section, dict):
        raise _refusal(tree, path, "is not a section of keys", allowed)
    return section


def _require_keys(
    tree: SourceTree, path: tuple[str, ...], required: Sequence[str], optional: Sequence[str] = ()
) -> None:
    keys = (*required, *optional)
    section = _section(tree, path, ", ".join(keys))
    for key in section:
        if key not in keys:
            raise UsageError(
                f"{tree.place((*path, key))}: unknown key '{'.'.join((*path, key))}' in an energy table.",
                received=key, allowed=", ".join(keys),
                next_step=did_you_mean(key, keys),
            )  # fmt: skip
    for key in required:
        if key not in section:
            raise UsageError(
                f"{tree.place(path)}: '{'.'.join((*path, key))}' is missing in an energy table.",
                allowed=", ".join(keys), next_step=f"Add '{key}:'.",
            )  # fmt: skip


def _is_positive(value: Any) -> bool:
    # A free operation is refused too: it would be a constant left out, and a network could cost nothing.
    # YAML's true is a number in Python.
    return not isinstance(value, bool) and isinstance(value, int | float) and 0 < value < math.inf


def _positive(tree: SourceTree, path: tuple[str, ...]) -> float:
    value = _value(tree, path)
    if not _is_positive(value):
        raise _refusal(tree, path, "is not a positive number", "> 0")
    return float(value)


def _middle(tree: SourceTree, path: tuple[str, ...]) -> float:
    ends = _value(tree, path)
    if not isinstance(ends, list) or len(ends) != 2 or not all(map(_is_positive, ends)) or ends[0] > ends[1]:
        raise _refusal(tree, path, "is not a range of two positive numbers", "[lowest, highest]")
    return float(ends[0] + ends[1]) / 2


def _text(tree: SourceTree, path: tuple[str, ...]) -> str:
    value = _value(tree, path)
    if not isinstance(value, str) or not value.strip():
        raise _refusal(tree, path, "is not a text", "a text that is not empty")
    return value


def _value(tree: SourceTree, path: tuple[str, ...]) -> Any:
    value: Any = tree.data
    for key in path:
        value = value[key]
    return value


def _refusal(tree: SourceTree, path: tuple[str, ...], problem: str, allowed: str) -> UsageError:
    return UsageError(
        f"{tree.place(path)}: '{'.'.join(path)}' of an energy table {problem}.",
        received=repr(_value(tree, path)), allowed=allowed,
    )  # fmt: skip
