"""The rules of texts: `format.yaml`, what of it labels obey, and what that is worth when a line is read."""

import math
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
import yaml
from pydantic import Field, ValidationError, model_validator

from train.config import Frozen
from train.errors import DataError, UsageError
from train.reading.formats.automaton import parsed
from train.reading.formats.checks import Check, WeightedCheck
from train.reading.formats.named_checks import STDNUM, Holds, holds_by, named_check, stdnum_check
from train.scoring.intervals import Interval, wilson_interval

FILE = "format.yaml"
MOST_NATS = 6.0
"""A rule that is not hard is never worth more: few labels are no proof, and dearer texts are seldom the right ones."""
MISSPELT = 20
PATTERN = "pattern"


class Rule(Frozen):
    """One rule, and how often training labels that obey those before it obey it, too.

    Attributes:
        name: for people.
        pattern: a regular expression for whole texts; None for a check.
        check: a name, or a weighted sum; None for a pattern.
        hard: nothing else is ever written.
        obeying: labels that obey, of `labels`.
        chance: share of misspelt labels that obey all the same.
    """

    name: str
    pattern: str | None = None
    check: str | WeightedCheck | None = None
    hard: bool = False
    obeying: int = 0
    labels: int = 0
    chance: float = 0.5

    @property
    def share(self) -> Interval:
        """The interval of the share of labels that obey."""
        return wilson_interval(self.obeying, self.labels)

    @property
    def nats(self) -> float:
        """What a text is worth for obeying: by how much labels do so more often than misspelt ones; at least 0."""
        share = (self.obeying + 0.5) / (self.labels + 1)
        return min(max(_log_odds(share) - _log_odds(self.chance), 0.0), MOST_NATS)

    @cached_property
    def holds(self) -> Holds:
        """Whether a text obeys."""
        if self.pattern is not None:
            return _matcher(self.pattern)
        return stdnum_check(str(self.check)) if self.sums is None else holds_by(self.sums)

    @property
    def sums(self) -> tuple[Check, ...] | None:
        """The sums of a check; None for a pattern or for a check that is none."""
        if isinstance(self.check, WeightedCheck):
            return (self.check,)
        if self.check is None or self.check.startswith(STDNUM):
            return None
        return named_check(self.check)


def _log_odds(share: float) -> float:
    return math.log(share / (1 - share))


def _matcher(pattern: str) -> Holds:
    accepts: Holds = parsed(pattern).accepts
    return accepts


class Format(Frozen):
    """What `format.yaml` declares.

    Attributes:
        pattern: a regular expression for whole texts, or alternatives.
        checks: names of checks, or weighted sums, each alone or as `{check: ..., hard: true}`.
        hard: whether the pattern, and each check that does not say so itself, is a hard rule.
    """

    pattern: str | tuple[str, ...] | None = None
    checks: tuple["str | Declared | WeightedCheck", ...] = ()
    hard: bool = False

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.pattern is None and not self.checks:
            raise ValueError("a pattern or checks must be declared")
        return self

    def rules(self) -> tuple[Rule, ...]:
        """Return the rules, the hard ones first and the pattern before the checks."""
        found: list[Rule] = []
        if self.pattern is not None:
            whole = (
                self.pattern if isinstance(self.pattern, str) else "|".join(f"({p})" for p in self.pattern)
            )
            found.append(Rule(name=PATTERN, pattern=whole, hard=self.hard))
        for number, one in enumerate(self.checks, 1):
            declared = one if isinstance(one, Declared) else Declared(check=one)
            name = declared.check if isinstance(declared.check, str) else f"check {number}"
            hard = self.hard if declared.hard is None else declared.hard
            found.append(Rule(name=name, check=declared.check, hard=hard))
        for rule in found:
            rule.holds("")  # what cannot be read is refused before any work
        return tuple(sorted(found, key=lambda rule: not rule.hard))  # sorting keeps the order otherwise


class Declared(Frozen):
    """A check that says itself whether it is hard."""

    check: str | WeightedCheck
    hard: bool | None = Field(None)


Format.model_rebuild()


def read_format(path: Path) -> Format:
    """Return what a file declares; raise UsageError, naming file and key, for what cannot be used."""
    try:
        content: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
        found = Format.model_validate(content)
        found.rules()
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        said = " ".join(str(error).split())
        raise UsageError("a format must be a YAML file", f"{path}: {said}", "see docs/reading.md") from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "the file"
        raise UsageError(f"{path}: {place}: {first['msg']}", repr(first["input"])[:80], "mend it") from error
    except UsageError as error:
        raise UsageError(f"{path}: {error.rule}", error.value, error.remedy) from error
    return found


def declared_rules(file: str | Path | None, data: Path | Mapping[str, Sequence[Path]]) -> tuple[Rule, ...]:
    """Return the rules that a file declares, or else `format.yaml` beside labels; none without either.

    Args:
        file: that was named.
        data: folder, label file, or the label files of each split: those of `train` count.
    """
    if file:
        return read_format(Path(file)).rules()
    places = [data] if isinstance(data, Path) else list(data.get("train", ()))
    for place in places:
        path = (place if place.is_dir() else place.parent) / FILE
        if path.is_file():
            return read_format(path).rules()
    return ()


def weighed(rules: Sequence[Rule], texts: Sequence[str], seed: int) -> tuple[Rule, ...]:
    """Return the rules with what is known from training labels: how many obey, and how many would by chance."""
    if not texts:
        raise DataError("rules must be weighed by labels", "none", "name training data")
    wrong = list(_misspelt(texts, np.random.default_rng(seed)))
    found = []
    for rule in rules:
        kept, other = ([text for text in some if rule.holds(text)] for some in (texts, wrong))
        chance = (len(other) + 0.5) / (len(wrong) + 1)
        found.append(rule.model_copy(update={"obeying": len(kept), "labels": len(texts), "chance": chance}))
        texts, wrong = kept, other
    return tuple(found)


def _misspelt(texts: Sequence[str], rng: np.random.Generator) -> Iterable[str]:
    """Yield labels with one character replaced, left out or doubled, as a reader errs."""
    characters = sorted(set().union(*texts))
    for text in texts:
        for _ in range(max(1, MISSPELT * 100 // max(len(texts), 100)) if text else 0):
            place, kind = int(rng.integers(len(text))), int(rng.integers(4))
            other = str(rng.choice(characters))
            middle = {0: "", 1: text[place] * 2}.get(kind, other)
            wrong = text[:place] + middle + text[place + 1 :]
            if wrong != text:
                yield wrong
