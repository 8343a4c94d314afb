"""The report's section of misread characters: which are taken for which, with a few of the lines."""

from collections.abc import Sequence
from html import escape

from search.confusions import Confusion, confusions
from search.report_misreadings import ImageOf, data_uri, differences
from search.report_parts import section
from search.results import Misreading, StudyResult

PAIRS, EXAMPLES = 12, 3


def characters(result: StudyResult, image_of: ImageOf) -> str:
    """Return the section; nothing where labels are no texts, or none is misread."""
    found = confusions(result.misreadings) if result.words.spelled else []
    if not found:
        return ""
    shown = found[:PAIRS]
    rest = sum(pair.count for pair in found[PAIRS:])
    caption = (
        f"In the {len(result.misreadings)} misread validation {result.words.samples}, the most frequent first"
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
