"""The rules of `train.data.check`: each yields the samples that break it."""

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Generator, Hashable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import chain

from train.data import images
from train.data.charset import steps_needed
from train.data.checks.contact_sheet import Picture, line_picture
from train.data.checks.findings import LINES, Contents, Finding
from train.data.checks.text_rules import form_findings, set_findings
from train.data.decoded.header import header_of
from train.data.folders.image_paths import describe_search
from train.data.pictures.errors import PictureError
from train.data.pictures.header import Header
from train.data.sample import Sample, is_resized
from train.data.split import Splits
from train.data.texts.forms import escaped

MIN_HEIGHT_PX = 8
MIN_WIDTH_PX = 4
UPRIGHT = 1.5
MOST_STEPS = images.MAX_WIDTH_PX // images.STEP_PX
"""Of the longest line; what a longer text is padded to takes gigabytes."""
SHOWN_LENGTH, QUOTED = 100, 10

Steps = Callable[[int], int]


def as_it_is(sample: Sample) -> Sample:
    """Return the sample: nothing is put right."""
    return sample


@dataclass(frozen=True)
class Checks:
    """What `train.data.check` looks at: rules of this module, or of another.

    Attributes:
        sample: split and sample -> what is wrong with that one, by its label and its image's header.
        splits: all samples -> what is wrong between them.
        repaired: a sample -> itself, or with what can be put right without asking put right.
        contents: what a report counts.
        picture: of a sample, for people.
    """

    sample: Callable[[str, Sample], Iterator[Finding]]
    splits: Callable[[Splits], Iterator[Finding]]
    repaired: Callable[[Sample], Sample] = as_it_is
    contents: Contents = LINES
    picture: Picture = line_picture


def line_checks(characters: Collection[str] | None = None, steps: Steps | None = None) -> Checks:
    """Return the rules of lines with texts.

    Args:
        characters: the dictionary; None where none forbids anything.
        steps: output steps of a line's width in pixels (`ppocr_steps`); None for a model without a limit.
    """
    dictionary = None if characters is None else frozenset(characters)
    return Checks(partial(_line_findings, dictionary, steps), _shared_findings)


def file_checks() -> Checks:
    """Return the rules of image files alone, whatever their labels are."""
    return Checks(header_findings, lambda splits: iter(()))


def image_checks() -> Checks:
    """Return the rules of images whose labels are as their format has them."""
    return Checks(partial(image_findings, steps=None), lambda splits: iter(()))


def _line_findings(
    dictionary: frozenset[str] | None, steps: Steps | None, split: str, sample: Sample
) -> Iterator[Finding]:
    return chain(text_findings(split, sample, dictionary), image_findings(split, sample, steps))


def _shared_findings(splits: Splits) -> Iterator[Finding]:
    return chain(shared_texts(splits), unseen_characters(splits), set_findings(splits))


def ppocr_steps(width_px: int) -> int:
    """Output steps of PP-OCR's recognisers for a line `width_px` wide after `images.resize_line`."""
    return images.bucket_width(width_px) // images.STEP_PX


def text_findings(split: str, sample: Sample, characters: Collection[str] | None) -> Iterator[Finding]:
    """Yield what is wrong with a label alone; `characters` is the dictionary, None for any."""
    yield from form_findings(split, sample)
    if not sample.text:
        yield Finding("empty_text", split, sample, "empty")
    elif sample.text != sample.text.strip():
        yield Finding("outer_space", split, sample, repr(sample.text))
    if characters is not None and (outside := sorted(_outside(sample.text, characters))):
        rule = _in_train(split, "outside_charset")
        yield Finding(rule, split, sample, f"no {quote_some(outside)} for {sample.text!r}")


def _outside(text: str, characters: Collection[str]) -> set[str]:
    """Return the characters that a dictionary holds neither whole nor in parts (`Charset.encode`)."""
    lacking = set(text).difference(characters)
    return {c for c in lacking if not set(unicodedata.normalize("NFD", c)) <= set(characters)}


def image_findings(split: str, sample: Sample, steps: Steps | None) -> Iterator[Finding]:
    """Yield what an image's header shows; `steps` gives the output steps of a line's width in pixels."""
    header = yield from header_findings(split, sample)
    if header is not None:
        height, width = header.size
        yield from _shape_findings(split, sample, height, width)
        if steps is not None:
            yield from _length_findings(split, sample, steps(images.line_width(height, width)))


def header_findings(split: str, sample: Sample) -> Generator[Finding, None, Header | None]:
    """Yield what is wrong with an image's file by its header; return the header where there is one."""
    try:
        header = header_of(sample.path)
    except FileNotFoundError:
        yield Finding("missing_file", split, sample, escaped(describe_search(sample)))
    except PictureError as error:
        yield Finding(error.finding, split, sample, escaped(str(error.value)))
    else:
        if header.several:
            yield Finding("several_pictures", split, sample, f"a {header.kind.upper()} of several")
        if is_resized(sample, header.size):
            yield Finding(
                "resized", split, sample, f"{_shown(header.size)}, labelled at {_shown(sample.size)}"
            )
        return header
    return None


def _shown(size: tuple[int, int] | None) -> str:
    return "unknown" if size is None else f"{size[1]}x{size[0]} px"


def _shape_findings(split: str, sample: Sample, height: int, width: int) -> Iterator[Finding]:
    shape = f"{width}x{height} px for {sample.text!r}"
    if height < MIN_HEIGHT_PX or width < MIN_WIDTH_PX:
        yield Finding("tiny", split, sample, shape)
    if len(sample.text) > 1 and height >= UPRIGHT * width:
        yield Finding("upright", split, sample, shape)
    if images.too_long(height, width):
        yield Finding("long_line", split, sample, shape)


def _length_findings(split: str, sample: Sample, steps: int) -> Iterator[Finding]:
    needed = steps_needed([ord(character) for character in sample.text])
    if needed > steps:
        rule = "long_line" if needed > MOST_STEPS else _in_train(split, "too_long")
        yield Finding(rule, split, sample, f"{needed} steps of {steps} for {_short(sample.text)}")


def _in_train(split: str, rule: str) -> str:
    # left out of val or test, what a model cannot write would make its score too good
    return rule if split == "train" else "unwritable"


def shared_texts(splits: Splits) -> Iterator[Finding]:
    """Yield each text of two splits once, in the later one; single characters are classes, not texts."""
    counts = {name: Counter(s.text for s in samples) for name, samples in splits.items()}
    reported: set[str] = set()
    for name, samples in reversed(list(splits.items())):
        for sample in samples:
            text = sample.text
            others = {other: n[text] for other, n in counts.items() if other != name and n[text]}
            if others and len(text) > 1 and text not in reported:
                reported.add(text)
                where = ", ".join(f"{n} in {other}" for other, n in others.items())
                yield Finding("text_in_two_splits", name, sample, f"{text!r}, also {where}")


def unseen_characters(splits: Splits) -> Iterator[Finding]:
    """Yield each character of val or test that no label of train holds, where it stands first."""
    seen = {character for sample in splits.train for character in sample.text}
    for name, samples in splits.items():
        for sample in samples if splits.train else ():
            if new := set(sample.text) - seen:
                yield Finding(
                    "unseen_character", name, sample, f"{quote_some(sorted(new))} in {sample.text!r}"
                )
                seen |= new


def repeated_images(splits: Splits, key: Callable[[Sample], Hashable | None]) -> Iterator[Finding]:
    """Yield the samples whose images are equal by `key`; None is equal to nothing.

    Of an image in two splits, the copy in the less precious split is reported: train before val
    before test. A contradiction is reported at each of its labels, as no one knows which is right.
    """
    groups: dict[Hashable, list[tuple[str, Sample]]] = defaultdict(list)
    for name, samples in splits.items():
        for sample in samples:
            if (identity := key(sample)) is not None:
                groups[identity].append((name, sample))
    for group in groups.values():
        if len(group) > 1:
            yield from _group_findings(group)


def _group_findings(group: list[tuple[str, Sample]]) -> Iterator[Finding]:
    keep = group[-1][0]
    kept = group[-1][1]
    texts = sorted({sample.text for _, sample in group})
    first: dict[tuple[str, str], Sample] = {}
    for name, sample in group:
        if len(texts) > 1:
            others = [text for text in texts[: QUOTED + 1] if text != sample.text]  # all would be too many
            told = quote_some(others, len(texts) - 1)
            yield Finding("contradiction", name, sample, f"{_short(sample.text)}, also labelled {told}")
        if name != keep:
            yield Finding("image_in_two_splits", name, sample, f"also {keep}: {kept.path.name}")
        earlier = first.setdefault((name, sample.text), sample)
        if earlier is not sample:
            yield Finding("duplicate", name, sample, f"as {earlier.path.name}")


def quote_some(items: Collection[str], count: int | None = None) -> str:
    """Return quoted items, the first ten of them, invisible ones escaped; `count`: of all, where these are fewer."""
    shown = ", ".join(map(_short, list(items)[:QUOTED]))
    more = (len(items) if count is None else count) - QUOTED
    return f"{shown} and {more} more" if more > 0 else shown


def _short(item: str) -> str:
    """Return a quoted item, escaped if it has invisible characters; a long one, such as a photo's label, breaks off."""
    quoted = repr(item) if item.isprintable() else ascii(item)
    return quoted if len(quoted) <= SHOWN_LENGTH else f"{quoted[:SHOWN_LENGTH]} ..."
