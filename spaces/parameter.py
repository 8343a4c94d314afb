"""What a search may vary: a domain of values, and the choices under which it is open at all."""

import math
from collections.abc import Mapping
from typing import Any, Protocol

from pydantic import BaseModel

from train.config import Frozen, TrialConfig

Scalar = bool | int | float | str
Value = Scalar | tuple[str, ...]
OPTIONS = "technique.options."


class Trial(Protocol):
    """The part of `optuna.trial.Trial` that a space needs."""

    def suggest_categorical(self, name: str, choices: list[Scalar]) -> Scalar:
        """Pick one of `choices`."""

    def suggest_float(self, name: str, low: float, high: float, *, log: bool) -> float:
        """Pick a number in [low, high]."""

    def suggest_int(self, name: str, low: int, high: int, *, step: int, log: bool) -> int:
        """Pick a whole number in [low, high]."""


class Choice(Frozen):
    """One of several values; a list of names is one value, which samplers see as `first+second`."""

    values: tuple[Value, ...]

    def contains(self, value: object) -> bool:
        """Tell whether `value` is one of the choices (a list equals a tuple; 1 is not true)."""
        wanted = tuple(value) if isinstance(value, list) else value
        return any(wanted == v and isinstance(wanted, bool) == isinstance(v, bool) for v in self.values)

    def label(self, value: Value) -> Scalar:
        """Return `value` as samplers see it."""
        return ("+".join(value) or "all") if isinstance(value, tuple | list) else value

    def suggest(self, trial: Trial, name: str) -> Value:
        """Ask `trial` for one of the values."""
        by_label = {self.label(value): value for value in self.values}
        return by_label[trial.suggest_categorical(name, list(by_label))]

    def middle(self) -> Value:
        """Return the value to start from when nothing better is known."""
        return self.values[0]

    def ends(self) -> tuple[Value, ...]:
        """Return the values that prove the whole domain valid."""
        return self.values

    def __str__(self) -> str:
        return f"one of {', '.join(str(self.label(value)) for value in self.values)}"


class FloatRange(Frozen):
    """A number in [low, high], even on a linear or a logarithmic scale."""

    low: float
    high: float
    log: bool = False

    def contains(self, value: object) -> bool:
        """Tell whether `value` is a number in the range."""
        return (
            isinstance(value, int | float) and not isinstance(value, bool) and self.low <= value <= self.high
        )

    def label(self, value: Value) -> Scalar:
        """Return `value` as samplers see it."""
        return float(value)  # type: ignore[arg-type]

    def suggest(self, trial: Trial, name: str) -> Value:
        """Ask `trial` for a number."""
        return trial.suggest_float(name, self.low, self.high, log=self.log)

    def middle(self) -> Value:
        """Return the arithmetic or, on a logarithmic scale, the geometric mean of the ends."""
        return math.sqrt(self.low * self.high) if self.log else (self.low + self.high) / 2

    def ends(self) -> tuple[Value, ...]:
        """Return the values that prove the whole domain valid."""
        return self.low, self.high

    def __str__(self) -> str:
        return f"a number in [{self.low:g}, {self.high:g}]"


class IntRange(Frozen):
    """A whole number low, low + step, ..., high."""

    low: int
    high: int
    step: int = 1
    log: bool = False

    def contains(self, value: object) -> bool:
        """Tell whether `value` is a whole number that the steps reach."""
        return type(value) is int and value in range(self.low, self.high + 1, self.step)

    def label(self, value: Value) -> Scalar:
        """Return `value` as samplers see it."""
        return int(value)  # type: ignore[arg-type]

    def suggest(self, trial: Trial, name: str) -> Value:
        """Ask `trial` for a whole number."""
        return trial.suggest_int(name, self.low, self.high, step=self.step, log=self.log)

    def middle(self) -> Value:
        """Return the smallest value: counts (accumulation, cycles) cost time."""
        return self.low

    def ends(self) -> tuple[Value, ...]:
        """Return the values that prove the whole domain valid."""
        return self.low, self.high

    def __str__(self) -> str:
        return f"a whole number in [{self.low}, {self.high}] by {self.step}"


class Parameter(Frozen):
    """One searched setting, or one of several alternatives for it.

    Attributes:
        key: dotted path in TrialConfig.
        name: what samplers call it; alternatives of one key differ in it, so that each learns its own range.
        when: (earlier key, its allowed values) pairs that must all hold.
        usual: what a warm start has that leaves it open; None for TrialConfig's default.
    """

    key: str
    name: str
    domain: Choice | FloatRange | IntRange
    when: tuple[tuple[str, tuple[Value, ...]], ...] = ()
    usual: Value | None = None

    def active(self, values: Mapping[str, Any]) -> bool:
        """Tell whether the conditions hold under the `values` chosen so far (dotted keys)."""
        return all(key in values and Choice(values=ok).contains(values[key]) for key, ok in self.when)


def sampler_name(key: str, when: tuple[tuple[str, tuple[Value, ...]], ...], alternatives: int) -> str:
    """Return the name of an alternative: its key, and its conditions where it has siblings."""
    if alternatives == 1:
        return key
    conditions = "; ".join(f"{k}={'|'.join(map(str, values))}" for k, values in when)
    return f"{key} [{conditions or 'else'}]"


def setting_keys() -> list[str]:
    """List the dotted path of every leaf of TrialConfig, the free-form technique options left out."""
    keys: list[str] = []
    for name, field in TrialConfig.model_fields.items():
        part = field.annotation
        if isinstance(part, type) and issubclass(part, BaseModel):
            keys += [f"{name}.{leaf}" for leaf in part.model_fields]
        else:
            keys.append(name)
    keys.remove(OPTIONS.removesuffix("."))
    return keys


def setting_exists(key: str) -> bool:
    """Tell whether the dotted `key` names a leaf of TrialConfig; technique options are free-form."""
    option = key.removeprefix(OPTIONS)
    return key in setting_keys() or (option != key and option.isidentifier())
