"""Lists of texts without images: to draw, to learn a language from, to allow."""

from pathlib import Path

from train.data.texts.forms import normal_form
from train.errors import DataError
from train.system.paths import read_utf8

MARK = "\ufeff"


def read_texts(path: Path) -> list[str]:
    """Return the texts of a UTF-8 file, one a line, without the space around them and without blank lines.

    Raises:
        DataError: for a file of another encoding, without a text, or with a tab in one.
    """
    whole = read_utf8(path, "a list of texts", DataError).replace(MARK, "")
    lines = whole.split("\n" if "\n" in whole else "\r")
    texts = [normal_form(line.strip()) for line in lines]
    for number, text in enumerate(texts, 1):
        if "\t" in text:
            raise DataError(
                "a text must not hold a tab", f"{path}:{number}: {text[:80]!r}", "write a space instead"
            )
    if not any(texts):
        raise DataError("a list of texts must not be empty", path, "write one text a line")
    return [text for text in texts if text]
