"""The report's section of labels that are likely wrong."""

from collections.abc import Mapping
from html import escape

from search.doubts import DoubtedSample
from search.report_misreadings import SHOWN, ImageOf, data_uri, differences
from search.report_parts import nothing, section
from search.results import StudyResult

TITLE = "Likely label mistakes"


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
    read = " and ".join(f"{n} {split} {result.words.samples}" for split, n in check.splits.items())
    asked = f"{len(check.voters)} good models ({', '.join(check.voters)}) read {read}"
    if check.why_not:
        asked += f"; {check.why_not}"
    if not check.samples:
        return section(TITLE, f"<p>{escape(asked)}: on none do enough of them agree against the label.</p>")
    shown = check.samples[:SHOWN]
    few = f"; the {len(shown)} likeliest are shown" if len(shown) < len(check.samples) else ""
    caption = (
        f"{asked}. On {len(check.samples)} of these most agree on another text, and give the label less than one "
        f"chance in a thousand{few}. They can all be wrong in the same way, so look at each: write the right text, "
        "or = for theirs, into the last column of label_mistakes.tsv, "
        "then: python -m train.data.correct label_mistakes.tsv LABELS"
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
