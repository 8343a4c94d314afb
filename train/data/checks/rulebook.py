"""The rules of `train.data.check`: what must hold of labelled images, and what to do where it does not."""

from typing import Literal, NamedTuple

Severity = Literal["error", "warning"]
REPAIR = "python -m train.data.correct LABELS --repair"


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
    "other_format": Rule(
        "warning",
        "the label breaks a rule of format.yaml that nearly all obey",
        "correct the label, or the rule",
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
    "upright": Rule(
        "warning",
        "the image is taller than a line of text",
        "turn it, or all of them: upright: turn (docs/data.md)",
    ),
    "long_line": Rule(
        "error", "the image is over 200 times as wide as it is high", "cut it in two, or remove its label"
    ),
    "not_unicode": Rule(
        "error", "the label is no Unicode", "rename the file, or write its text into a list (docs/data.md)"
    ),
    "no_character": Rule(
        "warning",
        "the label holds a code that stands for no character",
        "write what the picture shows; a wrong encoding or a PDF left it there",
    ),
    "decomposed": Rule(
        "warning",
        "the label is not in Unicode's composed form",
        f"it is read in that form; {REPAIR} decomposed",
    ),
    "invisible": Rule(
        "warning", "the label holds characters that nobody sees", f"each would be a class; {REPAIR} invisible"
    ),
    "odd_space": Rule(
        "warning", "the label holds a space that looks like the plain one", f"{REPAIR} odd_space"
    ),
    "lookalike": Rule(
        "warning",
        "a letter looks like one of another script",
        f"two classes look the same; {REPAIR} lookalike",
    ),
    "picture_order": Rule(
        "warning",
        "the words of a label begin with letters that only end words",
        f"labels are written as they are read, also from right to left; {REPAIR} picture_order",
    ),
    "glyph_form": Rule(
        "warning",
        "a letter stands as a glyph of a font, such as \ufb01 or an Arabic letter in one of its shapes",
        f"each shape would be a class; {REPAIR} glyph_form",
    ),
    "mixed_directions": Rule(
        "warning",
        "the label looks like another one",
        "it counts as misread: words of both directions side by side are read from right to left",
    ),
    "outer_space": Rule(
        "warning", "the label begins or ends with white space", f"remove it; {REPAIR} outer_space"
    ),
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
