"""The request for a retraining, and the files and commands that carry it out; nothing runs here."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, model_validator

from serve.errors import ConflictError
from serve.inference.model import AS_IS, Model, load_model
from serve.loop.general import DRAWING, General
from serve.loop.versions import Version
from train.bundle import WEIGHTS, load_bundle
from train.reading.formats.declared import declare

ROOT = Path(__file__).resolve().parent.parent.parent
TECHNIQUE = "frozen"
BAD_SHARE = 0.2
SEARCH_EPOCHS = 3
"""The shortest trial that a search with a time budget starts (`search/planning/budget.py`)."""
REPLAY = 0.5
"""Share of every batch that is drawn from the general lines: what is trained on alone drives out the rest."""
JOINED = 0.5
"""Chance that a line stands beside others, with spaces between, for a reader that divides lines: corrections are words,
of which alone it would forget the spaces."""
DRAWN, TRAINED, READ = 0.03, 0.9, 0.95
"""Shares of the progress at which the general lines are drawn, the training is over, the held-back lines are read."""


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
class StartingPoint:
    """Where a retraining begins, and what it is compared with.

    Attributes:
        model: registered name of the architecture to train.
        settings: of the serving bundle, its weights among them, as far as they go with its architecture.
        serving: how `train/evaluate.py` names what serves.
        message: for people: which weights it begins with.
        model_served: what serves, as its replicas load it.
    """

    model: str
    settings: dict[str, Any]
    serving: list[str]
    message: str
    model_served: Model


def find_start(version: Version, model: str | None) -> StartingPoint:
    """Return where a retraining begins; raise ConflictError if it cannot begin with the bundle that serves."""
    if version.directory is None:
        serving_model, settings, serving = version.name, {}, ["--model", version.name]
    else:
        bundle = load_bundle(version.directory)
        manifest = bundle.manifest
        if model in (None, manifest.model) and WEIGHTS not in manifest.files:
            rule, remedy = f"a bundle must have {WEIGHTS} to be retrained", "export it with this version"
            raise ConflictError(rule, version.directory, remedy)
        serving_model, serving = manifest.model, ["--bundle", str(version.directory)]
        keys = ("engine", "fit_width", "batch_norm")
        settings = {key: manifest.config[key] for key in keys if key in manifest.config}
        settings["weights"] = str(version.directory)
    chosen = model or serving_model
    served = version.directory is not None and chosen == serving_model
    message = f"started from the weights of {'what serves' if served else f'{chosen} as published'}"
    return StartingPoint(
        chosen,
        settings if chosen == serving_model else {},
        serving,
        message,
        load_model("recognition", version.source),
    )


def make_training_config(request: RetrainRequest, start: StartingPoint, replay: float) -> dict[str, Any]:
    """Return the TrialConfig, as a mapping, of one training; `replay` is the general lines' share of its batches.

    The charset is the weights' own and what the corrections add: cut down to the characters of a few
    corrections, a model could not write the others any more. Upright lines are shown to it as to what serves, and
    lines are cut and divided for it as for that: its bundle says so.
    """
    upright, cut = start.model_served.upright, start.model_served.cut
    return {
        **start.settings,
        **({"upright": upright} if upright != AS_IS else {}),
        **({"cut": cut.changes()} if cut.changes() else {}),
        **({"augmentation": {"concat": JOINED}} if cut.words else {}),
        "task": "recognition",
        "model": start.model,
        "charset": "keep",
        "technique": {"name": request.technique or TECHNIQUE},
        "optimiser": {"learning_rate": request.learning_rate},
        "epochs": request.epochs,
        "batch_size": request.batch_size,
        "replay": replay,
    }


def make_search_space(request: RetrainRequest, start: StartingPoint, replay: float) -> dict[str, Any]:
    """Return the search space, as a mapping, around what was asked for; its first trial is exactly that."""
    config = make_training_config(request, start, replay)
    for key in ("technique", "optimiser"):
        config.pop(key, None)
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


def plan_job(
    request: RetrainRequest, start: StartingPoint, folder: Path, lines: int, general: General | None
) -> dict[str, Any]:
    """Write a retraining's configuration into its folder and return its steps, for `serve/loop/retrain_job.py`.

    Args:
        folder: of the retraining; `data/` holds its `train`, `val` and `test` lines.
        lines: how many corrections there are.
        general: lines of other kinds, to train on and to be judged by; None for none.

    Returns:
        `steps`: {name, command, output, end, leaves} each: where its standard output goes, the progress in [0, 1]
        at its end, and the folder that it makes, if any; `bundle`: the folder of the new bundle; `seconds`: how long a
        search is to take, else None.
    """
    bundle = folder / ("search" if request.search else "train") / "best"
    make = make_search_space if request.search else make_training_config
    config = folder / "config.yaml"
    config.write_text(
        yaml.safe_dump(make(request, start, REPLAY if general else 0.0), sort_keys=False), encoding="utf-8"
    )
    data = _list_data_options(start, folder, lines, general)
    train = ["train/run.py", *data, "--config", str(config), "--output", str(bundle.parent)]
    search = ["search/run.py", *data, "--space", str(config), "--storage", str(folder), "--name", "search"]
    search += ["--time-budget", f"{60 * request.minutes:.0f}s"]
    command = search if request.search else train
    models = {"new": ["--bundle", str(bundle)], "serving": start.serving}
    return {
        "steps": [
            *(
                _make_step(DRAWING, draw, "drawing.txt", DRAWN)
                for draw in (general.commands if general else ())
            ),
            _make_step("training", command, "training.txt", TRAINED, leaves=bundle),
            *_make_reading_steps(models, folder, folder / "data" / "test", "", READ),
            *(_make_reading_steps(models, folder, general.judged, "general_", 1.0, "raw") if general else ()),
        ],
        "bundle": str(bundle),
        "seconds": 60 * request.minutes if request.search else None,
    }


def _list_data_options(start: StartingPoint, folder: Path, lines: int, general: General | None) -> list[str]:
    """Return the options of a training or a search that say what it learns from; write the format, if any."""
    options = ["--data", str(folder / "data"), "--allow-bad", str(int(BAD_SHARE * lines))]
    options += ["--general-labels", str(general.learnt)] if general else []
    options += _hand_on_format(start, folder / "format.yaml")
    if "bundle" in start.model_served.facts and not start.model_served.samples:
        options.append("--no-samples")  # the bundle that serves has none, perhaps on purpose
    return options


def _hand_on_format(start: StartingPoint, path: Path) -> list[str]:
    """Write the format of what serves for another model; one that begins with its weights finds it in its bundle."""
    served = start.model_served.text_model
    if served is None or not served.rules or "weights" in start.settings:
        return []
    path.write_text(yaml.safe_dump(declare(served.rules), allow_unicode=True), encoding="utf-8")
    return ["--reading", str(path)]


def _make_reading_steps(
    models: Mapping[str, list[str]],
    folder: Path,
    labels: Path,
    prefix: str,
    end: float,
    decode: str = "text-model",
) -> list[dict[str, Any]]:
    """Return the steps in which the new and the serving model read some lines.

    General lines are read greedily: a text model whose format is hard would hide most of them.
    """
    steps = []
    for (name, what), done in zip(models.items(), (end - 0.025, end), strict=True):
        errors = str(folder / f"{prefix}{name}.tsv")
        command = ["train/evaluate.py", *what, "--labels", str(labels), "--errors", errors, "--json"]
        command += ["--decode", decode]
        steps.append(
            _make_step(f"reading with the {name} model", command, f"{prefix}{name}.json", round(done, 3))
        )
    return steps


def _make_step(
    name: str, command: list[str], output: str, end: float, leaves: Path | None = None
) -> dict[str, Any]:
    folder = str(leaves) if leaves else None
    return {
        "name": name,
        "command": [sys.executable, *command],
        "output": output,
        "end": end,
        "leaves": folder,
    }
