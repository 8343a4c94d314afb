"""The request for a retraining, and the files and commands that carry it out; nothing runs here."""

import random
import string
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, model_validator

from serve.inference.model import load_model
from serve.inference.pretrained import find_font
from serve.loop.versions import Version
from train.bundle import load_bundle

ROOT = Path(__file__).resolve().parent.parent.parent
TECHNIQUE = "frozen"
BAD_SHARE = 0.2
SEARCH_EPOCHS = 3
"""The shortest trial that a search with a time budget starts (`search/planning/budget.py`)."""
GENERAL_LINES = 200
LEAST_ALPHABET = 5
TRAINED = 0.9
"""Share of the progress at which the training is over and the comparison begins."""


class RetrainRequest(BaseModel):
    """The form of `POST /api/retrain`.

    Attributes:
        epochs: passes over the corrections.
        batch_size: lines a step.
        learning_rate: peak rate.
        technique: a training technique; left out: `frozen`, which changes least, or with a search: any.
        search: look for the best settings instead of one training with these.
        minutes: time for a search.
        model: architecture; left out: that of the serving bundle.
        parallel: start even if another retraining is under way.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    epochs: int = Field(10, ge=1, le=1000)
    batch_size: int = Field(16, ge=1, le=512)
    learning_rate: float = Field(5e-4, gt=0, le=1)
    technique: str | None = Field(None, pattern=r"^[a-z][a-z0-9_-]{0,39}$")
    search: bool = False
    minutes: float = Field(20, ge=1, le=24 * 60)
    model: str | None = Field(None, pattern=r"^[a-z0-9][a-z0-9._-]{0,59}$")
    parallel: bool = False

    @model_validator(mode="after")
    def _search_has_epochs(self) -> Self:
        if self.search and self.epochs < SEARCH_EPOCHS:
            raise ValueError(f"a search needs at least {SEARCH_EPOCHS} epochs, got {self.epochs}")
        return self


@dataclass(frozen=True)
class Start:
    """Where a retraining begins, and what it is compared with.

    Attributes:
        model: registered name of the architecture to train.
        settings: of the serving bundle, its weights among them, as far as they go with its architecture.
        serving: how `train/evaluate.py` names what serves.
        message: for people: which weights it begins with.
        characters: that the serving model writes.
    """

    model: str
    settings: dict[str, Any]
    serving: list[str]
    message: str
    characters: tuple[str, ...]


def find_start(version: Version, model: str | None) -> Start:
    """Return where a retraining begins; raise CheckpointError if it cannot begin with the bundle that serves."""
    if version.directory is None:
        own, settings, serving = version.name, {}, ["--model", version.name]
    else:
        bundle = load_bundle(version.directory)
        manifest = bundle.manifest
        if model in (None, manifest.model):
            bundle.require_weights()
        own, serving = manifest.model, ["--bundle", str(version.directory)]
        kept = ("engine", "fit_width", "batch_norm")
        settings = {key: manifest.config[key] for key in kept if key in manifest.config}
        settings["weights"] = str(version.directory)
    chosen = model or own
    served = version.directory is not None and chosen == own
    message = f"started from the weights of {'what serves' if served else f'{chosen} as published'}"
    characters = load_model("recognition", version.source).characters
    return Start(chosen, settings if chosen == own else {}, serving, message, characters)


def make_training_config(request: RetrainRequest, start: Start) -> dict[str, Any]:
    """Return the TrialConfig, as a mapping, of one training.

    The charset is the weights' own and what the corrections add: cut down to the characters of a few
    corrections, a model could not write the others any more.
    """
    return {
        **start.settings,
        "task": "recognition",
        "model": start.model,
        "charset": "keep",
        "technique": {"name": request.technique or TECHNIQUE},
        "optimiser": {"learning_rate": request.learning_rate},
        "epochs": request.epochs,
        "batch_size": request.batch_size,
    }


def make_search_space(request: RetrainRequest, start: Start) -> dict[str, Any]:
    """Return the search space, as a mapping, around what was asked for; its first trial is exactly that."""
    config = make_training_config(request, start)
    config.pop("technique")
    config.pop("optimiser")
    parameters: dict[str, Any] = {
        "optimiser.learning_rate": {
            "float": [request.learning_rate / 10, min(1.0, request.learning_rate * 10)],
            "log": True,
        },
        "augmentation.probability": {"float": [0.1, 0.8]},
        "schedule.warmup": {"float": [0.0, 0.3]},
    }
    first: dict[str, Any] = {
        "optimiser.learning_rate": request.learning_rate,
        "augmentation.probability": 0.3,
    }
    if request.technique:
        config["technique.name"] = request.technique
    else:
        parameters["technique.name"] = {"choice": [TECHNIQUE, "discriminative", "full"]}
        first["technique.name"] = TECHNIQUE
    return {"fixed": config, "parameters": parameters, "warm_starts": [{"settings": first}]}


def plan_job(request: RetrainRequest, start: Start, folder: Path, lines: int) -> dict[str, Any]:
    """Write a retraining's configuration into its folder and return its steps, for `serve/loop/retrain_job.py`.

    Args:
        folder: of the retraining; `data/` holds its `train`, `val` and `test` lines.
        lines: how many corrections there are.

    Returns:
        `steps`: {name, command, output, end} each: where its standard output goes, and the progress in [0, 1]
        at its end; `bundle`: the folder of the new bundle; `seconds`: how long a search is to take, else None.
    """
    bundle = folder / ("search" if request.search else "train") / "best"
    make = make_search_space if request.search else make_training_config
    config = folder / "config.yaml"
    config.write_text(yaml.safe_dump(make(request, start), sort_keys=False), encoding="utf-8")
    allowed = ["--data", str(folder / "data"), "--allow-bad", str(int(BAD_SHARE * lines))]
    train = ["train/run.py", *allowed, "--config", str(config), "--output", str(bundle.parent)]
    search = ["search/run.py", *allowed, "--space", str(config), "--storage", str(folder), "--name", "search"]
    search += ["--time-budget", f"{60 * request.minutes:.0f}s"]
    models = {"new": ["--bundle", str(bundle)], "serving": start.serving}
    return {
        "steps": [
            _make_step("training", search if request.search else train, "training.txt", TRAINED),
            *_make_reading_steps(models, folder, str(folder / "data" / "test"), "", 0.95),
            *_make_general_steps(models, folder, start.characters),
        ],
        "bundle": str(bundle),
        "seconds": 60 * request.minutes if request.search else None,
    }


def _make_general_steps(
    models: Mapping[str, list[str]], folder: Path, characters: Sequence[str]
) -> list[dict[str, Any]]:
    """Return the steps that draw lines and let both models read them; none where the font has no such characters."""
    font = find_font()
    alphabet = [c for c in string.ascii_letters + string.digits if c in set(characters)]
    if font is None or len(alphabet) < LEAST_ALPHABET:
        return []
    rng = random.Random(0)  # the same lines every time: what one retraining broke, the next one shows
    texts = ["".join(rng.choices(alphabet, k=rng.randint(4, 12))) for _ in range(GENERAL_LINES)]
    (folder / "general.txt").write_text("\n".join(texts), encoding="utf-8")
    drawn = folder / "general"
    files = ["--texts", str(folder / "general.txt"), "--fonts", str(font.parent), "--out", str(drawn)]
    draw = ["-m", "train.data.synthetic", *files, "--processes", "1"]
    return [
        _make_step("drawing lines to compare on", draw, "drawing.txt", 0.95),
        *_make_reading_steps(models, folder, str(drawn / "rec_gt.txt"), "general_", 1.0, "raw"),
    ]


def _make_reading_steps(
    models: Mapping[str, list[str]],
    folder: Path,
    labels: str,
    prefix: str,
    end: float,
    decode: str = "text-model",
) -> list[dict[str, Any]]:
    """Return the steps in which the new and the serving model read some lines.

    Drawn lines are read greedily: no text model knows their texts, and one whose format is hard would hide them.
    """
    steps = []
    for (name, what), done in zip(models.items(), (end - 0.025, end), strict=True):
        errors = str(folder / f"{prefix}{name}.tsv")
        command = ["train/evaluate.py", *what, "--labels", labels, "--errors", errors, "--json"]
        command += ["--decode", decode]
        steps.append(
            _make_step(f"reading with the {name} model", command, f"{prefix}{name}.json", round(done, 3))
        )
    return steps


def _make_step(name: str, command: list[str], output: str, end: float) -> dict[str, Any]:
    return {"name": name, "command": [sys.executable, *command], "output": output, "end": end}
