"""What is behind a trial's score: how its weights were trained, what other seeds make of it, and how fast it is."""

from typing import Any

from pydantic import Field

from search.records.facts import Written
from search.records.ranking import WORST
from train.config import Frozen, TrialConfig
from train.reading.calibration import Coverage, Reliability
from train.scoring.intervals import Gain, Interval
from train.system.dotted import flatten
from train.tasks import TASKS


class DecodedSplit(Frozen):
    """What a text model does on a split.

    Attributes:
        raw: share of texts that are right when read greedily.
        decoded: share of those that are right with the text model.
        changed: texts that are others with it.
        mended: those that became right.
        broken: those that became wrong.
        accepted: lines that go without a person.
        reliability: how many were right of those that were given about the same probability, the least sure first.
    """

    raw: float
    decoded: float
    changed: int
    mended: int
    broken: int
    accepted: Coverage | None = None
    reliability: tuple[Reliability, ...] = ()


class Stage(Frozen):
    """Epochs that weights were trained with the same settings.

    Attributes:
        trial: that trained them.
        settings: what may change in mid-run, by dotted key.
    """

    trial: str
    first_epoch: int
    last_epoch: int
    settings: dict[str, float]

    def __str__(self) -> str:
        settings = ", ".join(f"{key} {value:.3g}" for key, value in self.settings.items())
        return f"epochs {self.first_epoch}-{self.last_epoch} (trial {self.trial}): {settings}"


class Confirmation(Frozen):
    """A finalist, trained again with other seeds, each time for as many epochs as its best one took.

    Attributes:
        epoch: that it was trained to.
        selected: the trial's own first score, for which it was chosen: it flatters.
        selected_interval: of that; None in studies of earlier versions.
        seeds: of the runs; none, as the scores, where one failed.
        scores: the first score of each.
        mean: of those; None without any, as the interval and the rank.
        interval: of the mean over the validation samples; it does not tell how seeds differ, the scores do.
        rank: mean sort key (`search/records/ranking.py`).
        failed: why runs have no score.
    """

    trial: str
    epoch: int
    selected: float
    selected_interval: Interval | None = None
    seeds: tuple[int, ...] = ()
    scores: tuple[float, ...] = ()
    mean: float | None = None
    interval: Interval | None = None
    rank: tuple[float, float, float] = (WORST, WORST, WORST)
    failed: tuple[str, ...] = ()


class Latency(Frozen):
    """Milliseconds for an image on one thread: the median over real images, one at a time, and over repetitions.

    Attributes:
        low: of the fastest repetition.
        high: of the slowest one.
        precision: of the graph that was timed, `float32` or `int8`.
    """

    ms: float
    low: float
    high: float
    precision: str = "float32"


class FrontTrial(Frozen):
    """A trial than which none is both more accurate and faster.

    Attributes:
        against_best: its difference to the most accurate one on the same validation samples.
        chosen: whether it is the fastest that is not significantly worse.
    """

    trial: str
    latency: Latency
    against_best: Gain
    chosen: bool


class Caution(Frozen):
    """How near to the best pretrained baseline the bundle stays, and why.

    Attributes:
        baseline: the best one, in words.
        share: how far from its weights to the winner's the bundle's lie: 0 is the baseline itself, 1 the winner.
        gain: of the winner over the baseline on the same samples.
        samples: number of them: validation, or of all folds.
        probability: what the mean probability of their labels gains; None where that was not needed, or is not known.
    """

    baseline: str
    share: float
    gain: Gain
    samples: int
    probability: Gain | None = None


class Refit(Frozen):
    """How the bundle's network was trained on all samples, those of validation among them.

    Attributes:
        epochs: of that training.
        samples: that it saw.
        averaged: whether the bundle is the mean of what came of it and the winner, and not that alone.
    """

    epochs: int
    samples: int
    averaged: bool = False


class EightBits(Frozen):
    """What came of the 8-bit graph that `--int8` asked for.

    Attributes:
        added: whether the bundle has it.
        said: that in a line, with the figures; why it has none.
        measured: of that graph, or of the last one that was refused, on the validation samples, as the
            manifest has it: both scores, the interval of the change, times as fast; empty where none was measured.
    """

    added: bool
    said: str
    measured: dict[str, Any] = Field(default_factory=dict)


class EarlierStudy(Frozen):
    """The winner of an earlier study, with whose settings a trial began.

    Attributes:
        data: that it was trained on.
        samples: number of them.
        ended: Unix time.
        config: nested settings.
    """

    study: str
    data: str
    samples: int
    ended: float
    config: dict[str, Any]


class Evidence(Frozen):
    """What the scores of a study rest on, and what was chosen for more than its score.

    Attributes:
        folds: over which trials were scored; 1 for the validation split alone.
        differences: with folds, the next trials against the winner on the same samples, by trial.
        front: with two objectives, the Pareto front, the fastest first.
        confirmations: of finalists, trials that were trained again, the best one first; empty if none was.
        chosen: the trial that was chosen for more than its score; None for the best score.
        earlier: winners of other studies that trials began with.
    """

    folds: int = 1
    differences: dict[str, Gain] = Field(default_factory=dict)
    front: tuple[FrontTrial, ...] = ()
    confirmations: tuple[Confirmation, ...] = ()
    chosen: str | None = None
    earlier: tuple[EarlierStudy, ...] = ()

    @property
    def confirmed(self) -> Confirmation | None:
        """What the winner read when it was trained again; None if it was not."""
        return next((c for c in self.confirmations if c.trial == self.chosen and c.mean is not None), None)


Architecture = tuple[str, ...]
"""The values of `Task.architecture`, in that order."""


Latencies = dict[Architecture, Latency]


def find_architecture(config: TrialConfig) -> Architecture:
    """Return what of a configuration decides how long its network takes."""
    values = flatten(config.model_dump())
    return tuple(str(values.get(key)) for key in TASKS.get(config.task).architecture)


class LabelError(Frozen):
    """A label that may be an error: enough models agree on another text.

    Attributes:
        split: `val` or `train`.
        index: of the sample in that dataset.
        source: path of the image.
        reading: what the models that agree read.
        votes: how many read that.
        voters: how many were asked.
        chance: of the label, as all voters see it: the geometric mean of its probabilities, in [0, 1]; 0 where the
            task tells none.
    """

    split: str
    index: int
    source: Written
    label: str
    reading: str
    votes: int
    voters: int
    chance: float


class LabelCheck(Frozen):
    """What became of the search for wrong labels.

    Attributes:
        samples: the likeliest mistake first.
        voters: who was asked: `winner` and ids of trials.
        splits: split -> how many samples each of them read.
        why_not: why not all was looked at; empty if all was.
    """

    samples: tuple[LabelError, ...] = ()
    voters: tuple[str, ...] = ()
    splits: dict[str, int] = Field(default_factory=dict)
    why_not: str = ""
