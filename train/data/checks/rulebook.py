"""The rules of `train.data.check`: what must hold of labelled images, and what to do where it does not."""

from typing import Literal, NamedTuple

Severity = Literal["error", "warning"]
REPAIR = "python -m train.data.correct LABELS --repair"


class LabelRule(NamedTuple):
    """What must hold of labelled images."""

    severity: Severity
    broken: str
    remedy: str


RULES: dict[str, LabelRule] = {
    "missing_file": LabelRule(
        "error",
        "the image file does not exist",
        "restore the file, name the folder of its path with --root, or remove its label",
    ),
    "unreadable": LabelRule("error", "the file is no readable image", "replace the file or remove its label"),
    "truncated": LabelRule(
        "error", "the image file breaks off or has a hole", "fetch the file again or remove its label"
    ),
    "too_large": LabelRule(
        "error",
        "the file says that it has more pixels than can be decoded",
        "scale it down or remove its label",
    ),
    "resized": LabelRule(
        "error",
        "the photo has another size than when it was labelled",
        "put the photo back that was labelled, or correct the size in its label file",
    ),
    "no_contrast": LabelRule(
        "error",
        "the picture has nearly one colour, so nothing can be read in it",
        "look at it: blank? 12 bits kept in 16 (spread its values)? else remove its label",
    ),
    "empty_text": LabelRule("error", "the label is empty", "write the text or remove the label"),
    "outside_charset": LabelRule(
        "error", "the dictionary lacks a character", "extend the dictionary or correct the label"
    ),
    "other_format": LabelRule(
        "warning",
        "the label breaks a rule of format.yaml that nearly all obey",
        "correct the label, or the rule",
    ),
    "too_long": LabelRule(
        "warning",
        "the text needs more output steps than the image gives",
        "correct the label or the crop; training pads it, reading cannot",
    ),
    "contradiction": LabelRule(
        "error", "one image has different labels", "keep the right label, remove the others"
    ),
    "image_in_two_splits": LabelRule("error", "the same pixels stand in two splits", "remove one of the two"),
    "unwritable": LabelRule(
        "warning",
        "the model cannot write a text of val or test",
        "it counts as misread, unless you mend the label",
    ),
    "text_in_two_splits": LabelRule(
        "warning", "the same text stands in two splits", "expected of frequent words; else group by text"
    ),
    "unseen_character": LabelRule(
        "warning", "no training label holds a character", "add training lines with it; it cannot be learnt"
    ),
    "duplicate": LabelRule("warning", "the same pixels stand twice in a split", "remove one of the two"),
    "several_pictures": LabelRule(
        "warning",
        "the file holds several frames or pages",
        "only the first is used; save the others as files",
    ),
    "tiny": LabelRule("warning", "the image is too small to read", "crop from a larger photo"),
    "upright": LabelRule(
        "warning",
        "the image is taller than a line of text",
        "turn it, or all of them: upright: turn (docs/data.md)",
    ),
    "long_line": LabelRule(
        "error",
        "the image is over 200 times as wide as it is high, or its text longer than such a line holds",
        "cut it in two, correct its text, or remove its label",
    ),
    "not_unicode": LabelRule(
        "error", "the label is no Unicode", "rename the file, or write its text into a list (docs/data.md)"
    ),
    "no_character": LabelRule(
        "warning",
        "the label holds a code that stands for no character",
        "write what the picture shows; a wrong encoding or a PDF left it there",
    ),
    "spreadsheet": LabelRule(
        "warning",
        "the label is what a spreadsheet, or another program, made of another one",
        "save the column as text, and the file anew",
    ),
    "placeholder": LabelRule(
        "warning",
        "the label is what tools write for a text that nobody has read",
        "write what the picture shows, or remove it; in photos it is passed over",
    ),
    "decomposed": LabelRule(
        "warning",
        "the label is not in Unicode's composed form",
        f"it is read in that form; {REPAIR} decomposed",
    ),
    "invisible": LabelRule(
        "warning", "the label holds characters that nobody sees", f"each would be a class; {REPAIR} invisible"
    ),
    "odd_space": LabelRule(
        "warning", "the label holds a space that looks like the plain one", f"{REPAIR} odd_space"
    ),
    "lookalike": LabelRule(
        "warning",
        "a character looks like another one, such as a letter of another script",
        f"two classes look the same; {REPAIR} lookalike",
    ),
    "picture_order": LabelRule(
        "warning",
        "the words of a label begin with letters that only end words",
        f"labels are written as they are read, also from right to left; {REPAIR} picture_order",
    ),
    "glyph_form": LabelRule(
        "warning",
        "a character stands as a glyph or radical, such as \ufb01 or an Arabic letter in one of its shapes",
        f"each shape would be a class; {REPAIR} glyph_form",
    ),
    "mixed_directions": LabelRule(
        "warning",
        "words of both directions stand side by side, and so look like another label",
        "it counts as misread unless it is the text that is read from right to left",
    ),
    "outer_space": LabelRule(
        "warning", "the label begins or ends with white space", f"remove it; {REPAIR} outer_space"
    ),
    "few_corners": LabelRule("error", "a region has fewer than four corners", "mark it again, or remove it"),
    "crossed": LabelRule(
        "error",
        "the outline of a region crosses itself",
        "put its corners in order, clockwise from the top left",
    ),
    "no_area": LabelRule("error", "a region has no area", "mark it again, or remove it"),
    "outside": LabelRule(
        "error",
        "a region lies outside of its image",
        "was the photo resized or turned after it was labelled?",
    ),
    "turned": LabelRule(
        "warning",
        "the label file tells the height of the photo for its width",
        "see whether the regions lie on their texts (--html): some tools pass over how a camera was held (EXIF)",
    ),
    "over_edge": LabelRule(
        "warning", "a region reaches over the edge of its image", "move its corners inside"
    ),
    "anticlockwise": LabelRule(
        "warning",
        "the corners of a region run anti-clockwise",
        "nothing to do: they are turned; begin at the top left if texts are to be cut out",
    ),
    "no_regions": LabelRule(
        "warning", "no text in the photo counts", "right if there is none: it teaches what text is not"
    ),
    "small_text": LabelRule(
        "warning",
        "texts are too small to be learnt",
        "label larger photos, or mark them as ignored: training leaves them out, scores count them",
    ),
}
