"""What follows the last trial, and what of a time budget is kept for it: pure functions of seconds and samples.

What has to be done is measured before the first trial (`search/preflight/probing/`): building and exporting a network,
in CPU seconds, reading samples and choosing thresholds. At the end it is faster: it was measured on a trial's share of
the machine, beside other readings and with frameworks still to be loaded. What may be done (averages, text models, the
label check) is left out where its time has passed.
"""

from dataclasses import dataclass

from search.preflight.data import StudyData
from search.preflight.probing.rehearsal import Rehearsal
from search.settings import StudySettings
from train.data.dataset import Dataset
from train.reading.knowledge import FEWEST_LINES, MOST_LINES
from train.reading.word_lines import count_texts
from train.tasks import TASKS

SLOWER = 1.5
"""So many times slower than before the first trial the machine may be at the end, and what has to be done still fits:
what may be done gives way."""
LATE_SHARE = 0.2
"""Of the time that is kept, what a late last epoch may take: what may be done gives way to it, too."""
UNREHEARSED_S, REPORT_S = 30.0, 2.0
UNMEASURED_SHARE = 0.04
"""Of the budget, for what was not tried: of an export, with its room (SLOWER), and at least UNREHEARSED_S without."""
READING_SHARE = 0.2
"""Of the budget, that readings have at most, their room included."""
AVERAGE_SHARE, AVERAGE_READINGS = 0.06, 7
LABEL_CHECK_SHARE, LABEL_CHECK_READINGS = 0.05, 3
TEXT_MODEL_START_S, TEXT_MODEL_LINE_S = 0.5, 0.01
"""About three times what a choice takes on one core: 0.4 s on 120 receipt lines, 1.4 s on 500."""


@dataclass(frozen=True)
class Ending:
    """What follows the last trial, in seconds.

    Attributes:
        build_s: to build a network in the study's own process, its framework still to be loaded.
        export_s: to write it as a bundle and to compare that.
        reading_s: in which winner and baseline read the validation split and the held-back test, the winner general
            samples, too.
        choosing_s: in which what needs no training, such as thresholds, is chosen for the winner.
        average_s: in which averages of trials are read (`search/selection/soup.py`).
        text_models_s: in which those of the winner and of its baseline are chosen.
        labels_s: in which further trials are asked about the labels.
        unmeasured_s: for what was not measured: a named reader's thresholds, files that go to a URI.
    """

    build_s: float
    export_s: float
    reading_s: float
    choosing_s: float = 0.0
    average_s: float = 0.0
    text_models_s: float = 0.0
    labels_s: float = 0.0
    unmeasured_s: float = 0.0

    @property
    def reserved_s(self) -> float:
        """Seconds kept for all of it: the sum, or SLOWER times what has to be done if that is more."""
        needed = self.build_s + self.export_s + self.reading_s + self.choosing_s + REPORT_S
        optional = self.average_s + self.text_models_s + self.labels_s
        return max(needed + optional, SLOWER * needed) + self.unmeasured_s

    @property
    def after_readings_s(self) -> float:
        """Seconds kept for what follows the averages, without its readings: these are timed while averages are read."""
        needed = self.export_s + self.choosing_s + REPORT_S
        return needed + self.text_models_s + self.labels_s + self.unmeasured_s


def plan_ending(
    settings: StudySettings, data: StudyData, line_s: float, rehearsal: Rehearsal | None, choosing_s: float
) -> Ending | None:
    """Return what follows the last trial; None without a time budget.

    Args:
        settings: the study's.
        data: how many samples there are.
        line_s: to read one.
        rehearsal: what building and exporting a network took; None where that was not tried.
        choosing_s: to choose thresholds and the like, which need no training.
    """
    budget_s = settings.time_budget_s
    if budget_s is None:
        return None
    val, test, general = len(data.training.val), len(data.test or ()), len(data.training.general or ())
    one_split = (settings.folds or 1) == 1
    share_s = UNMEASURED_SHARE * budget_s
    untried_s = max(UNREHEARSED_S, share_s / SLOWER)
    reading_s = (count_later_readings(val, test) * val + general) * line_s
    return Ending(
        build_s=0.0 if rehearsal is None else rehearsal.build_s,
        export_s=untried_s if rehearsal is None else rehearsal.export_s,
        reading_s=min(READING_SHARE * budget_s / SLOWER, reading_s),
        choosing_s=choosing_s if one_split else 0.0,  # over folds every trial has chosen, on all samples
        average_s=reserve_average(budget_s, line_s, val + general) if one_split else 0.0,
        text_models_s=reserve_text_models(settings, data.training.val),
        labels_s=reserve_label_check(settings, budget_s, line_s, val),
        unmeasured_s=share_s if settings.recognition or settings.remote else 0.0,
    )


def count_later_readings(val_lines: int, test_lines: int) -> float:
    """Return how many readings of the validation split follow averaging: of both splits by winner and baseline.

    The probe has read validation with the baseline. So where it gets no text model, its reading is one to spare, for
    the weights half way that a cautious search reads however late it is (`search/selection/caution.py`). Else, and for
    a task that tunes settings, SLOWER has the room.
    """
    return 2 * (1 + test_lines / max(val_lines, 1))


def reserve_average(budget_s: float, line_s: float, val_lines: int) -> float:
    """Return what is kept for averaging trials, which each read so many lines."""
    return min(AVERAGE_SHARE * budget_s, AVERAGE_READINGS * line_s * val_lines)


def reserve_label_check(settings: StudySettings, budget_s: float, line_s: float, val_lines: int) -> float:
    """Return what is kept for asking further trials about the labels; nothing where these are no texts."""
    if not TASKS.get(settings.task_name).has_texts():
        return 0.0
    return min(LABEL_CHECK_SHARE * budget_s, LABEL_CHECK_READINGS * line_s * val_lines)


def reserve_text_models(settings: StudySettings, val: Dataset) -> float:
    """Return the time in which the text models of the winner and of its baseline are chosen, on validation lines."""
    divides = settings.cut is not None and settings.cut.words
    texts = count_texts(val, divides) if TASKS.get(settings.task_name).worded else 0
    if texts < FEWEST_LINES:
        return 0.0
    return 2 * (TEXT_MODEL_START_S + min(texts, MOST_LINES) * TEXT_MODEL_LINE_S)
