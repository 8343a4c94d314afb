"""What a study is asked to do: the command line's settings, and defaults chosen from the machine."""

import re
import shlex
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit
from urllib.request import url2pathname

from pydantic import ConfigDict, Field, field_validator

from train.config import Frozen, TrialConfig, Upright, config_error
from train.cut import Cut
from train.errors import UsageError
from train.reading.knowledge import PRECISION

PHOTOS, ASKED = "photos", "photos.json"
"""The task of a detector and a reader together, and the file of what was asked of them."""
DEFAULT_TRIALS, POPULATION_SIZE = 32, 8
Scheduler = Literal["asha", "hyperband", "median", "pbt", "none"]
Objectives = Literal["accuracy", "accuracy,latency"]
Sampler = Literal["tpe", "random", "cma-es", "gp"]


class StudySettings(Frozen):
    """Everything that decides a study; kept in study.json, so that `--resume` needs no more than the name.

    Attributes:
        task: what the labels are for; None for what the space says.
        data: folder with labels; None for the embedded default or explicit label files.
        data_format: how its labels are written; None to detect it.
        labels: split -> label files, instead of `data`.
        general_labels: label file of lines that show what is forgotten; None for none.
        general_format: how they are written; None to detect it.
        general_options: what its format's reader takes.
        max_forgetting: by how much exact match on them may fall for a trial to win; None for any.
        synthetic_labels: label file of drawn lines, of which trials may mix a share into their batches.
        detection: bundle or pretrained model that finds the lines in photos; None for lines as they are labelled.
        recognition: bundle that reads what a detector finds, which its thresholds are to suit; None for hmean alone.
        cut: how lines are cut out of photos; None until it is chosen.
        dictionary: file of characters that trials are to write, `none` for none; None for what space and data say.
        reading: file that declares the format of the texts; None for the `format.yaml` beside the labels, if any.
        texts: file of texts without images, from which an n-gram may learn; None for none.
        precision: share of right texts that is asked for among those that are accepted without a person.
        decode_to: where decoded lines are kept: `memory`, `file`, or `auto` by their size.
        cache: folder of files of decoded lines; None for `line-cache` in the storage.
        models: narrows the space's models; empty for what the space says.
        weights: file or folder that the only model starts from; None for what the space says.
        engine: of every trial, `auto` for the fastest here, `any` for each trial its own; None for the one that the
            space fixes, else `auto`.
        scheduler: what stops trials that lag behind.
        sampler: who suggests configurations; None for TPE, or random draws where the scheduler is `pbt`.
        objectives: of the search; with latency, the fastest wins that is not significantly worse than the best.
        confirm: how many of the best trials to train again with other seeds; None for as many as the budget allows.
        folds: number of folds that trials are scored over; None for 5 with few training samples, else 1, the own split.
        refit: whether the bundle may learn validation samples, too: over folds at the end, else beside the trials.
        transfer: whether to start from the winners of earlier studies in the storage, too.
        trials: upper limit on trials; None for as many as the time budget allows.
        time_budget_s: seconds from start to result; None for no limit.
        fork: a study beside this one, whose best configurations are tried first; None for none.
        storage: folder or URI under which Ray Tune writes `name/`.
        workers: Ray Train workers per trial; 0 trains in the trial's own process.
        concurrent: trials at a time; None for as many as the machine holds.
        mlflow: URI of an MLflow tracking server or store that the trials are sent to, too; None for none.
        wandb: project of Weights & Biases that they are sent to; None for none.
        samples: whether a recogniser's bundle keeps some validation lines.
        int8: whether the bundle gets an 8-bit graph, if one is faster and as good.
        autoscaling: whether nodes come when they are asked for, so that what is there now limits nothing.
        allow_bad: bad samples to go on without.
        group_by: regular expression that finds an image's document in its path; None for what labels and names tell.
    """

    model_config = ConfigDict(allow_inf_nan=False)

    name: str
    task: str | None = None
    data: str | None = None
    data_format: str | None = None
    data_options: dict[str, str] = Field(default_factory=dict)
    labels: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    general_labels: str | None = None
    general_format: str | None = None
    general_options: dict[str, str] = Field(default_factory=dict)
    max_forgetting: float | None = Field(None, ge=0, le=1)
    synthetic_labels: str | None = None
    detection: str | None = None
    recognition: str | None = None
    cut: Cut | None = None
    dictionary: str | None = None
    reading: str | None = None
    texts: str | None = None
    precision: float = Field(PRECISION, gt=0, le=1)
    decode_to: Literal["auto", "memory", "file"] = "auto"
    cache: str | None = None
    space: str = "recognition"
    models: tuple[str, ...] = ()
    weights: str | None = None
    engine: str | None = None
    scheduler: Scheduler = "asha"
    sampler: Sampler | None = None
    objectives: Objectives = "accuracy"
    confirm: int | None = Field(None, ge=0)
    folds: int | None = Field(None, ge=1, le=20)
    refit: bool = True
    transfer: bool = True
    trials: int | None = Field(None, ge=1)
    max_epochs: int | None = Field(None, ge=1)
    time_budget_s: float | None = Field(None, ge=30)
    fork: str | None = None
    storage: str
    cpus: float | None = Field(None, gt=0)
    gpus: float | None = Field(None, ge=0)
    workers: int = Field(0, ge=0)
    concurrent: int | None = Field(None, ge=1)
    mlflow: str | None = None
    wandb: str | None = None
    samples: bool = True
    int8: bool = False
    autoscaling: bool = False
    upright: Upright = "as_is"
    seed: int = Field(0, ge=0, lt=2**32)
    allow_bad: int = Field(0, ge=0)
    test_fraction: float = Field(0.1, ge=0, lt=1)
    group_by: str | None = None

    @property
    def task_name(self) -> str:
        """What the study trains: recognition, unless it says another."""
        return self.task or TrialConfig().task

    @field_validator("storage")
    @classmethod
    def _folder_of_file_uri(cls, storage: str) -> str:
        return url2pathname(urlsplit(storage).path) if storage.startswith("file://") else storage

    @field_validator("labels", mode="before")
    @classmethod
    def _several_files(cls, labels: Any) -> Any:
        """Read a study of a version that took one file for a split."""
        if not isinstance(labels, dict):
            return labels
        return {split: (files,) if isinstance(files, str) else files for split, files in labels.items()}

    @property
    def remote(self) -> bool:
        """Whether the storage is a URI, not a folder (`file://` is one)."""
        return "://" in self.storage

    @property
    def local_folder(self) -> Path:
        """Where the study's own files lie: its storage, or for a URI a local stand-in (search/storage/location.py)."""
        return Path("runs" if self.remote else self.storage) / self.name

    @property
    def population(self) -> int | None:
        """The number of trials of a population; None if the scheduler makes none."""
        return (self.trials or POPULATION_SIZE) if self.scheduler == "pbt" else None

    @property
    def chosen_sampler(self) -> Sampler:
        """The sampler that was asked for: TPE, but for a population."""
        return self.sampler or ("tpe" if self.population is None else "random")

    @property
    def resume_command(self) -> str:
        """What to type to go on with the study."""
        return shlex.join(
            ["python", "search/run.py", "--name", self.name, "--storage", self.storage, "--resume"]
        )


def read_settings_file(path: Path) -> StudySettings:
    """Read what a study was asked to do; raise UsageError for what no study's file holds."""
    with config_error(str(path)):
        return StudySettings.model_validate_json(path.read_bytes())


def parse_duration(text: str) -> float:
    """Return the seconds of `90`, `90s`, `30m`, `1.5h` or `1h30m`; raise UsageError for anything else."""
    number = r"(\d+(?:\.\d+)?|\.\d+)"
    match = re.fullmatch(rf"(?:{number}h)?(?:{number}m)?(?:{number}s?)?", text.strip())
    if not text.strip() or match is None:
        raise UsageError("a duration must be like 90s, 30m or 1h30m", repr(text), "write the unit behind it")
    hours, minutes, seconds = (float(part or 0) for part in match.groups())
    return 3600 * hours + 60 * minutes + seconds
