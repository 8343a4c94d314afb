"""`format.yaml`, or what a space says in its place: what is declared of texts, and the rules that it stands for."""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Self

import yaml
from pydantic import Discriminator, Field, Tag, ValidationError, field_validator, model_validator

from train.config import Frozen
from train.data.texts.forms import normal_form
from train.data.texts.text_list import read_texts
from train.errors import UsageError
from train.reading.formats.checks import WeightedCheck
from train.reading.formats.rules import Rule
from train.system.dotted import UniqueKeys
from train.system.paths import read_utf8

FILE = "format.yaml"
SECTION = "format"
PATTERN, LEXICON = "pattern", "lexicon"
HIDDEN = ("str", "tuple[str, ...]", "name", "sum", "alone", "[key]")
"""What pydantic says of a place and no file does."""
CLASS = re.compile(r"\^?(?:\w-\w)+\w*")
Texts = str | tuple[str, ...] | None
PLAIN = re.compile(r"(?:[^\\\[\]|().?*+{}^$]|\\\W)+")


def _kind(check: object) -> str:
    """Return how a check is written: by name, as a sum, or as either that says itself whether it is hard."""
    if isinstance(check, str):
        return "name"
    return "alone" if isinstance(check, Declared) or (isinstance(check, dict) and "check" in check) else "sum"


Named = Annotated[str, Tag("name")]
Sum = Annotated[WeightedCheck, Tag("sum")]


class Declared(Frozen):
    """A check that says itself whether it is hard."""

    check: Annotated[Named | Sum, Discriminator(_kind)]
    hard: bool | None = Field(None)


Alone = Annotated[Declared, Tag("alone")]


class TextFormat(Frozen):
    """What `format.yaml` declares.

    Attributes:
        pattern: a regular expression for whole texts, or alternatives.
        lexicon: all texts that there are: a file, one a line, or a list.
        checks: names of checks, or weighted sums, each alone or as `{check: ..., hard: true}`.
        hard: whether pattern and lexicon, and each check that does not say so itself, are hard rules.
        find: of a page's lines those alone are wanted that can be such a text.
    """

    pattern: Texts = None
    lexicon: Texts = None
    checks: tuple[Annotated[Named | Alone | Sum, Discriminator(_kind)], ...] = ()
    hard: bool = False
    find: bool = False

    @field_validator("checks", mode="before")
    @classmethod
    def _listed(cls, checks: object) -> object:
        return [checks] if isinstance(checks, str | dict) else checks

    @field_validator("pattern", "lexicon")
    @classmethod
    def _nothing_empty(cls, given: Texts) -> Texts:
        if given is not None and not (
            given and all(one.strip() for one in ([given] if isinstance(given, str) else given))
        ):
            raise ValueError("a text, and a pattern, must not be empty")
        return given

    @field_validator("pattern")
    @classmethod
    def _no_bare_class(cls, pattern: Texts) -> Texts:
        if isinstance(pattern, tuple) and len(pattern) == 1 and CLASS.fullmatch(pattern[0]):
            raise ValueError(
                f"a class must stand in quotes: '[{pattern[0]}]', else it is YAML's list of one text"
            )
        return pattern

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.pattern and not self.lexicon and not self.checks:
            raise ValueError("a pattern, a lexicon or checks must be declared")
        return self

    def rules(self, folder: Path = Path()) -> tuple[Rule, ...]:
        """Return the rules, the hard ones first and the pattern before lexicon and checks.

        Raises:
            UsageError: for what cannot be used.
            DataError: for a list that cannot be read; it lies in `folder`, unless its path is absolute.
        """
        found = list(self._found(folder))
        for rule in found:
            rule.holds("")  # what cannot be read is refused before any work
        return tuple(sorted(found, key=lambda rule: not rule.hard))  # sorting keeps the order otherwise

    def _found(self, folder: Path) -> Iterator[Rule]:
        if self.pattern:
            texts, patterns = _sorted_out(self.pattern)
            pattern = patterns[0] if len(patterns) == 1 else patterns or None
            yield Rule(name=PATTERN, pattern=pattern, lexicon=texts, hard=self.hard, find=self.find)
        if self.lexicon:
            named = self.lexicon
            words = read_texts(folder / named) if isinstance(named, str) else map(normal_form, named)
            once = tuple(dict.fromkeys(words))
            yield Rule(name=LEXICON, lexicon=once, hard=self.hard, find=self.find)
        for number, one in enumerate(self.checks, 1):
            declared = one if isinstance(one, Declared) else Declared(check=one)
            name = declared.check if isinstance(declared.check, str) else f"check {number}"
            hard = self.hard if declared.hard is None else declared.hard
            yield Rule(name=name, check=declared.check, hard=hard, find=self.find)


def _sorted_out(pattern: str | Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the texts among alternatives, and the patterns; one alone is a pattern."""
    if isinstance(pattern, str):
        return (), (pattern,)
    texts = [one for one in pattern if PLAIN.fullmatch(one)]
    others = tuple(one for one in pattern if not PLAIN.fullmatch(one))
    plain = tuple(dict.fromkeys(normal_form(re.sub(r"\\(\W)", r"\1", text)) for text in texts))
    return plain, others


def declare(rules: Sequence[Rule]) -> dict[str, Any]:
    """Return what `format.yaml` says of rules, for YAML."""
    found: dict[str, Any] = {"hard": any(r.hard for r in rules), "find": any(r.find for r in rules)}
    for rule in rules:
        if rule.check is not None:
            check = rule.check if isinstance(rule.check, str) else rule.check.model_dump(mode="json")
            found.setdefault("checks", []).append({"check": check, "hard": rule.hard})
        elif rule.patterns:
            alternatives = [*rule.patterns, *map(re.escape, rule.lexicon)]
            found |= {PATTERN: alternatives if len(alternatives) > 1 else alternatives[0], "hard": rule.hard}
        else:
            found |= {LEXICON: [*rule.lexicon], "hard": rule.hard}
    return found


def read_format(path: Path) -> tuple[Rule, ...]:
    """Return the rules of a file, or of the section `format` of a space; raise UsageError for what cannot be used."""
    text = read_utf8(path, "a format")
    try:
        content: Any = UniqueKeys(text).get_single_data()
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        message = " ".join(str(error).split())
        raise UsageError(
            "a format must be a YAML file",
            f"{path}: {message}",
            r"put patterns in single quotes: '[A-Z]\d{3}'",
        ) from error
    section = isinstance(content, dict) and SECTION in content
    source = f"{path}: {SECTION}" if section else str(path)
    return rules_of(content[SECTION] if section else content, source, path.parent)


def rules_of(content: Any, source: str, folder: Path) -> tuple[Rule, ...]:
    """Return the rules of what a file says; raise UsageError, naming `source` and key, for what cannot be used."""
    if not isinstance(content, dict):
        raise UsageError(f"{source}: a format must be a mapping", repr(content)[:80], "write `pattern: ...`")
    try:
        return TextFormat.model_validate(content).rules(folder)
    except ValidationError as error:
        found = max(error.errors(include_url=False), key=lambda one: len(one["loc"]))
        place = ".".join(str(part) for part in found["loc"] if str(part) not in HIDDEN) or "the file"
        rule = found["msg"].removeprefix("Value error, ")
        remedy = "put it in quotes" if found["type"] == "string_type" else "see docs/reading.md"
        raise UsageError(f"{source}: {place}: {rule}", repr(found["input"])[:80], remedy) from error
    except UsageError as error:
        raise UsageError(f"{source}: {error.rule}", error.value, error.remedy) from error


def declared_rules(file: str | Path | None, data: Path | Mapping[str, Sequence[Path]]) -> tuple[Rule, ...]:
    """Return the rules that a file declares, or else `format.yaml` beside labels; none without either.

    Args:
        file: that was named.
        data: folder, label file, or the label files of each split: those of `train` count.
    """
    if file:
        return read_format(Path(file))
    places = [data] if isinstance(data, Path) else list(data.get("train", ()))
    for place in places:
        path = (place if place.is_dir() else place.parent) / FILE
        if path.is_file():
            return read_format(path)
    return ()
