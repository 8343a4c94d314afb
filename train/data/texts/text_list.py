"""Lists of texts without images: to draw, to learn a language from, to allow."""

import re
from pathlib import Path

from train.data.pictures.kinds import READABLE_SUFFIXES
from train.data.texts.forms import normal_form
from train.errors import DataError
from train.system.paths import read_utf8

MARK = "\ufeff"
JSON, MARKS = (".json", ".jsonl"), ("[", "{", '"')
SIZE = r"(?! *[\d.,]+ ?([kMG]i?)?B\b)"
NAMED = re.compile(rf"\S+({'|'.join(map(re.escape, sorted(READABLE_SUFFIXES)))})[ ,;|]{SIZE}", re.IGNORECASE)
"""How a row of a table begins that names an image; a file's size behind its name is what a screen shows."""


def read_texts(path: Path) -> list[str]:
    """Return the texts of a UTF-8 file, one a line, without the space around them and without blank lines.

    Raises:
        DataError: for a file of another encoding or kind, without a text, or with a tab in one.
    """
    whole = read_utf8(path, "a list of texts", DataError).replace(MARK, "")
    lines = whole.split("\n" if "\n" in whole else "\r")
    texts = {number: text for number, line in enumerate(lines, 1) if (text := normal_form(line.strip()))}
    if not texts:
        raise DataError("a list of texts must not be empty", path, "write one text a line")
    if tab := next((number for number, text in texts.items() if "\t" in text), None):
        raise DataError(
            "a text must not hold a tab", f"{path}:{tab}: {texts[tab][:80]!r}", "write a space instead"
        )
    rows = [number for number, text in texts.items() if NAMED.match(text)]
    first = next(iter(rows or texts))
    if 2 * len(rows) > len(texts) or (path.suffix.lower() in JSON and texts[first].startswith(MARKS)):
        raise DataError(
            "a list of texts must hold texts alone",
            f"{path}:{first}: {texts[first][:80]!r}",
            "write them one a line, without names of images and quotation marks",
        )
    return list(texts.values())
