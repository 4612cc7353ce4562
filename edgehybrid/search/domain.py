"""What a field of a space may be: one of some choices, or a number in a range."""

import json
import math
import random
from dataclasses import dataclass
from typing import Any, Protocol

from edgehybrid.errors import RecipeError

# A choice that is a list or a section is stored as JSON, since a study's database knows single values only.
Stored = str | int | float | bool | None
_RANGE_KEYS = {"range", "step", "log"}


class Domain(Protocol):
    """What a field may be."""

    def examples(self) -> list[Any]:
        """Every choice; of a range both ends."""

    def draw(self, source: random.Random) -> Stored:
        """One of its values, each as likely."""

    def suggest(self, trial: Any, name: str) -> Stored:
        """The value that Optuna's trial has for a parameter of this name."""

    def stored(self, value: Any) -> Stored:
        """A value of a recipe as a study keeps it.

        Raises:
            ValueError: the domain does not hold it.
        """

    def value(self, stored: Stored) -> Any:
        """The inverse of ``stored``."""


@dataclass(frozen=True)
class Choices:
    """One of several values of any kind."""

    values: tuple[Any, ...]

    def examples(self) -> list[Any]:
        """As ``Domain`` says."""
        return list(self.values)

    @property
    def _names(self) -> list[Stored]:
        return [_name(value) for value in self.values]

    def draw(self, source: random.Random) -> Stored:
        """As ``Domain`` says."""
        return source.choice(self._names)

    def suggest(self, trial: Any, name: str) -> Stored:
        """As ``Domain`` says."""
        chosen: Stored = trial.suggest_categorical(name, self._names)
        return chosen

    def stored(self, value: Any) -> Stored:
        """As ``Domain`` says."""
        if (name := _name(value)) not in self._names:
            raise ValueError(f"{value} is none of the choices")
        return name

    def value(self, stored: Stored) -> Any:
        """As ``Domain`` says."""
        return self.values[self._names.index(stored)]


@dataclass(frozen=True)
class Range:
    """A number from ``low`` to ``high``, both included; whole if both ends are.

    Attributes:
        step: distance of its values from ``low``; None for any number, and 1 for whole ones.
        log: equal ratios are as likely, not equal distances.
    """

    low: float
    high: float
    step: float | None = None
    log: bool = False

    @property
    def _is_whole(self) -> bool:
        return isinstance(self.low, int) and isinstance(self.high, int)

    def examples(self) -> list[Any]:
        """As ``Domain`` says."""
        return [self.low, self.high]

    def draw(self, source: random.Random) -> Stored:
        """As ``Domain`` says."""
        if self.step is not None:
            return self._at(source.randint(0, self._steps))
        if self.log:
            drawn = math.exp(source.uniform(math.log(self.low), math.log(self.high)))
            return min(max(round(drawn), self.low), self.high) if self._is_whole else drawn
        return source.randint(int(self.low), int(self.high)) if self._is_whole else source.uniform(self.low, self.high)

    @property
    def _steps(self) -> int:
        # The small number keeps 0.3 / 0.1 at 3.
        return math.floor((self.high - self.low) / (self.step or 1) + 1e-9)

    def _at(self, index: int) -> float:
        number = self.low + index * (self.step or 1)
        return number if self._is_whole else float(f"{number:.12g}")

    def suggest(self, trial: Any, name: str) -> Stored:
        """As ``Domain`` says."""
        suggest = trial.suggest_int if self._is_whole else trial.suggest_float
        step = {} if self.step is None else {"step": self.step}
        high = self.high if self.step is None else self._at(self._steps)
        return self.stored(suggest(name, self.low, high, log=self.log, **step))

    def stored(self, value: Any) -> Stored:
        """As ``Domain`` says."""
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if not is_number or not self.low <= value <= self.high or (self._is_whole and not isinstance(value, int)):
            raise ValueError(f"{value} is not in {self.low} … {self.high}")
        if self.step is not None:
            # Sums of steps such as 0.1 differ in their last bits.
            nearest = self._at(round((value - self.low) / self.step))
            if not math.isclose(value, nearest, abs_tol=1e-9 * self.step):
                raise ValueError(f"{value} is not {self.low} and some steps of {self.step}")
            return nearest
        return value if self._is_whole else float(value)

    def value(self, stored: Stored) -> Any:
        """As ``Domain`` says."""
        return stored


def is_domain(value: object) -> bool:
    """Whether a value of a space stands for several: a section with ``choices`` or ``range``."""
    return isinstance(value, dict) and ("choices" in value or "range" in value)


def domain_of(value: dict[str, Any], name: str, where: str) -> Domain:
    """The domain that a space's file describes.

    Args:
        name: dotted path of the field.
        where: file and line.

    Raises:
        RecipeError: other keys, fewer than two values, a range that is none.
    """
    if "choices" in value:
        return _choices(value, name, where)
    return _range(value, name, where)


def _choices(value: dict[str, Any], name: str, where: str) -> Choices:
    _refuse_others(value, {"choices"}, name, where)
    choices = value["choices"]
    if not isinstance(choices, list) or len(choices) < 2 or len({_name(one) for one in choices}) < len(choices):
        raise RecipeError(
            f"{where}: the choices of '{name}' must be two or more different values.",
            received=json.dumps(choices),
            allowed="a list such as [1, 2, 4]",
            next_step=f"Write a single value without choices: '{name.rpartition('.')[2]}: VALUE'.",
        )
    return Choices(tuple(choices))


def _range(value: dict[str, Any], name: str, where: str) -> Range:
    _refuse_others(value, _RANGE_KEYS, name, where)
    ends, step, log = value["range"], value.get("step"), value.get("log", False)
    are_numbers = isinstance(ends, list) and len(ends) == 2 and all(map(_is_number, ends))
    if not are_numbers or not ends[0] < ends[1]:
        raise RecipeError(
            f"{where}: the range of '{name}' must be two numbers, the smaller one first.",
            received=json.dumps(ends),
            allowed="such as range: [0.25, 2.0]",
        )
    is_whole = all(isinstance(end, int) for end in ends)
    if not isinstance(log, bool) or (log and (ends[0] <= 0 or step is not None)):
        raise RecipeError(
            f"{where}: 'log' of '{name}' must be true or false; true needs numbers above 0 and no step.",
            received=json.dumps(value),
        )
    if step is not None and not (_is_number(step) and 0 < step <= ends[1] - ends[0]):
        raise RecipeError(
            f"{where}: the step of '{name}' must be a number above 0 that fits into the range.",
            received=json.dumps(step),
        )
    if step is not None and is_whole and not isinstance(step, int):
        raise RecipeError(f"{where}: the step of '{name}' must be whole, as its range is.", received=json.dumps(step))
    low, high = ends if is_whole else map(float, ends)
    return Range(low, high, step if is_whole or step is None else float(step), log)


def _refuse_others(value: dict[str, Any], known: set[str], name: str, where: str) -> None:
    if others := [key for key in value if key not in known]:
        raise RecipeError(
            f"{where}: '{name}' has an unknown key beside its {'choices' if 'choices' in value else 'range'}.",
            received=others[0],
            allowed=", ".join(sorted(known)),
        )


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _name(value: Any) -> Stored:
    if isinstance(value, list | tuple | dict):
        return json.dumps(value)
    stored: Stored = value
    return stored
