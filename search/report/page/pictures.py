"""The page's images: what the winner gets wrong, which characters it confuses, which labels may be errors."""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from html import escape

from rapidfuzz.distance import Levenshtein

from search.records.evidence import LabelError
from search.records.result import Misreading, StudyResult
from search.report.confusions import Confusion, count_confusions
from search.report.page.parts import nothing, section
from search.report.text import format_count, percent
from train.data.images import Image, data_uri

ImageOf = Callable[[int], Image]
"""Index of a sample -> (h, w, 3) uint8 BGR."""
SHOWN = 36
LINE_PX = 96
"""Up to this height an image is a line, and kept without loss."""
CONFUSIONS_SHOWN, EXAMPLES_SHOWN = 12, 3
SPLITS = {"val": "validation", "train": "training"}
RAREST = 10**15
CORRECT = "<pre>python -m train.data.correct label_mistakes.tsv YOUR_LABEL_FILES</pre>"


def show_misreadings(result: StudyResult, image_of: ImageOf) -> str:
    """Return the section of what the winner still gets wrong."""
    words = result.terms
    title = f"Still {words.wrong}"
    if result.winner is None:
        return section(title, nothing("There is no winner to read them."))
    if not result.misreadings:
        return section(title, f"<p>None of the validation {words.samples}.</p>")
    shown, all_of_them = min(SHOWN, len(result.misreadings)), len(result.misreadings)
    which = f"The {shown} worst of the {all_of_them}" if shown < all_of_them else "The"
    order = "" if shown < all_of_them else ", the worst first"
    worst = worst_first(result.misreadings)[:SHOWN]
    home = find_home(one.source for one in worst)
    caption = (
        f"{which} validation {words.samples} that are still {words.wrong}{order}. {words.legend}{_in(home)}"
    )
    figures = (_misreading(one, image_of, words.spelled, home) for one in worst)
    kind = "lines" if words.spelled else "lines photos"
    return section(title, f'<div class="{kind}">{"".join(figures)}</div>', caption)


def find_home(sources: Iterable[str]) -> str:
    """Return the folder of all files, with a slash behind it: it is told once. Empty where they have none in common."""
    folders = [os.path.dirname(source) for source in sources]
    home = os.path.commonpath(folders) if all(map(os.path.isabs, folders)) else ""
    return f"{home}/" if home.strip("/") else ""


def _in(home: str) -> str:
    return f" Files are named from {home} on." if home else ""


def worst_first(misreadings: Sequence[Misreading]) -> list[Misreading]:
    """Sort: the most faults first, then the least similar reading, of equals the one the model was surest of."""
    return sorted(
        misreadings,
        key=lambda m: (-m.faults, Levenshtein.normalized_similarity(m.text, m.reading), -m.confidence),
    )


def _misreading(one: Misreading, image_of: ImageOf, spelled: bool, home: str) -> str:
    """Return a figure; `spelled` labels are compared with the reading character by character."""
    caption = f"{one.source.removeprefix(home)}, confidence {percent(one.confidence)}"
    if spelled:
        return _figure(image_of(one.index), one.text, mark_differences(one.text, one.reading), caption)
    pair = escape(one.text), escape(one.reading)
    return _figure(image_of(one.index), one.text, pair, caption, read_as="found")


def show_confusions(result: StudyResult, image_of: ImageOf) -> str:
    """Return the section of characters that are confused more than once; nothing where there are none.

    What happens once is seen in the misread lines above.
    """
    pairs = count_confusions(result.misreadings) if result.terms.spelled else []
    shown = [pair for pair in pairs if pair.count > 1][:CONFUSIONS_SHOWN]
    if not shown:
        return ""
    caption = (
        f"In the {len(result.misreadings)} misread validation {result.terms.samples}, the most frequent first"
    )
    rest = pairs[len(shown) :]
    errors, kinds = format_count(sum(pair.count for pair in rest), "error"), format_count(len(rest), "kind")
    caption += f"; not shown: {errors} of {kinds}." if rest else "."
    blocks = "".join(_confusion(pair, result.misreadings, image_of) for pair in shown)
    return section("Misread characters", f'<div class="pairs">{blocks}</div>', caption)


def _confusion(pair: Confusion, misreadings: Sequence[Misreading], image_of: ImageOf) -> str:
    examples = [misreadings[place] for place in dict.fromkeys(pair.samples)][:EXAMPLES_SHOWN]
    lines = "".join(_example(one, image_of) for one in examples)
    return f"<div><h3>{escape(str(pair))} <span>{pair.count} times</span></h3>{lines}</div>"


def _example(one: Misreading, image_of: ImageOf) -> str:
    pair = "".join(f"<code><bdi>{side}</bdi></code>" for side in mark_differences(one.text, one.reading))
    return f"<figure>{_picture(image_of(one.index), one.text)}{pair}</figure>"


def show_label_errors(result: StudyResult, image_of: Mapping[str, ImageOf]) -> str:
    """Return the section of possible label errors; nothing for a study that did not look for any.

    Args:
        result: the study's.
        image_of: for each split.
    """
    title, check = "Possible label errors", result.labels
    if check is None:
        return ""
    if not check.splits:
        return section(title, nothing(f"Not looked for: {check.why_not}."))
    read = " and ".join(f"{n} {SPLITS[split]} {result.terms.samples}" for split, n in check.splits.items())
    sentence = f"{len(check.voters)} good models ({', '.join(check.voters)}) read {read}"
    if check.why_not:
        sentence += f"; {check.why_not}"
    if not check.samples:
        return section(
            title, f"<p>{escape(sentence)}: on none do enough of them agree against the label.</p>"
        )
    shown = check.samples[:SHOWN]
    few = f"; the {len(shown)} likeliest are shown" if len(shown) < len(check.samples) else ""
    home = find_home(one.source for one in shown)
    caption = (
        f"{sentence}. On {len(check.samples)} of these most agree on another text, and give the label less than one "
        f"chance in a thousand{few}. The models can all be wrong in the same way, so look at each.{_in(home)} Write "
        "the right text, or = for theirs, into the last column of label_mistakes.tsv. This writes corrected label "
        "files beside yours:"
    )
    figures = "".join(_label_error(one, image_of[one.split], home) for one in shown)
    return section(title, f'{CORRECT}<div class="lines">{figures}</div>', caption)


def _label_error(one: LabelError, image_of: ImageOf, home: str) -> str:
    caption = (
        f"{one.source.removeprefix(home)} ({SPLITS[one.split]}), {one.votes} of {one.voters} agree and give the "
        f"label a chance of {chance_text(one.chance)}"
    )
    return _figure(image_of(one.index), one.label, mark_differences(one.label, one.reading), caption)


def chance_text(chance: float) -> str:
    """Format a small probability, 2.1e-05 -> '1 in 50,000', by its first digit; '0' where it is not told."""
    if 0 < chance < 1 / RAREST:  # of a long label hardly anything is left: 1 / 1e-309 is no number
        return f"under 1 in {RAREST:,}"
    return f"1 in {int(float(f'{1 / chance:.0e}')):,}" if chance > 0 else "0"


def mark_differences(text: str, reading: str) -> tuple[str, str]:
    """Return label and reading as HTML, differing characters marked and gaps shown as `_`, equally long."""
    marked: tuple[list[str], list[str]] = ([], [])
    for step in Levenshtein.opcodes(text, reading):
        pieces = text[step.src_start : step.src_end], reading[step.dest_start : step.dest_end]
        for side, piece in zip(marked, pieces, strict=True):
            shown = escape(piece or "_" * max(map(len, pieces)))
            side.append(shown if step.tag == "equal" else f"<mark>{shown}</mark>")
    return "".join(marked[0]), "".join(marked[1])


def _figure(image: Image, label: str, pair: tuple[str, str], caption: str, read_as: str = "read") -> str:
    """Return an image above its label and its reading, both HTML, and a caption in words."""
    return (
        f"<figure>{_picture(image, label)}"
        f"<code><span>label</span><bdi>{pair[0]}</bdi></code><code><span>{read_as}</span><bdi>{pair[1]}</bdi></code>"
        f"<figcaption>{escape(caption)}</figcaption></figure>"
    )


def _picture(image: Image, label: str) -> str:
    uri = data_uri(image, "png" if image.shape[0] <= LINE_PX else "jpeg")
    return f'<img src="{uri}" alt="labelled {escape(label)}">'
