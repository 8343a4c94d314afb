"""Which samples are of one document: the lines of a receipt, the words of a photo, the pages of a letter.

Lines of one document look alike. A score on lines whose documents were trained on says little about the next document.
"""

import os
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from train.data.sample import Sample
from train.errors import UsageError

Documents = Mapping[Path, str]
"""Image -> name of its document; empty where none are known."""
FEWEST, LARGEST = 6, 1 / 3
"""Documents that a split can be made of, and the share of the samples that one may have."""
NUMBERED = re.compile(r"(?:(?P<before>.*[^-_. ])[-_. ]+)?[A-Za-z]{0,6}\d{1,5}")
"""Names of a document's lines: `003_000`, `inv7-line4`, `img_12_crop_3`."""
PAGE = re.compile(r"(?P<before>.*[^-_. ])[-_. ]+p(?:age)?[-_. ]?\d{1,4}", re.IGNORECASE)
MOSTLY, MANY_TEXTS = 0.9, 0.25
"""Share of the images whose names are numbered, and of the samples whose documents have several texts."""


def find_documents(samples: Sequence[Sample], text_of: Callable[[str], str] = str) -> Documents:
    """Return the document of each image, as its reader or `--group-by` tells it, else as file names do.

    Documents of just the same texts count as one: the same thing in several pictures. Names tell nothing where
    their documents cannot be carved (`can_carve`), or nearly each sample would be a document, or each repeat one text.

    Args:
        samples: of all splits.
        text_of: what of a label must not stand in two splits (`Task.text_of`).
    """
    return _joined(samples, name_documents(samples, text_of), text_of)


def name_documents(samples: Sequence[Sample], text_of: Callable[[str], str] = str) -> Documents:
    """Return what `find_documents` does, as they are named: each for itself, whatever its texts are."""
    if any(sample.document for sample in samples):
        return _relative({sample.path: sample.document or sample.path.as_posix() for sample in samples})
    named = {path: name for path in {sample.path for sample in samples} if (name := _named(path)) is not None}
    if len(named) < MOSTLY * len({sample.path for sample in samples}):
        return {}
    documents = _relative({sample.path: named.get(sample.path, sample.path.as_posix()) for sample in samples})
    return documents if _tell(samples, documents, text_of) else {}


def group_samples(given: Mapping[str, Sequence[Sample]], pattern: str) -> dict[str, list[Sample]]:
    """Return samples by split with the documents that a regular expression finds in their paths (`--group-by`).

    The document is its group `document`, else its first one, else all that it matches.

    Raises UsageError for what is no regular expression, or one that finds nothing in a path.
    """
    compiled = re.compile(document_pattern(pattern))
    return {
        split: [replace(sample, document=_found(compiled, sample)) for sample in samples]
        for split, samples in given.items()
    }


def document_pattern(text: str) -> str:
    """Return what `--group-by` is given; raise UsageError if it is no regular expression."""
    try:
        re.compile(text)
    except re.error as error:
        raise UsageError(
            "--group-by must be a regular expression", f"{text}: {error}", "quote it, as '([^/]+)_[0-9]+'"
        ) from error
    return text


def _found(pattern: re.Pattern[str], sample: Sample) -> str:
    match = pattern.search(sample.path.as_posix())
    key: str | int = "document" if "document" in pattern.groupindex else min(1, pattern.groups)
    if match is None or not match[key]:
        raise UsageError(
            "--group-by must find a document in the path of every image",
            f"none in {sample.path.as_posix()} with {pattern.pattern}",
            "write a regular expression that finds one in all of them",
        )
    return match[key]


def _named(path: Path) -> str | None:
    """Return folder and name without the number of the line, and of the page before it; None without a number."""
    match = NUMBERED.fullmatch(path.stem)
    if match is None:
        return None
    before = match["before"] or ""
    page = PAGE.fullmatch(before)
    return f"{path.parent.as_posix()}/{page['before'] if page else before}"


def _relative(documents: Documents) -> Documents:
    """Return the documents without the folder that all lie in: a moved data set has the same ones."""
    if not all(os.path.isabs(name) for name in documents.values()):
        return documents
    root = os.path.commonpath([os.path.dirname(name) for name in documents.values()])
    return {path: os.path.relpath(name, root) for path, name in documents.items()}


def can_carve(samples: Sequence[Sample], documents: Documents) -> bool:
    """Tell whether whole documents can be carved: FEWEST of them, none larger than LARGEST."""
    sizes = Counter(documents[sample.path] for sample in samples)
    return len(sizes) >= FEWEST and max(sizes.values()) <= LARGEST * len(samples)


def _tell(samples: Sequence[Sample], documents: Documents, text_of: Callable[[str], str]) -> bool:
    """Tell whether documents that were taken from names are likely to be some."""
    texts = _texts_of(samples, documents, text_of)
    varied = sum(len(texts[documents[sample.path]]) > 1 for sample in samples)
    return can_carve(samples, documents) and varied >= MANY_TEXTS * len(samples)


def _texts_of(
    samples: Sequence[Sample], documents: Documents, text_of: Callable[[str], str]
) -> dict[str, set[str]]:
    """Return the texts of each document."""
    texts: dict[str, set[str]] = defaultdict(set)
    for sample in samples:
        texts[documents[sample.path]].add(text_of(sample.text))
    return texts


def _joined(samples: Sequence[Sample], documents: Documents, text_of: Callable[[str], str]) -> Documents:
    """Return the documents, those of just the same texts under the name of one of them."""
    texts = _texts_of(samples, documents, text_of) if documents else {}
    first: dict[frozenset[str], str] = {}
    for name in sorted(texts):
        first.setdefault(frozenset(texts[name]), name)
    return {path: first[frozenset(texts[name])] for path, name in documents.items()}
