"""The settings of a reading: models, options and limits; validated once, kept, and compared when it goes on."""

import hashlib
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat

from serve.inference.model import Model, load_model
from serve.schemas import Decode, PageRequest, Share
from serve.settings import SERVED, Limits
from train.errors import UsageError

LINES_A_PART, PAGES_A_PART = 128, 8
"""Files of a part: some seconds of one reader, which are lost when it is interrupted."""
MOST_PARTS = 4000
LARGEST = 16
"""How many times as large parts become where there would be more."""
FORMAT = 1
"""Of what is kept of an interrupted reading."""
Form = Literal["rows", "labels"]


class FolderSettings(BaseModel):
    """A reading.

    Attributes:
        folder: absolute, the current one when it began.
        images: what is read, as typed.
        recognition: bundle folder, or the name of a pretrained model.
        detection: the same; None: every image is a line.
        orientation: the same; None: no line is turned.
        form: rows, or PaddleOCR's label lists.
        decode: `raw` leaves the bundle's text model out.
        rule: name of a rule whose checks are made.
        alternatives: number of further texts for each line.
        score_thresh: confidence that a line of a page needs.
        find: where the bundle's format finds, the lines of a page that can be what is looked for come alone.
        limits: of a file.
        threads: cores of one reader.
        gpus: share of a GPU of one reader.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    folder: str
    images: tuple[str, ...]
    recognition: str
    detection: str | None = None
    orientation: str | None = None
    form: Form = "rows"
    decode: Decode = "text-model"
    rule: str | None = None
    alternatives: int = Field(default=0, ge=0, le=5)
    score_thresh: Share = 0.0
    find: bool = True
    limits: Limits = Limits()
    threads: int = Field(default=1, ge=1)
    gpus: FiniteFloat = Field(default=0, ge=0)

    @property
    def pages(self) -> bool:
        """Whether files are pages, in which text is found first."""
        return self.detection is not None

    @property
    def request(self) -> PageRequest:
        """What a server would be asked for."""
        return PageRequest(
            file="", textRecScoreThresh=self.score_thresh or None, decode=self.decode, find=self.find
        )

    def models(self) -> dict[str, str]:
        """Return the bundle or pretrained model of every task."""
        return {task: source for task in SERVED if (source := getattr(self, task))}

    def part_size(self, files: int) -> int:
        """Return how many files a part has: more of them where they are many."""
        least = PAGES_A_PART if self.pages else LINES_A_PART
        return min(LARGEST * least, max(least, -(-files // MOST_PARTS)))

    def fingerprint(self) -> dict[str, Any]:
        """Return what must be the same when it goes on, by the option's name; raise as `load_model` does."""
        options = self.model_dump(mode="json", exclude={"threads", "gpus", "limits", *self.models()})
        models = {task: identify(load_model(task, source)) for task, source in self.models().items()}
        limits = {"max_pages": self.limits.pages, "max_megapixels": self.limits.pixels / 1e6}
        return {"format": FORMAT} | options | limits | models


def identify(model: Model) -> str:
    """Return what tells a model from any other that reads otherwise."""
    asked = {"calibration": {"measured": {"asked"}}}  # which decides nothing, and came later than the rest
    text_model = model.text_model.model_dump_json(exclude=asked) if model.text_model else ""
    used = repr((model.version, sorted(model.settings.items()), text_model))
    return f"{model.name} {hashlib.sha256(used.encode()).hexdigest()[:12]}"


OPTIONS = {"images": "IMAGES", "folder": "the current folder", "form": "--as", "format": "the version"}


def require_same(now: dict[str, Any], begun: dict[str, Any]) -> None:
    """Raise UsageError where a reading that goes on is not the one that began."""
    for name in {**begun, **now}:
        if now.get(name) != begun.get(name):
            raise UsageError(
                "--resume must be given what the reading began with",
                f"{OPTIONS.get(name, '--' + name.replace('_', '-'))} {now.get(name)}, begun with {begun.get(name)}",
                "give the same, or another --output",
            )
