"""Real photos with text, as a detection network takes them and as a run trains on them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from train.config import TrialConfig, config_from_mapping
from train.data.dataset import MemoryDataset, decode_samples
from train.data.formats.loading import load_file
from train.data.geometry.detection import DetectionParameters, decode_boxes, normalise, prepare
from train.data.sample import Sample
from train.loop import TrainingData
from train.tasks.detection import Detection

Array = npt.NDArray[np.float32]
HOW = DetectionParameters()


@dataclass(frozen=True)
class Photos:
    """Photos of one size: (height, width) in the file, and (N, 3, H, W) normalised."""

    paths: tuple[Path, ...]
    size: tuple[int, int]
    batch: Array

    def boxes(self, probabilities: Array) -> list[Any]:
        """Return the (n, 4, 2) boxes of each photo's (1, H, W) map, in pixels of the file."""
        return [decode_boxes(maps[0], self.size, HOW)[0] for maps in probabilities]


def photos(data_dir: Path, kind: str, count: int) -> Photos:
    """Return the first photos of a set's validation list, which must be of one size."""
    lines = (data_dir / kind / "det_gt_val.txt").read_text(encoding="utf-8").splitlines()[:count]
    paths = tuple(data_dir / kind / line.split("\t")[0] for line in lines)
    images = [cv2.imread(str(path)) for path in paths]
    assert len({image.shape for image in images}) == 1
    return Photos(paths, images[0].shape[:2], normalise([prepare(image, HOW) for image in images]))


def sigmoid(logits: Array) -> Array:
    """Return probabilities; the logits of a sure network are beyond what float32's exponential holds."""
    return np.asarray(0.5 + 0.5 * np.tanh(0.5 * logits), np.float32)


MODEL = "pp-ocrv6-tiny-det"
SETTINGS: dict[str, Any] = {
    "task": "detection",
    "model": MODEL,
    "epochs": 2,
    "batch_size": 2,
    "optimiser": {"learning_rate": 3e-4},
    "schedule": {"name": "constant", "warmup": 0.0},
    "detection": {"crop_px": 128},
}


def config(**changes: Any) -> TrialConfig:
    """Return a short run of the tiny detector, with `changes`."""
    return config_from_mapping(SETTINGS | changes, "test")


def samples(data_dir: Path, kind: str = "vin", split: str = "train", count: int = 4) -> list[Sample]:
    """Return the first labelled photos of a set."""
    return load_file(data_dir / kind / f"det_gt_{split}.txt", tasks=Detection.formats)[:count]


def labelled_photos(data_dir: Path, kind: str = "vin", split: str = "train", count: int = 4) -> MemoryDataset:
    """Return them decoded."""
    return decode_samples(samples(data_dir, kind, split, count), Detection.stored)


def few_photos(data_dir: Path) -> TrainingData:
    """Return what the shortest run trains on."""
    return TrainingData(labelled_photos(data_dir), labelled_photos(data_dir, split="val", count=2))
