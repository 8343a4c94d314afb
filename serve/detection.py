"""Text detection as a request asks for it; the arithmetic is training's, `train.data.detection`."""

from dataclasses import dataclass

from serve.errors import UndecodableError
from train.data import detection
from train.data.detection import LIMIT_TYPES, boxes, input_size, normalise, prepare

__all__ = ["LIMIT_TYPES", "DetectionParameters", "boxes", "input_size", "normalise", "prepare"]


@dataclass(frozen=True)
class DetectionParameters(detection.DetectionParameters):
    """As training's, but what is wrong is the request's fault."""

    def __post_init__(self) -> None:
        if self.limit_type not in (*LIMIT_TYPES, ""):
            rule = f"textDetLimitType must be one of {', '.join(LIMIT_TYPES)}"
            raise UndecodableError(rule, self.limit_type, "leave it out for the default")
