"""What a check finds, and how it is counted, printed and written down."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

from train.data.sample import Sample
from train.data.split import Splits

Severity = Literal["error", "warning"]
SHOWN = 5


class Rule(NamedTuple):
    """What must hold of labelled images."""

    severity: Severity
    broken: str
    remedy: str


RULES: dict[str, Rule] = {
    "missing_file": Rule(
        "error",
        "the image file does not exist",
        "restore the file, name the folder of its path with --root, or remove its label",
    ),
    "unreadable": Rule("error", "the file is no readable image", "replace the file or remove its label"),
    "truncated": Rule(
        "error", "the image file breaks off or has a hole", "fetch the file again or remove its label"
    ),
    "too_large": Rule(
        "error",
        "the file says that it has more pixels than can be decoded",
        "scale it down or remove its label",
    ),
    "no_contrast": Rule(
        "error",
        "the picture has nearly one colour, so nothing can be read in it",
        "look at it: blank? 12 bits kept in 16 (spread its values)? else remove its label",
    ),
    "empty_text": Rule("error", "the label is empty", "write the text or remove the label"),
    "outside_charset": Rule(
        "error", "the dictionary lacks a character", "extend the dictionary or correct the label"
    ),
    "too_long": Rule(
        "warning",
        "the text needs more output steps than the image gives",
        "correct the label or the crop; training pads it, reading cannot",
    ),
    "contradiction": Rule(
        "error", "one image has different labels", "keep the right label, remove the others"
    ),
    "image_in_two_splits": Rule("error", "the same pixels stand in two splits", "remove one of the two"),
    "unwritable": Rule(
        "warning",
        "the model cannot write a text of val or test",
        "it counts as misread, unless you mend the label",
    ),
    "text_in_two_splits": Rule(
        "warning", "the same text stands in two splits", "expected of frequent words; else group by text"
    ),
    "unseen_character": Rule(
        "warning", "no training label holds a character", "add training lines with it; it cannot be learnt"
    ),
    "duplicate": Rule("warning", "the same pixels stand twice in a split", "remove one of the two"),
    "several_pictures": Rule(
        "warning",
        "the file holds several frames or pages",
        "only the first is used; save the others as files",
    ),
    "tiny": Rule("warning", "the image is too small to read", "crop from a larger photo"),
    "upright": Rule("warning", "the image is taller than a line of text", "turn it, or leave it out"),
    "long_line": Rule(
        "error", "the image is over 200 times as wide as it is high", "cut it in two, or remove its label"
    ),
    "outer_space": Rule("warning", "the label begins or ends with white space", "remove the white space"),
    "few_corners": Rule("error", "a region has fewer than four corners", "mark it again, or remove it"),
    "crossed": Rule(
        "error",
        "the outline of a region crosses itself",
        "put its corners in order, clockwise from the top left",
    ),
    "no_area": Rule("error", "a region has no area", "mark it again, or remove it"),
    "outside": Rule(
        "error",
        "a region lies outside of its image",
        "was the photo resized or turned after it was labelled?",
    ),
    "over_edge": Rule("warning", "a region reaches over the edge of its image", "move its corners inside"),
    "anticlockwise": Rule(
        "warning",
        "the corners of a region run anti-clockwise",
        "nothing to do: they are turned; begin at the top left if texts are to be cut out",
    ),
    "no_regions": Rule(
        "warning", "no text in the photo counts", "right if there is none: it teaches what text is not"
    ),
    "small_text": Rule(
        "warning",
        "texts are too small to be learnt",
        "label larger photos, or mark them as ignored: they are training leaves them out, scores do not",
    ),
}


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
    return image if label == image else f"{label}:{line} {image}"


def _verdict(report: CheckReport) -> str:
    errors = len(report.errors)
    bad = len({f.sample for f in report.errors})
    looked = "every image decoded" if report.deep else "headers only"
    warnings = len(report.findings) - errors
    return f"{errors} errors in {bad} samples, {warnings} warnings ({looked})"
