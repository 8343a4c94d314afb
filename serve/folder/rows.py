"""The rows of the output, by column, and the record that a reader makes of each file."""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from serve.inference.recogniser import Reading
from serve.reading.page import PageLine
from train.errors import OcrError

COLUMNS = (
    "path",
    "page",
    "line",
    "text",
    "confidence",
    "raw",
    "accepted",
    "right",
    "margin",
    "rules",
    "checks",
    "alternatives",
    "box",
)
"""Of a row; `docs/reading-folders.md` says what each holds."""
Record = dict[str, Any]
"""`path` and `pages`, each with `lines`; or `path` and `error`. `warnings` where there are any.

`digest` of the file, where it is to stand beside its texts: it may have changed by then.
"""
Row = dict[str, Any]
LineReading = Reading | PageLine


def make_line(line: LineReading, checks: Callable[[str], Mapping[str, bool]] | None) -> Row:
    """Return the columns of a line that was read; `checks` looks at its text."""
    text, decoded = line.text, line.decoded
    confidence = line.confidence if isinstance(line, Reading) else line.score
    alternatives = line.alternatives if isinstance(line, Reading) else ()
    return {
        "text": text,
        "confidence": _short(confidence),
        "raw": decoded.raw if decoded else text,
        "accepted": decoded.accepted if decoded else None,
        "right": _short(decoded.right) if decoded else None,
        "margin": _short(decoded.margin) if decoded else None,
        "rules": decoded.rules or None if decoded else None,
        "checks": dict(checks(text)) if checks else None,
        "alternatives": [[text, _short(p)] for text, p in alternatives] or None,
    }


def make_record(
    name: str, pages: Sequence[Sequence[Row]], warnings: Sequence[str] = (), digest: str | None = None
) -> Record:
    """Return the record of a file that was read."""
    record: Record = {"path": name, "pages": [{"lines": list(lines)} for lines in pages]}
    more = {"warnings": list(warnings), "digest": digest}
    return record | {key: value for key, value in more.items() if value}


def compute_digest(data: bytes) -> str:
    """Return what tells a file's content from any other."""
    return hashlib.blake2b(data, digest_size=16).hexdigest()


def make_refusal(name: str, error: OcrError) -> Record:
    """Return the record of a file that cannot be read; the remedy is for clients of a server."""
    return {"path": name, "error": f"{error.rule}, got {error.value}"}


def list_rows(record: Record) -> Iterator[Row]:
    """Yield the rows of a file; a page without text has one, without a line."""
    for number, page in enumerate(record.get("pages", ()), 1):
        place = {"path": record["path"], "page": number}
        for line, row in enumerate(page["lines"], 1):
            yield dict.fromkeys(COLUMNS) | place | {"line": line} | row
        if not page["lines"]:
            yield dict.fromkeys(COLUMNS) | place | {"text": ""}


def list_troubles(record: Record) -> Iterator[Row]:
    """Yield the error and the warnings of a file."""
    if "error" in record:
        yield {"path": record["path"], "error": record["error"]}
    for warning in record.get("warnings", ()):
        yield {"path": record["path"], "warning": warning}


def _short(value: float | None) -> float | None:
    return None if value is None else round(float(value), 6)
