"""With which settings weights were really trained, where a population handed them from trial to trial."""

from collections.abc import Mapping, Sequence
from itertools import groupby

from search.records.evidence import Stage
from search.records.trial import TrialRecord
from search.records.trial_report import TrialReport
from search.sampling.population import read_mutable_settings

Reports = Mapping[str, Sequence[TrialReport]]


def find_stages(reports: Reports, trial: str, place: int) -> tuple[Stage, ...]:
    """Return how the weights behind a report of a trial were trained, from the first epoch on.

    Args:
        reports: of every trial, all of them in the order in which they came, repeated epochs included.
        trial: id.
        place: of the report among the trial's.
    """
    steps: list[tuple[str, int, dict[str, float]]] = []
    before: tuple[str, int] | None = (trial, place)
    while before is not None:
        name, at = before
        report = reports[name][at]
        assert report.origin is not None, "only a population has stages"
        steps.append((name, report.epoch, read_mutable_settings(report.origin.config)))
        before = _before(reports, name, at)
    found = []
    for (name, settings), group in groupby(reversed(steps), key=lambda step: (step[0], step[2])):
        epochs = [epoch for _, epoch, _ in group]
        found.append(Stage(trial=name, first_epoch=epochs[0], last_epoch=epochs[-1], settings=settings))
    return tuple(found)


def _before(reports: Reports, trial: str, place: int) -> tuple[str, int] | None:
    """Return trial and report whose weights a report's epoch began with; None for those of the model."""
    of_trial = reports[trial]
    epoch, copied = of_trial[place].epoch, _copied_from(of_trial[place])
    earlier = [at for at in range(place) if of_trial[at].epoch == epoch - 1]
    if earlier and (not copied or _copied_from(of_trial[earlier[-1]]) == copied):
        return trial, earlier[-1]
    if not copied:
        return None
    donor, name = copied.split("/")
    # A donor that went on from another trial itself names its checkpoints anew, and may have repeated the epoch.
    places = [
        at
        for at, one in enumerate(reports[donor])
        if (one.stamp.checkpoint, one.epoch) == (name, epoch - 1)
        and one.stamp.time <= of_trial[place].stamp.time
    ]
    return donor, places[-1]


def _copied_from(report: TrialReport) -> str:
    return report.origin.copied_from if report.origin else ""


def add_stages(trials: Sequence[TrialRecord], reports: Reports) -> tuple[TrialRecord, ...]:
    """Return the trials of a population with the configuration of their best epoch, and how its weights came about."""
    return tuple(_with_stages(trial, reports) for trial in trials)


def _with_stages(trial: TrialRecord, reports: Reports) -> TrialRecord:
    if trial.best is None:
        return trial
    of_trial = reports[trial.id]
    place = max(at for at, report in enumerate(of_trial) if report.epoch == trial.best.epoch)
    origin = of_trial[place].origin
    config = origin.config if origin else trial.config
    return trial.model_copy(update={"config": config, "stages": find_stages(reports, trial.id, place)})


def describe_stages(found: Sequence[Stage]) -> str:
    """Return what best.yaml says above a configuration that did not train alone; nothing of one that did."""
    if len(found) < 2:
        return ""
    lines = [
        "The winning trial was trained in stages, by population based training. Below are the last one's settings:",
        "train/run.py trains with them from the first epoch on, which is another run.",
        *map(str, found),
    ]
    return "\n".join(lines)
