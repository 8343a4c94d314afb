"""YAML of a space -> its parts, with the line of every fault."""

import difflib
import math
from collections.abc import Mapping
from typing import Any

from pydantic import Field, ValidationError

from spaces.document import Document, Path
from spaces.parameter import (
    Choice,
    FloatRange,
    IntRange,
    Parameter,
    Value,
    sampler_name,
    setting_exists,
    setting_keys,
)
from train.config import Frozen, TrialConfig, dictionary_apart
from train.system.dotted import flatten, nest

DOMAINS = ("choice", "float", "int")


def setting_fault(key: str, value: object) -> tuple[str, object, str] | None:
    """Return (rule, value, remedy) if TrialConfig has no `key` or refuses `value` for it."""
    if not setting_exists(key):
        near = difflib.get_close_matches(key, setting_keys(), 3, cutoff=0.5) or setting_keys()
        return "a key must be a setting of TrialConfig", repr(key), f"did you mean {' or '.join(near)}"
    try:
        TrialConfig.model_validate(nest({key: value}))
    except ValidationError as error:
        return f"{key} must be valid: {error.errors()[0]['msg']}", repr(value), "see train/config.py"
    return None


def fault_in_space(key: str, value: object) -> tuple[str, object, str] | None:
    """Return what `setting_fault` does, and that a space varies how lines are cut: they are cut once for all trials."""
    if key.partition(".")[0] == "cut":
        return (
            "a space must not vary how lines are cut",
            key,
            "fix it, or remove it: a search with --detection chooses it",
        )
    return setting_fault(key, value)


def read_fixed(document: Document) -> dict[str, Any]:
    """Return the fixed settings under dotted keys."""
    fixed = dictionary_apart(flatten(document.mapping(("fixed",), document.data.get("fixed"))))
    for key, value in fixed.items():
        if fault := setting_fault(key, value):
            path: Path = ("fixed", key) if key in document.data["fixed"] else ("fixed", *key.split("."))
            raise document.fault(path, *fault)
    return fixed


def read_parameters(document: Document, fixed: Mapping[str, Any]) -> tuple[Parameter, ...]:
    """Return the parameters in file order; a key with alternatives gives one parameter each."""
    found: list[Parameter] = []
    for key, spec in document.mapping(("parameters",), document.data.get("parameters")).items():
        path: Path = ("parameters", key)
        if key in fixed:
            raise document.fault(path, "a key is fixed or a parameter, not both", repr(key), "remove one")
        if not isinstance(spec, list):
            found.append(_read_alternative(document, path, spec, found, 1))
            continue
        earlier = tuple(found)
        for index, alternative in enumerate(spec):
            found.append(_read_alternative(document, (*path, index), alternative, earlier, len(spec)))
        _check_reachable(document, path, found[len(earlier) :])
    return tuple(found)


def _check_reachable(document: Document, path: Path, alternatives: list[Parameter]) -> None:
    if not alternatives:
        raise document.fault(
            path, "a list of alternatives must not be empty", "[]", "add one or remove the key"
        )
    seen: set[object] = set()
    for index, alternative in enumerate(alternatives):
        if () in seen or alternative.when in seen:
            raise document.fault(
                (*path, index),
                "an alternative must be reachable: the first whose `when` holds is taken",
                alternative.name,
                "give it a `when` of its own, and put the one without `when` last",
            )
        seen.add(alternative.when)


def _read_alternative(
    document: Document,
    path: Path,
    spec: object,
    earlier: list[Parameter] | tuple[Parameter, ...],
    siblings: int,
) -> Parameter:
    key = str(path[1])
    body = document.mapping(path, spec)
    kinds = [kind for kind in DOMAINS if kind in body]
    if len(kinds) != 1:
        raise document.fault(
            path, f"{key} must say one of choice, float, int", repr(spec), "write e.g. `{float: [0.0, 0.5]}`"
        )
    unknown = (
        set(body)
        - {kinds[0], "when", "usual"}
        - {"float": {"log"}, "int": {"log", "step"}}.get(kinds[0], set())
    )
    if unknown:
        raise document.fault(
            path, f"a {kinds[0]} takes no such option", ", ".join(sorted(unknown)), "remove it"
        )
    domain = _read_domain(document, path, kinds[0], body)
    for value in domain.ends():
        if fault := fault_in_space(key, value):
            raise document.fault((*path, kinds[0]), *fault)
    if (usual := body.get("usual")) is not None and not domain.contains(usual):
        raise document.fault((*path, "usual"), f"usual must be {domain}", repr(usual), "use one of them")
    when = _read_when(document, (*path, "when"), body.get("when"), earlier)
    return Parameter(key=key, name=sampler_name(key, when, siblings), domain=domain, when=when, usual=usual)


def _read_domain(
    document: Document, path: Path, kind: str, body: dict[str, Any]
) -> Choice | FloatRange | IntRange:
    values = body[kind]
    if kind == "choice":
        return _read_choice(document, (*path, kind), values)
    numbers = int if kind == "int" else int | float
    if not (
        isinstance(values, list)
        and len(values) == 2
        and all(isinstance(v, numbers) and not isinstance(v, bool) for v in values)
    ):
        raise document.fault(
            (*path, kind), f"a {kind} range must be [low, high]", repr(values), "give two numbers"
        )
    low, high, log, step = *values, body.get("log", False), body.get("step", 1)
    if not isinstance(log, bool):
        raise document.fault((*path, "log"), "log must be true or false", repr(log), "write `log: true`")
    if low >= high:
        raise document.fault(
            (*path, kind), "low must be below high", values, "swap them, or move a single value to `fixed`"
        )
    if log and low <= 0:
        raise document.fault(
            (*path, kind), "a log range must start above 0", values, "raise low or drop `log`"
        )
    if kind == "float":
        return FloatRange(low=low, high=high, log=log)
    if type(step) is not int or step < 1 or (high - low) % step or (log and step != 1):
        raise document.fault(
            (*path, "step"), "step must divide high - low, and be 1 with log", step, "change step or high"
        )
    return IntRange(low=low, high=high, step=step, log=log)


def _read_choice(document: Document, path: Path, values: object) -> Choice:
    if not isinstance(values, list) or not values:
        raise document.fault(path, "a choice must list at least one value", repr(values), "write `[a, b]`")
    for value in values:
        names = value if isinstance(value, list) else []
        if not isinstance(value, bool | int | float | str | list) or not all(
            isinstance(n, str) for n in names
        ):
            raise document.fault(
                path, "a choice must be of numbers, words, or lists of words", repr(value), "remove it"
            )
    choice = Choice(values=tuple(tuple(v) if isinstance(v, list) else v for v in values))
    if len({choice.label(value) for value in choice.values}) < len(values):
        raise document.fault(path, "the values of a choice must differ", values, "remove the repeated one")
    return choice


def _read_when(
    document: Document, path: Path, spec: object, earlier: list[Parameter] | tuple[Parameter, ...]
) -> tuple[tuple[str, tuple[Value, ...]], ...]:
    conditions: list[tuple[str, tuple[Value, ...]]] = []
    for key, allowed in document.mapping(path, spec).items():
        domains = [parameter.domain for parameter in earlier if parameter.key == key]
        if not domains:
            raise document.fault(
                (*path, key),
                "`when` must name a parameter defined above it",
                repr(key),
                f"choose from: {', '.join(dict.fromkeys(p.key for p in earlier)) or 'none yet'}",
            )
        values = allowed if isinstance(allowed, list) else [allowed]
        if not values:
            raise document.fault((*path, key), "`when` must allow at least one value", "[]", "name one")
        for value in values:
            if not any(domain.contains(value) for domain in domains):
                raise document.fault(
                    (*path, key),
                    f"{key} must be {' or '.join(map(str, domains))}",
                    repr(value),
                    "use one of them",
                )
        conditions.append((key, tuple(values)))
    return tuple(conditions)


class LeastUpdates(Frozen):
    """How long a run on few samples has to be: an epoch of them is a few steps of the optimiser.

    Attributes:
        updates: steps that a run makes at least; 0 for as many as its epochs are.
        max_samples: the first number of training samples that is too many for it; None for no bound.
    """

    updates: int = Field(0, ge=0)
    max_samples: int | None = Field(None, ge=1)

    def epochs(self, samples: int, batch_size: int) -> int:
        """Return the epochs that make so many steps; 0 where nothing is asked for."""
        few = self.max_samples is None or samples < self.max_samples
        return math.ceil(self.updates / math.ceil(samples / batch_size)) if few else 0


def read_least_updates(document: Document) -> LeastUpdates:
    """Return how long runs on few samples have to be."""
    body = document.mapping(("least_updates",), document.data.get("least_updates"))
    try:
        return LeastUpdates.model_validate(body)
    except ValidationError as error:
        first = error.errors()[0]
        raise document.fault(
            ("least_updates", *map(str, first["loc"])),
            f"least_updates takes updates and max_samples: {first['msg']}",
            first["input"],
            "give whole numbers",
        ) from error


class WarmStart(Frozen):
    """A configuration worth trying first when the training set is of a certain size.

    Attributes:
        min_samples: smallest number of training samples it is meant for.
        max_samples: the first number of training samples that is too many; None for no bound.
        min_baseline: least score in [0, 1] of the best pretrained baseline.
        other_models: whether it is for those models alone that no warm start of the space names.
        settings: values under dotted keys.
    """

    min_samples: int = Field(0, ge=0)
    max_samples: int | None = Field(None, ge=1)
    min_baseline: float = Field(0.0, ge=0, le=1)
    other_models: bool = False
    settings: dict[str, Any]

    def applies(self, samples: int, baseline: float) -> bool:
        """Tell whether it is meant for a training set of `samples` images that the best baseline scores so."""
        return self.min_samples <= samples < (self.max_samples or math.inf) and self.min_baseline <= baseline


def read_warm_starts(document: Document) -> tuple[WarmStart, ...]:
    """Return the warm starts in file order; whether they fit the space is checked once it exists."""
    starts = document.data.get("warm_starts") or []
    if not isinstance(starts, list):
        raise document.fault(
            ("warm_starts",), "warm_starts must be a list", repr(starts), "start lines with `- `"
        )
    return tuple(
        _read_warm_start(document, ("warm_starts", index), item) for index, item in enumerate(starts)
    )


def _read_warm_start(document: Document, path: Path, item: object) -> WarmStart:
    body = document.mapping(path, item)
    settings = flatten(document.mapping((*path, "settings"), body.get("settings")))
    if unknown := set(body) - {"when", "settings"}:
        raise document.fault(path, "a warm start has `when` and `settings`", ", ".join(unknown), "remove it")
    if not settings:
        raise document.fault(path, "a warm start must set something", repr(item), "add `settings: {...}`")
    for key, value in settings.items():
        if fault := fault_in_space(key, value):
            raise document.fault((*path, "settings", key), *fault)
    when = document.mapping((*path, "when"), body.get("when"))
    if when.get("other_models") and "model" in settings:
        raise document.fault(
            (*path, "settings", "model"),
            "a warm start with `other_models: true` is for every model that no warm start names",
            settings["model"],
            "leave out `model`, or `other_models`",
        )
    try:
        return WarmStart.model_validate({**when, "settings": settings})
    except ValidationError as error:
        first = error.errors()[0]
        raise document.fault(
            (*path, "when", *first["loc"]),
            f"`when` of a warm start takes min_samples and max_samples, min_baseline, other_models: {first['msg']}",
            first["input"],
            "give whole numbers of training samples, a score from 0 to 1, or `other_models: true`",
        ) from error
