"""What the winner still gets wrong, with the images and the differing characters."""

import base64
from collections.abc import Callable, Mapping, Sequence
from html import escape

import cv2
import numpy as np
import numpy.typing as npt
from rapidfuzz.distance import Levenshtein

from search.records.evidence import DoubtedSample
from search.records.result import Misreading, StudyResult
from search.report.confusions import Confusion, confusions
from search.report.page.parts import nothing, section
from search.report.text import percent

ImageOf = Callable[[int], npt.NDArray[np.uint8]]
SHOWN = 36
LINE_PX = 96


def worst(misreadings: Sequence[Misreading]) -> list[Misreading]:
    """Sort: the most faults first, then the least similar reading, of equals the one the model was surest of."""
    return sorted(
        misreadings,
        key=lambda m: (-m.faults, Levenshtein.normalized_similarity(m.text, m.reading), -m.confidence),
    )


def differences(text: str, reading: str) -> tuple[str, str]:
    """Return label and reading as HTML, differing characters marked and gaps shown as `_`, equally long."""
    marked: tuple[list[str], list[str]] = ([], [])
    for step in Levenshtein.opcodes(text, reading):
        pieces = text[step.src_start : step.src_end], reading[step.dest_start : step.dest_end]
        for side, piece in zip(marked, pieces, strict=True):
            shown = escape(piece or "_" * max(map(len, pieces)))
            side.append(shown if step.tag == "equal" else f"<mark>{shown}</mark>")
    return "".join(marked[0]), "".join(marked[1])


def data_uri(image: npt.NDArray[np.uint8]) -> str:
    """Return `image`, (h, w, 3) uint8 BGR, inside a URI: a line as PNG, a photo as JPEG, a tenth of the size."""
    kind = "png" if image.shape[0] <= LINE_PX else "jpeg"
    _, data = cv2.imencode(f".{kind}", image)
    return f"data:image/{kind};base64,{base64.b64encode(data.tobytes()).decode('ascii')}"


def gallery(misreadings: Sequence[Misreading], image_of: ImageOf, spelled: bool = True) -> str:
    """Return the SHOWN worst ones as HTML.

    Args:
        misreadings: all that there are.
        image_of: index -> (h, w, 3) uint8 BGR.
        spelled: label and reading are texts, and are compared character by character.
    """
    figures = (_figure(m, image_of, spelled) for m in worst(misreadings)[:SHOWN])
    kind = "lines" if spelled else "lines photos"
    return f'<div class="{kind}">{"".join(figures)}</div>'


def _figure(line: Misreading, image_of: ImageOf, spelled: bool) -> str:
    pair = line.text, line.reading
    text, reading = differences(*pair) if spelled else map(escape, pair)
    said = "read" if spelled else "found"
    return (
        f'<figure><img src="{data_uri(image_of(line.index))}" alt="labelled {escape(line.text)}">'
        f"<code><span>label</span>{text}</code><code><span>{said}</span>{reading}</code>"
        f"<figcaption>{escape(line.source)}, confidence {percent(line.confidence)}</figcaption></figure>"
    )


TITLE = "Possible label errors"


def label_mistakes(result: StudyResult, image_of: Mapping[str, ImageOf]) -> str:
    """Return the section; nothing for a study that did not look for any.

    Args:
        result: the study's.
        image_of: split -> (index -> (h, w, 3) uint8 BGR).
    """
    check = result.labels
    if check is None:
        return ""
    if not check.splits:
        return section(TITLE, nothing(f"Not looked for: {check.why_not}."))
    read = " and ".join(f"{n} {split} {result.terms.samples}" for split, n in check.splits.items())
    asked = f"{len(check.voters)} good models ({', '.join(check.voters)}) read {read}"
    if check.why_not:
        asked += f"; {check.why_not}"
    if not check.samples:
        return section(TITLE, f"<p>{escape(asked)}: on none do enough of them agree against the label.</p>")
    shown = check.samples[:SHOWN]
    few = f"; the {len(shown)} likeliest are shown" if len(shown) < len(check.samples) else ""
    caption = (
        f"{asked}. On {len(check.samples)} of these most agree on another text, and give the label less than one "
        f"chance in a thousand{few}. The models can all be wrong in the same way, and most labels found so far "
        "were right: look at each, and write the right text, or = for theirs, into the last column of "
        "label_mistakes.tsv, then: python -m train.data.correct label_mistakes.tsv LABELS"
    )
    figures = "".join(_doubted(sample, image_of[sample.split]) for sample in shown)
    return section(TITLE, f'<div class="lines">{figures}</div>', caption)


def _doubted(sample: DoubtedSample, image_of: ImageOf) -> str:
    label, reading = differences(sample.label, sample.reading)
    return (
        f'<figure><img src="{data_uri(image_of(sample.index))}" alt="labelled {escape(sample.label)}">'
        f"<code><span>label</span>{label}</code><code><span>read</span>{reading}</code>"
        f"<figcaption>{escape(sample.source)} ({sample.split}), {sample.votes} of {sample.voters} agree and "
        f"give the label a chance of {chance_text(sample.chance)}</figcaption></figure>"
    )


def chance_text(chance: float) -> str:
    """Format a small probability, 2.1e-05 -> '1 in 50,000', by its first digit; '0' where it is not told."""
    return f"1 in {int(float(f'{1 / chance:.0e}')):,}" if chance > 0 else "0"


PAIRS, EXAMPLES = 12, 3


def characters(result: StudyResult, image_of: ImageOf) -> str:
    """Return the section; nothing where labels are no texts, or none is misread."""
    found = confusions(result.misreadings) if result.terms.spelled else []
    if not found:
        return ""
    shown = found[:PAIRS]
    rest = sum(pair.count for pair in found[PAIRS:])
    caption = (
        f"In the {len(result.misreadings)} misread validation {result.terms.samples}, the most frequent first"
    )
    caption += f"; {rest} more errors of {len(found) - len(shown)} kinds are not shown." if rest else "."
    blocks = "".join(_pair(pair, result.misreadings, image_of) for pair in shown)
    return section("Misread characters", f'<div class="pairs">{blocks}</div>', caption)


def _pair(pair: Confusion, misreadings: Sequence[Misreading], image_of: ImageOf) -> str:
    examples = [misreadings[place] for place in dict.fromkeys(pair.samples)][:EXAMPLES]
    lines = "".join(_example(line, image_of) for line in examples)
    times = f"{pair.count} times" if pair.count > 1 else "once"
    return f"<div><h3>{escape(str(pair))} <span>{times}</span></h3>{lines}</div>"


def _example(line: Misreading, image_of: ImageOf) -> str:
    label, reading = differences(line.text, line.reading)
    return (
        f'<figure><img src="{data_uri(image_of(line.index))}" alt="labelled {escape(line.text)}">'
        f"<code>{label}</code><code>{reading}</code></figure>"
    )
