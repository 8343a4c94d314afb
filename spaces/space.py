"""A search space: what is fixed, what varies under which conditions, and where to start; read this first."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from spaces.document import Document
from spaces.parameter import Choice, Parameter, Trial, Value
from spaces.reading import (
    LeastUpdates,
    WarmStart,
    read_fixed,
    read_least_updates,
    read_parameters,
    read_warm_starts,
    setting_fault,
)
from train.config import Frozen, TrialConfig, config_from_mapping
from train.errors import UsageError
from train.system.dotted import flatten, nest
from train.system.paths import read_utf8

FOLDER = Path(__file__).parent
SECTIONS = ("description", "format", "fixed", "least_updates", "parameters", "warm_starts")


class SearchSpace(Frozen):
    """Everything a search may try.

    Attributes:
        name: for messages.
        fixed: settings that every trial has, under dotted keys.
        parameters: what varies, in the order in which it is chosen.
        warm_starts: configurations to try first, by the number of training samples.
        least_updates: how many steps of the optimiser few samples are worth.
        format: of the texts, as `format.yaml` declares it, or the name of such a file beside the space.
    """

    name: str
    description: str = ""
    fixed: dict[str, Any]
    parameters: tuple[Parameter, ...]
    warm_starts: tuple[WarmStart, ...]
    least_updates: LeastUpdates = LeastUpdates()
    format: dict[str, Any] | str | None = None

    def suggest(self, trial: Trial) -> TrialConfig:
        """Return the configuration that an Optuna-like `trial` chooses; define-by-run."""
        values = dict(self.fixed)
        for parameter in self.parameters:
            if parameter.key not in values and parameter.active(values):
                values[parameter.key] = parameter.domain.suggest(trial, parameter.name)
        return config_from_mapping(nest(values), f"space {self.name}")

    def with_fixed(self, settings: Mapping[str, Any]) -> "SearchSpace":
        """Return a space in which `settings` (dotted keys) no longer vary; they override what was fixed."""
        for key, value in settings.items():
            _check_setting(key, value)
        kept = tuple(p for p in self.parameters if p.key not in settings)
        return self.model_copy(update={"fixed": {**self.fixed, **settings}, "parameters": kept})

    def forced(self, key: str, value: Value) -> "SearchSpace":
        """Return a space in which `key` is `value`, in its warm starts too: none is left out for another one."""
        starts = tuple(
            start.model_copy(update={"settings": {k: v for k, v in start.settings.items() if k != key}})
            for start in self.warm_starts
        )
        return self.with_fixed({key: value}).model_copy(update={"warm_starts": starts})

    def lengthened(self, samples: int) -> "SearchSpace":
        """Return a space whose trials are as many epochs longer as `samples` training samples call for.

        An epoch has batches of the usual size. Patience, which counts epochs, grows alike.
        """
        default = TrialConfig()
        epochs, patience = (int(self.fixed.get(key, getattr(default, key))) for key in ("epochs", "patience"))
        size = self.usual("batch_size")
        longer = self.least_updates.epochs(samples, default.batch_size if size is None else int(str(size)))
        if longer <= epochs or any(parameter.key == "epochs" for parameter in self.parameters):
            return self
        return self.with_fixed({"epochs": longer, "patience": round(patience * longer / epochs)})

    def with_choices(self, key: str, values: Sequence[Value]) -> "SearchSpace":
        """Return a space in which `key` is one of `values`, whatever it was before; a single value is fixed.

        A condition on a value that is no longer possible just never holds.
        """
        for value in values:
            _check_setting(key, value)
        if len(set(values)) == 1:
            return self.with_fixed({key: values[0]})
        if not values:
            raise UsageError(f"{key} must have at least one value", "[]", "name one")
        choice = Parameter(key=key, name=key, domain=Choice(values=tuple(dict.fromkeys(values))))
        places = [i for i, p in enumerate(self.parameters) if p.key == key] or [0]
        before = self.parameters[: places[0]]
        after = tuple(p for p in self.parameters[places[0] :] if p.key != key)
        fixed = {k: v for k, v in self.fixed.items() if k != key}
        return self.model_copy(update={"fixed": fixed, "parameters": (*before, choice, *after)})

    def warm_starts_for(
        self,
        samples: int,
        of_models: Mapping[str, Mapping[str, Value]] | None = None,
        baseline: float = 1.0,
    ) -> list[dict[str, Any]]:
        """Return the points to try first with `samples` training samples, best guess first.

        Each is a flat mapping from sampler names to values, complete under the conditions, as Optuna's
        `enqueue_trial` and Ray's `points_to_evaluate` take it. What a warm start leaves open gets the
        parameter's `usual`, else TrialConfig's default or the middle of the range. One that this space no longer
        allows is left out.

        Args:
            samples: to train on.
            of_models: what suits a model (dotted keys), for what is open and a warm start leaves open.
            baseline: score of the best pretrained one.
        """
        points: list[dict[str, Any]] = []
        for settings in self._settings_to_try(samples, baseline):
            point, faults = self.complete(settings)
            suits = (of_models or {}).get(str(point.get("model", self.fixed.get("model"))), {})
            if suits := {key: value for key, value in suits.items() if key in point}:
                point, faults = self.complete({**suits, **settings})
            if not faults and point not in points:
                points.append(point)
        return points

    def _settings_to_try(self, samples: int, baseline: float) -> Iterator[Mapping[str, Any]]:
        """Yield what the warm starts for so many samples set, each of `other_models` once for every such model."""
        named = {start.settings.get("model") for start in self.warm_starts}
        others = [model for model in self.choices("model") if model not in named]
        for start in self.warm_starts:
            if start.applies(samples, baseline):
                for_models = [{"model": model} for model in others] if start.other_models else [{}]
                yield from ({**model, **start.settings} for model in for_models)

    def complete(self, settings: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
        """Return `settings` (dotted keys) as a full point under sampler names, and {key: misfit}."""
        values, point, faults = dict(self.fixed), {}, {}
        for parameter in self.parameters:
            if parameter.key in values or not parameter.active(values):
                continue
            value = settings.get(parameter.key, _usual(parameter))
            if not parameter.domain.contains(value):
                faults[parameter.key] = f"{parameter.key} must be {parameter.domain}"
                value = parameter.domain.middle()
            values[parameter.key] = value
            point[parameter.name] = parameter.domain.label(value)
        for key in settings.keys() - faults.keys():
            if key not in values:
                faults[key] = f"{key} must be a parameter that is open under the other settings"
            elif values[key] != settings[key]:
                faults[key] = f"{key} must stay as fixed, {values[key]}"
        return point, faults

    def usual(self, key: str) -> Value | None:
        """Return the value of `key` where nothing says another; None if it is not open then, or never."""
        values = dict(self.fixed)
        for parameter in self.parameters:
            if parameter.key not in values and parameter.active(values):
                values[parameter.key] = _usual(parameter)
        found: Value | None = values.get(key)
        return found

    def choices(self, key: str) -> tuple[Value, ...]:
        """Return the values that `key` may have, by choice or fixed; empty if the space leaves it alone."""
        if key in self.fixed:
            return (self.fixed[key],)
        domains = (p.domain for p in self.parameters if p.key == key)
        return next((domain.values for domain in domains if isinstance(domain, Choice)), ())

    def flat(self, config: TrialConfig) -> dict[str, Any]:
        """Return the values in `config` of this space's parameters that were open, under dotted keys."""
        values = flatten(config.model_dump())
        return {p.key: values[p.key] for p in self.parameters if p.key in values and p.active(values)}


def _usual(parameter: Parameter) -> Value:
    if parameter.usual is not None:
        return parameter.usual
    default: Value | None = flatten(TrialConfig().model_dump()).get(parameter.key)
    if default is not None and parameter.domain.contains(default):
        return default
    return parameter.domain.middle()


def _check_setting(key: str, value: object) -> None:
    if fault := setting_fault(key, value):
        raise UsageError(*fault)


def shipped_spaces() -> list[str]:
    """List the names of the spaces that come with the project."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def load_space(name_or_path: str) -> SearchSpace:
    """Read a shipped space by name, or one from a YAML file; raise UsageError with the line of a fault."""
    path = Path(name_or_path)
    if path.suffix not in (".yaml", ".yml"):
        path = FOLDER / f"{name_or_path}.yaml"
        if name_or_path not in shipped_spaces():
            raise UsageError(
                "--space must be a shipped space or a .yaml file",
                repr(name_or_path),
                f"choose from: {', '.join(shipped_spaces())}",
            )
    text = read_utf8(path, "a space")
    return parse_space(text, path.stem, path.name if path.parent == FOLDER else str(path))


def parse_space(text: str, name: str, source: str) -> SearchSpace:
    """Return the space that the YAML `text` describes; `source` is what messages call the file."""
    document = Document(text, source)
    for key in document.data:
        if key == "Global":
            raise document.fault(
                (key,),
                "a space must be one of ocrtune",
                "PaddleOCR's configuration",
                f"python -m train.paddleocr_config {source} prints its settings, for `fixed:`",
            )
        if key not in SECTIONS:
            remedy = f"use {', '.join(SECTIONS)}; a configuration's settings stand under fixed"
            raise document.fault((key,), "a space has no such section", key, remedy)
    fixed = read_fixed(document)
    space = SearchSpace(
        name=name,
        description=str(document.data.get("description", "")),
        fixed=fixed,
        parameters=read_parameters(document, fixed),
        warm_starts=read_warm_starts(document),
        least_updates=read_least_updates(document),
        format=_read_format(document),
    )
    _check_warm_starts(space, document)
    return space


def _read_format(document: Document) -> dict[str, Any] | str | None:
    """Return what is declared of the texts; `train.reading` knows what that means."""
    declared = document.data.get("format")
    if isinstance(declared, str):
        return declared
    return document.mapping(("format",), declared) or None


def _check_warm_starts(space: SearchSpace, document: Document) -> None:
    for index, start in enumerate(space.warm_starts):
        _, faults = space.complete(start.settings)
        for key, rule in faults.items():
            raise document.fault(
                ("warm_starts", index, "settings", key),
                f"a warm start must lie in its space: {rule}",
                repr(start.settings.get(key)),
                "change it here or widen the parameter",
            )
