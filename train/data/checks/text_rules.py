"""The rules of texts that look right and are not: other forms, invisible characters, look-alikes, order."""

import re
from collections.abc import Iterator, Sequence

from train.data.checks.findings import Finding
from train.data.photos.regions import IGNORED, UNREAD
from train.data.sample import Sample
from train.data.split import Splits
from train.data.texts.forms import escaped, is_unicode, name_character, visible
from train.data.texts.reading_order import in_picture_order, in_reading_order
from train.data.texts.repairs import REPAIRS

SHOWN = 5
NO_CHARACTER = re.compile("[\ufffc\ufffd\ufdd0-\ufdef\ufffe\uffff\ue000-\uf8ff\U000f0000-\U0010ffff]")
"""The mark of a lost character or of an embedded object, private use, and what is reserved."""
SPREADSHEET = re.compile(
    r'="[^"]*"|\d([.,]\d+)?E[+-]\d{2,}|#(NAME\?|REF!|VALUE!|N/A|DIV/0!|NUM!|NULL!)|nan|NaN|<NA>|NaT|NULL|None'
    r"|\d{4}-\d\d-\d\d 00:00:00"
)
"""A text as a formula, a number in powers of ten, an error, what stands for no text: `="007"`, `#NAME?`, `nan`."""
ENTITY = re.compile(
    r"&(amp|lt|gt|quot|apos|nbsp|#\d{1,7}|#x[0-9a-fA-F]{1,6});|<br ?/?>|</(b|em|i|p|span|strong|su[bp]|u)>"
)
"""What XML and HTML write for one character, and their marks."""
ESCAPES = re.compile(r"\\u[0-9a-fA-F]{4}|\\x[0-9a-fA-F]{2}|(%[89A-F][0-9A-F]){2}")
"""What programs write for characters beyond ASCII: in JSON, in Python, in addresses."""
READING = re.compile(r"[(\[](['\"]).*\1, ?[01](\.\d+)?(e-\d+)?[)\]]")
"""A text with its certainty, as PaddleOCR prints it: `('text', 0.98)`."""
WINDOWS = {
    ord(bytes([code]).decode("cp1252")): code
    for code in range(0x80, 0xA0)
    if code not in (0x81, 0x8D, 0x8F, 0x90, 0x9D)
}
"""The characters that Windows' Western encoding has where Latin-1 has none: UTF-8 is often read as either, `cafÃ©`."""
USUAL = re.compile(
    "[\x00-\x7f\u00a0-\u017f\u0386-\u03ce\u0401-\u045f\u05d0-\u05ea\u0621-\u064a\u2010-\u2044\u20ac\u2122"
    "\u3000-\u30ff\u4e00-\u9fff\uac00-\ud7a3\uff01-\uff5e]+"
)
"""What such a text is made of: `É®` is no letter of the Africa Alphabet."""
OF_SIGNS = re.compile("[\u05d0-\u05ea\u0621-\u064a]")
"""Hebrew, Arabic: one such letter alone comes of signs that stand side by side in earnest, as in `Ø½"`."""
FLOAT = re.compile(r"\d+\.0")
"""A number that was read as one with a fraction: where all labels are such, they were 7 or 007."""
PLACEHOLDERS = (IGNORED | UNREAD) - {""}
FURTHER_PLACEHOLDERS = re.compile(
    r"#{2,}|[<\[(](illegible|unreadable|ignored?|unknown|unk)[>\])]", re.IGNORECASE
)
BY_ONE = frozenset({"outer_space"})
"""Repairs whose rule looks at a sample alone (`rules.text_findings`)."""


def form_findings(split: str, sample: Sample) -> Iterator[Finding]:
    """Yield what a label's characters show by themselves."""
    if not is_unicode(sample.text):
        yield Finding("not_unicode", split, sample, ascii(sample.text))
    elif sample.text and not visible(sample.text):
        yield Finding("empty_text", split, sample, f"only {_listed(sample.text)}")
    if lost := NO_CHARACTER.findall(sample.text):
        yield Finding("no_character", split, sample, f"{_listed(lost)} in '{escaped(sample.text)}'")
    if any(form.fullmatch(sample.text) for form in (SPREADSHEET, READING)) or _is_escaped(sample.text):
        yield Finding("spreadsheet", split, sample, repr(sample.text))
    elif meant := _meant(sample.text):
        yield Finding(
            "spreadsheet", split, sample, f"{sample.text!r}, which may be {meant!r} in the wrong encoding"
        )
    if visible(sample.text) == sample.text and (read := _read_back(sample.text)) != sample.text:
        yield Finding("mixed_directions", split, sample, f"{sample.text!r} would be read as {read!r}")


def _is_escaped(text: str) -> bool:
    return bool(ENTITY.search(text) or ESCAPES.search(text))


def _meant(text: str) -> str:
    """Return what UTF-8 that was read in another encoding should have been; nothing for other texts."""
    try:
        meant = text if text.isascii() else text.translate(WINDOWS).encode("latin-1").decode()
    except UnicodeError:
        return ""
    is_usual = USUAL.fullmatch(meant) and len(OF_SIGNS.findall(meant)) != 1
    return meant if meant != text and is_usual else ""


def _read_back(text: str) -> str:
    return in_reading_order(in_picture_order(text)) if is_unicode(text) else text


def set_findings(splits: Splits) -> Iterator[Finding]:
    """Yield the labels that a repair would change, for it looks at all of them (`train.data.texts.repairs`)."""
    samples = [(name, sample) for name, part in splits.items() for sample in part if is_unicode(sample.text)]
    of_characters = 2 * sum(len(sample.text) == 1 for _, sample in samples) > len(samples)
    for name, sample in samples:
        unread = sample.text in PLACEHOLDERS or FURTHER_PLACEHOLDERS.fullmatch(sample.text)
        if unread and not (of_characters and len(sample.text) == 1):
            yield Finding("placeholder", name, sample, repr(sample.text))
    if len(samples) > 1 and all(FLOAT.fullmatch(sample.text) for _, sample in samples if sample.text):
        yield from (
            Finding("spreadsheet", name, sample, f"{sample.text!r}, as all labels end")
            for name, sample in samples
            if sample.text
        )
    for rule in (rule for rule in REPAIRS if rule not in BY_ONE):
        texts = [_as_written(rule, sample) for _, sample in samples]
        for (name, sample), old, new in zip(samples, texts, REPAIRS[rule](texts), strict=True):
            if new != old and visible(old):
                yield Finding(rule, name, sample, f"{_difference(old, new)} in '{escaped(old)}'")


def _as_written(rule: str, sample: Sample) -> str:
    return sample.written if rule == "decomposed" and sample.written is not None else sample.text


def _difference(old: str, new: str) -> str:
    """Return the characters that a repair takes away; where it takes none, what it makes of the label."""
    gone = [character for character in dict.fromkeys(old) if character not in new]
    return _listed(gone) if gone else f"'{escaped(new)}' is meant, which is another order or place,"


def _listed(characters: Sequence[str]) -> str:
    different = list(dict.fromkeys(characters))
    more = f" and {len(different) - SHOWN} more" if len(different) > SHOWN else ""
    return ", ".join(map(name_character, different[:SHOWN])) + more
