"""What a search found: trials, their ranking, the comparison with the pretrained baselines.

`python search/results.py --help`: look at finished, interrupted and running studies (search/studies/commands.py).
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError

from search.records.evidence import Caution, DecodedSplit, EightBits, Evidence, LabelCheck, Refit
from search.records.facts import DataSummary, DiskUse, GeneralSummary, Reservation, Written
from search.records.scores import KeptScores, scores_from_json, scores_to_json
from search.records.trial import TrialRecord, put_first, rank
from search.storage.files import RESULT_FILE
from train.config import Frozen
from train.errors import CheckpointError, ForgettingError, NoScoreError
from train.scoring.intervals import Gain
from train.scoring.scores import Scores
from train.system.files import write_whole
from train.tasks import TASKS, Terms

PRETRAINED = "untouched"
"""In `StudyResult.averaged`: the weights that training started from. Studies on disk have the word."""


class Baseline(Frozen):
    """A model measured before any training.

    Attributes:
        charset: its full dictionary, or the domain's characters.
        fit_width: pixels that every line is resampled to; 0 for its own width.
        untrained: the weights are random, as none of this model are published.
        tuned: with the settings that need no training chosen on the validation split (`train.trained.tuning`).
        decoded: with a text model of its own, chosen on the validation split.
        general: scores on the general samples; None without any.
    """

    model: str
    charset: Literal["keep", "domain"]
    fit_width: int = 0
    untrained: bool = False
    tuned: bool = False
    decoded: bool = False
    scores: KeptScores
    general: KeptScores | None = None

    def __str__(self) -> str:
        start = "as published" if self.charset == "keep" else "domain charset"
        start = "random weights" if self.untrained else start
        start += ", thresholds tuned" if self.tuned else ""
        start += f", lines {self.fit_width} px wide" if self.fit_width else ""
        return f"{self.model}, {start}{', with a text model' if self.decoded else ''}"


class Comparison(Frozen):
    """The winner against a pretrained baseline on the same samples of one split, or of the general lines.

    On the general lines the baseline is the winner's own model as published.
    """

    split: Literal["validation", "test", "general"]
    baseline: Baseline
    winner: KeptScores
    gain: Gain


class Misreading(Frozen):
    """A validation sample that the winner gets wrong.

    Attributes:
        index: of the sample in the validation dataset.
        source: path of the image.
        confidence: the model's, in [0, 1].
        faults: how much is wrong, where the words do not show it.
    """

    index: int
    source: Written
    text: str
    reading: str
    confidence: float
    faults: int = 0


class StudyResult(Frozen):
    """Everything that the table, summary.json and the report are made of.

    Attributes:
        task: what was trained.
        baselines: every model before any training, on the validation split: the scores to beat.
        averaged: trials, or their runs with other seeds, whose weights the winner is the average of, the best
            first, PRETRAINED for those that training started from; one if it stands alone.
        comparisons: the winner against the best baseline, on validation and, once, on the held-back test.
        misreadings: of the winner on the validation split.
        evidence: what the scores rest on, and what was chosen for more than its score.
        general: None without general samples.
        labels: possible label errors; None where they were not looked for.
        refit: how the bundle's network was trained on all samples; None if it was not.
        int8: what came of the 8-bit graph that was asked for; None if none was.
        caution: how near to the best pretrained baseline the bundle stays; None where none stands against it.
        decoded: split -> what the winner's text model does there; empty without one.
        reservation: what of the cluster each trial had.
        max_epochs: the longest that a trial could run.
        seeds: by what they seed (`search`, `split`, ...).
        commands: purpose -> exact command; the first is the next one to type.
        disk: what it takes; None where that was not looked at.
    """

    name: str
    task: str = "recognition"
    space: str
    data: DataSummary
    baselines: tuple[Baseline, ...]
    trials: tuple[TrialRecord, ...]
    averaged: tuple[str, ...] = ()
    comparisons: tuple[Comparison, ...]
    misreadings: tuple[Misreading, ...]
    evidence: Evidence = Evidence()
    general: GeneralSummary | None = None
    labels: LabelCheck | None = None
    caution: Caution | None = None
    refit: Refit | None = None
    int8: EightBits | None = None
    decoded: dict[str, DecodedSplit] = Field(default_factory=dict)
    reservation: Reservation = Reservation()
    max_epochs: int
    wall_seconds: float
    versions: dict[str, str]
    seeds: dict[str, int]
    commands: dict[str, str]
    disk: DiskUse | None = None

    @property
    def terms(self) -> Terms:
        """What the task's things are called."""
        return TASKS.get(self.task).terms

    @property
    def baseline(self) -> Baseline | None:
        """The best of the pretrained baselines."""
        return max(self.baselines, key=lambda baseline: baseline.scores.rank, default=None)

    @property
    def winner(self) -> TrialRecord | None:
        """The best trial; None if no trial has a score, or all have forgotten too much."""
        return next((trial for trial in self.ranked if trial.eligible), None)

    @property
    def ranked(self) -> list[TrialRecord]:
        """The scored trials, the chosen one first."""
        return put_first(rank(self.trials), self.evidence.chosen)

    @property
    def limit(self) -> float | None:
        """What a winner may forget; None for anything."""
        return self.general.max_forgetting if self.general else None

    def comparison(self, split: str) -> Comparison | None:
        """Return the comparison on `split` if it was made."""
        return next((c for c in self.comparisons if c.split == split), None)

    @property
    def validation_samples(self) -> int:
        """How many samples the validation scores are of."""
        return self.baselines[0].scores.n if self.baselines else self.data.samples.get("val", 0)


def require_winner(result: StudyResult) -> None:
    """Raise an error if a search has left no bundle: ForgettingError if all its trials have forgotten too much."""
    if result.winner is not None or result.averaged:
        return
    best = next((trial.best for trial in rank(result.trials)), None)
    if best is None:
        told = sorted(result.trials, key=lambda one: one.state not in ("failed", "diverged"))
        first = next((f", {one.id} {one.state}: {one.reason}" for one in told), "")
        raise NoScoreError(
            "a trial must come to a score",
            f"none of {len(result.trials)}{first}",
            "mend what ended them, or give more --time-budget, and search again under another --name",
        )
    raise ForgettingError(
        f"a winner may lose {result.limit:g} of {result.terms.scores[0]} on the general {result.terms.samples}",
        f"at least {best.forgetting:.3f} in every trial",
        "raise --max-forgetting, or search a space with charset: keep, replay, and techniques that change less",
    )


def baseline_to_json(baseline: Baseline | None) -> dict[str, Any] | None:
    """Return a pretrained baseline as summary.json and the journal have it."""
    if baseline is None:
        return None
    return {
        "model": baseline.model,
        "charset": baseline.charset,
        "fit_width": baseline.fit_width,
        "untrained": baseline.untrained,
        "tuned": baseline.tuned,
        "decoded": baseline.decoded,
        **scores_to_json(baseline.scores),
        "general": scores_to_json(baseline.general) if baseline.general else None,
    }


def baseline_from_json(kind: type[Scores], values: Mapping[str, Any]) -> Baseline:
    """Return the baseline that `baseline_to_json` made this of, its scores of a kind."""
    general = values.get("general")
    return Baseline(
        model=values["model"],
        charset=values["charset"],
        fit_width=values["fit_width"],
        untrained=values.get("untrained", False),
        tuned=values.get("tuned", False),
        decoded=values.get("decoded", False),
        scores=scores_from_json(kind, values),
        general=scores_from_json(kind, general) if general else None,
    )


def write_result(result: StudyResult, folder: Path) -> None:
    """Write result.json: the result as it is, which `read_result_file` returns."""
    write_whole(folder / RESULT_FILE, result.model_dump_json(), durable=True)


def read_result_file(folder: Path) -> StudyResult:
    """Return what `write_result` wrote; raise CheckpointError if it is damaged."""
    path = folder / RESULT_FILE
    try:
        return StudyResult.model_validate_json(path.read_bytes())
    except ValidationError as error:
        fault = error.errors()[0]
        raise CheckpointError(
            "the result of a study must be whole and of this version",
            f"{path}: {'.'.join(map(str, fault['loc']))} {fault['msg']}",
            "put it back from a copy; report.html and summary.json say what it held",
        ) from error
