"""Parts of the loop for tests: a job server that runs nothing, bundles that are whole but no models."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from serve.errors import BusyError
from serve.loop.corrections import CorrectionStore
from serve.loop.jobs import UNKNOWN
from serve.loop.retrain import Retrainings
from serve.loop.retrain_job import STATE
from serve.loop.versions import Versions
from train.bundle import FILES, WEIGHTS, seal
from train.data.images import Image
from train.system.files import write_whole

BETTER = {"better": True, "kept": True, "held_back": 4}
WORSE = {"better": False, "kept": True, "held_back": 4}


class FakeJobs:
    """Takes every job and says of it what the test wants."""

    def __init__(self) -> None:
        self.commands: dict[str, Sequence[str]] = {}
        self.states: dict[str, tuple[str, str]] = {}
        self.reachable, self.name = True, "127.0.0.1:6379"

    def cluster(self) -> str:
        return self.name

    def submit(self, name: str, command: Sequence[str], environment: Mapping[str, str]) -> None:
        if not self.reachable:
            raise BusyError("retraining needs Ray's job server", "none", "start it")
        self.commands[name] = command
        self.states[name] = ("RUNNING", "")

    def stop(self, name: str) -> None:
        self.states[name] = ("STOPPED", "")

    def state(self, name: str) -> tuple[str, str]:
        if not self.reachable:
            raise BusyError("retraining needs Ray's job server", "none", "start it")
        return self.states.get(name, (UNKNOWN, "the cluster that ran it has ended"))


class Parts:
    """A loop in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.jobs = folder, FakeJobs()
        self.corrections = CorrectionStore(folder / "corrections")
        self.versions = Versions(folder)
        self.versions.begin("recognition", "pp-ocrv6-small")
        self.retrainings = self.again()

    def again(self) -> Retrainings:
        """Return what a restarted server would have."""
        return Retrainings(self.folder / "retrain", self.corrections, self.versions, self.jobs)

    def correct(self, count: int, start: int = 0) -> None:
        for number in range(start, start + count):
            self.corrections.add(made(number), f"T{number}")

    def job(self, key: str) -> Path:
        return self.folder.resolve() / "retrain" / key

    def wrote(self, key: str, state: str, progress: float = 0.5, **more: Any) -> None:
        """Write what the job would."""
        fields = {"state": state, "progress": progress, "message": "training", **more}
        write_whole(self.job(key) / STATE, json.dumps(fields).encode())

    def finish(self, key: str, scores: dict[str, Any]) -> Path:
        """End a retraining with these scores; return its bundle."""
        bundle = make_bundle(self.job(key) / "train" / "best")
        self.wrote(key, "finished", 1.0, scores=scores)
        return bundle


def made(seed: int, width: int = 20) -> Image:
    return np.random.default_rng(seed).integers(0, 256, (8, width, 3), np.uint8)


def make_bundle(
    directory: Path,
    task: str = "recognition",
    trainable: bool = True,
    settings: Mapping[str, Any] | None = None,
) -> Path:
    """Write a folder that is whole, though no model."""
    directory.mkdir(parents=True)
    for name in (*FILES, *([WEIGHTS] if trainable else [])):
        (directory / name).write_text(str(directory), encoding="utf-8")
    seal(
        directory, task=task, model="pp-ocrv6-tiny", published_name="PP-OCRv6_tiny_rec", characters=("A",),
        config={"model": "pp-ocrv6-tiny", "fit_width": 320, "batch_norm": "live", "epochs": 40},
        metrics={}, parity={}, versions={}, settings=settings or {},
    )  # fmt: skip
    return directory
