"""What a check finds, and how it is counted, printed and written down."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from train.data.checks.rulebook import RULES, Severity
from train.data.sample import Sample
from train.data.split import Splits
from train.data.texts.forms import escaped

SHOWN = 5


@dataclass(frozen=True)
class Finding:
    """One sample that breaks a rule.

    Attributes:
        value: what was found there.
    """

    rule: str
    split: str
    sample: Sample
    value: str

    @property
    def severity(self) -> Severity:
        """`error` or `warning`, the rule's."""
        return RULES[self.rule].severity

    @property
    def remedy(self) -> str:
        """What to do about it, the rule's."""
        return RULES[self.rule].remedy


def _text(sample: Sample) -> tuple[str, ...]:
    return (sample.text,)


def _characters(sample: Sample) -> int:
    return len(sample.text)


@dataclass(frozen=True)
class Contents:
    """What a label holds, for the counts of a report.

    Attributes:
        texts: those of a sample.
        length: how much its label holds.
        longest: what the greatest length is called.
        lengths: what all lengths are called.
    """

    texts: Callable[[Sample], Sequence[str]]
    length: Callable[[Sample], int]
    longest: str
    lengths: str


LINES = Contents(_text, _characters, "longest", "Lengths of the labels")


@dataclass(frozen=True)
class CheckReport:
    """All findings, errors first, and what the splits hold.

    Attributes:
        deep: whether every image was decoded, not only its header read.
        lengths: for each split, how many labels have how many characters, or what else `contents` counts.
        texts: for each split, how many texts differ.
        characters: how often each character stands in the labels of all splits.
    """

    findings: tuple[Finding, ...]
    origin: Mapping[str, str]
    deep: bool
    lengths: Mapping[str, Mapping[int, int]]
    texts: Mapping[str, int]
    characters: Mapping[str, int]
    contents: Contents = LINES

    @property
    def errors(self) -> tuple[Finding, ...]:
        """The findings that keep a sample from being used."""
        return tuple(f for f in self.findings if f.severity == "error")

    def by_rule(self) -> dict[str, list[Finding]]:
        """Return the findings of each broken rule, errors first."""
        groups: dict[str, list[Finding]] = defaultdict(list)
        for finding in self.findings:
            groups[finding.rule].append(finding)
        return dict(groups)


def report_of(
    splits: Splits, findings: Iterable[Finding], deep: bool, contents: Contents = LINES
) -> CheckReport:
    """Return the report of `findings`, in the order of RULES."""
    held = {
        name: [text for sample in samples for text in contents.texts(sample)]
        for name, samples in splits.items()
    }
    order = {rule: i for i, rule in enumerate(RULES)}
    return CheckReport(
        tuple(sorted(findings, key=lambda finding: order[finding.rule])),
        splits.origin,
        deep,
        {name: Counter(map(contents.length, samples)) for name, samples in splits.items()},
        {name: len(set(texts)) for name, texts in held.items()},
        Counter(character for texts in held.values() for text in texts for character in text),
        contents,
    )


def as_json(report: CheckReport) -> dict[str, Any]:
    """Return the report for machines: counts by rule, every finding, the histograms."""
    return {
        "errors": len(report.errors),
        "warnings": len(report.findings) - len(report.errors),
        "deep": report.deep,
        "rules": {rule: len(found) for rule, found in report.by_rule().items()},
        "splits": {
            name: {
                "samples": sum(lengths.values()),
                "texts": report.texts[name],
                "origin": report.origin[name],
            }
            for name, lengths in report.lengths.items()
        },
        "findings": [
            {
                "rule": f.rule,
                "severity": f.severity,
                "split": f.split,
                "source": f.sample.source,
                "image": str(f.sample.path),
                "text": f.sample.text,
                "value": f.value,
                "remedy": f.remedy,
            }
            for f in report.findings
        ],
        "lengths": {name: dict(sorted(lengths.items())) for name, lengths in report.lengths.items()},
        "characters": dict(sorted(report.characters.items(), key=lambda item: (-item[1], item[0]))),
    }


def as_text(report: CheckReport) -> str:
    """Return the report for a terminal: the splits, the counts by rule, the first few of each."""
    splits = [
        (name, str(sum(lengths.values())), str(report.texts[name]), str(max(lengths)), report.origin[name])
        for name, lengths in report.lengths.items()
    ]
    rules = [
        (rule, RULES[rule].severity, str(len(found)), RULES[rule].broken)
        for rule, found in report.by_rule().items()
    ]
    parts = [table(("split", "samples", "texts", report.contents.longest, "from"), splits)]
    if rules:
        parts.append(table(("rule", "severity", "count", "meaning"), rules))
    parts += [_few(rule, found) for rule, found in report.by_rule().items()]
    return "\n\n".join([*parts, _verdict(report)])


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return aligned columns; those that hold only numbers stand right."""
    columns = list(zip(head, *rows, strict=True))
    widths = [max(map(len, column)) for column in columns]
    right = [all(cell.isdigit() for cell in column[1:]) for column in columns]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if number else cell.ljust(width)
            for cell, width, number in zip(row, widths, right, strict=True)
        ).rstrip()
        for row in (head, *rows)
    )


def _few(rule: str, found: Sequence[Finding]) -> str:
    lines = [f"{rule}: {RULES[rule].remedy}"]
    lines += [f"  {place(f)}  {f.value}" for f in found[:SHOWN]]
    if len(found) > SHOWN:
        lines.append(f"  ... and {len(found) - SHOWN} more (--json lists all)")
    return "\n".join(lines)


def place(finding: Finding) -> str:
    """Return where a finding's label and image stand: `rec_gt_train.txt:12 word_3.png`."""
    file, _, line = finding.sample.source.rpartition(":")
    label, image = Path(file).name, finding.sample.path.name
    return escaped(image if label == image else f"{label}:{line} {image}")


def _verdict(report: CheckReport) -> str:
    errors = len(report.errors)
    bad = len({f.sample for f in report.errors})
    looked = "every image decoded" if report.deep else "headers only"
    warnings = len(report.findings) - errors
    return f"{errors} errors in {bad} samples, {warnings} warnings ({looked})"
