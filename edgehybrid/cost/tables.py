"""Energy tables: what one memory access and one multiply-accumulate cost. The numbers: tables/*.yaml."""

import difflib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgehybrid.errors import UsageError
from edgehybrid.recipe_yaml import SourceTree, read_yaml

FOLDER = Path(__file__).parent / "tables"
PICOJOULES = {"fJ": 1e-3, "pJ": 1.0, "nJ": 1e3}


@dataclass(frozen=True)
class Constant:
    """The energy of one operation.

    Attributes:
        energy_pj: energy at an operand width of ``bits``, pJ.
        bits: operand width that the source states.
        technology_nm: CMOS node that the source states, nm.
        source: who says so, and where.
    """

    energy_pj: float
    bits: int
    technology_nm: float
    source: str

    def scaled_pj(self, bits: int) -> float:
        """The energy at another operand width, pJ: proportional to the bits.

        Source: Chakraborty et al. 2019, section 3.1.1: binary energies are those of 32 bits scaled down 32
        times.
        """
        return self.energy_pj * bits / self.bits


@dataclass(frozen=True)
class EnergyTable:
    """The constants of one technology.

    Attributes:
        name: the file's name without suffix.
        memory_access: one read or write of one number.
        mac: one multiply-accumulate.
    """

    name: str
    description: str
    memory_access: Constant
    mac: Constant


def load_table(name: str) -> EnergyTable:
    """The shipped table of that name.

    Raises:
        UsageError: there is no table of that name.
    """
    names = sorted(path.stem for path in FOLDER.glob("*.yaml"))
    if name not in names:
        nearest = difflib.get_close_matches(name, names, n=1)
        raise UsageError(
            "There is no energy table of that name.",
            received=name, allowed=", ".join(names),
            next_step=f"Did you mean '{nearest[0]}'?" if nearest else None,
        )  # fmt: skip
    return read_table(FOLDER / f"{name}.yaml")


def read_table(path: Path) -> EnergyTable:
    """Reads a table from a YAML file with the keys of tables/paper.yaml.

    Raises:
        UsageError: unreadable file, missing or unknown key, unknown unit, a constant that is not positive.
    """
    tree = read_yaml(path)
    _require_keys(tree, (), ("description", "constants"))
    _require_keys(tree, ("constants",), ("memory_access", "mac"))
    return EnergyTable(
        name=path.stem,
        description=_text(tree, ("description",)),
        memory_access=_constant(tree, ("constants", "memory_access")),
        mac=_constant(tree, ("constants", "mac")),
    )


def _constant(tree: SourceTree, path: tuple[str, ...]) -> Constant:
    _require_keys(tree, path, ("value", "unit", "bits", "technology_nm", "source"))
    unit = _text(tree, (*path, "unit"))
    if unit not in PICOJOULES:
        raise _refusal(tree, (*path, "unit"), "is not a known unit of energy", ", ".join(PICOJOULES))
    bits = _positive(tree, (*path, "bits"))
    if not bits.is_integer():
        raise _refusal(tree, (*path, "bits"), "is not a whole number of bits", "1, 2, 3 …")
    return Constant(
        energy_pj=_positive(tree, (*path, "value")) * PICOJOULES[unit],
        bits=int(bits),
        technology_nm=_positive(tree, (*path, "technology_nm")),
        source=_text(tree, (*path, "source")),
    )


def _require_keys(tree: SourceTree, path: tuple[str, ...], keys: Sequence[str]) -> None:
    section = _value(tree, path)
    if not isinstance(section, dict):
        raise _refusal(tree, path, "is not a section of keys", ", ".join(keys))
    for key in section:
        if key not in keys:
            nearest = difflib.get_close_matches(key, keys, n=1)
            raise UsageError(
                f"{tree.place((*path, key))}: unknown key '{'.'.join((*path, key))}' in an energy table.",
                received=key, allowed=", ".join(keys),
                next_step=f"Did you mean '{nearest[0]}'?" if nearest else None,
            )  # fmt: skip
    for key in keys:
        if key not in section:
            raise UsageError(
                f"{tree.place(path)}: '{'.'.join((*path, key))}' is missing in an energy table.",
                allowed=", ".join(keys), next_step=f"Add '{key}:'.",
            )  # fmt: skip


def _positive(tree: SourceTree, path: tuple[str, ...]) -> float:
    # A free operation is refused too: it would be a constant left out, and a network could cost nothing.
    value = _value(tree, path)
    # YAML's true is a number in Python.
    if isinstance(value, bool) or not isinstance(value, int | float) or not (0 < value < math.inf):
        raise _refusal(tree, path, "is not a positive number", "> 0")
    return float(value)


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
