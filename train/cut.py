"""How a line is cut out of a photo: one value for training, evaluation and serving, which a reader's bundle holds."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class Cut(BaseModel):
    """How a box becomes the picture of a line; as it is by default, PaddleOCR cuts.

    Attributes:
        along: margin at each end of the line, in heights of its box; negative cuts into it.
        across: margin above and below, in heights of its box.
        shape: the smallest `rectangle` around the box, or the `quadrilateral` itself, which is stretched.
        level_degrees: a box that is tilted by up to as much is taken as the upright rectangle around it; 0: none is.
        direct: resampled once, from the photo to the reader's height, and averaged where it shrinks; else cut at the
            photo's resolution, and resized after that.
        words: a line is divided into its words where its reader reads spaces: for labels of single words, where the
            detector finds lines. It changes no pixel.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    along: float = Field(0.0, ge=-0.5, le=2)
    across: float = Field(0.0, ge=-0.4, le=2)
    shape: Literal["rectangle", "quadrilateral"] = "rectangle"
    level_degrees: float = Field(0.0, ge=0, le=45)
    direct: bool = False
    words: bool = Field(False, repr=False)  # lines that are kept in a cache go by what else is said

    @property
    def of_pixels(self) -> "Cut":
        """The same without what is done once the line is read."""
        return self.model_copy(update={"words": False})

    def changes(self) -> dict[str, Any]:
        """Return what differs from PaddleOCR's cut; empty for that."""
        return self.model_dump(exclude_defaults=True)

    def __str__(self) -> str:
        """Say it in a few words, 'ends +0.2, resampled once'."""
        words = {
            "along": f"ends {self.along:+g}",
            "across": f"sides {self.across:+g}",
            "shape": self.shape,
            "level_degrees": f"upright up to {self.level_degrees:g} degrees",
            "direct": "resampled once",
            "words": "divided into words",
        }
        return ", ".join(words[name] for name in self.changes()) or "as PaddleOCR cuts"


PADDLEOCR = Cut()
CUTS_TO_TRY = (
    PADDLEOCR,
    Cut(direct=True),
    Cut(along=0.2, direct=True),
    Cut(along=0.4, across=-0.05, direct=True),
    Cut(along=0.2, across=0.1, direct=True),
    Cut(along=0.2, level_degrees=4, direct=True),
)
"""What is tried where boxes and a reader are given; the first one is kept unless another is significantly better."""
