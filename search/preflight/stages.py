"""What the first stages of a study hand on (`search/study.py`): the request, the prepared study, the probed one."""

from dataclasses import dataclass
from typing import Any

from search.preflight.data import StudyData
from search.preflight.probing.probe import Probe
from search.preflight.probing.rehearsal import Rehearsal
from search.records.ranking import Forgetting
from search.settings import StudySettings
from spaces.space import SearchSpace
from train.config import TrialConfig
from train.sets.read import Sets


@dataclass(frozen=True)
class Request:
    """What the command line asks for.

    Attributes:
        settings: as typed; of a study that is resumed, its own are read.
        resume: whether to go on with a study that was interrupted.
        started: Unix time.
    """

    settings: StudySettings
    resume: bool
    started: float


@dataclass(frozen=True)
class Prepared:
    """A study that can be run: nothing has been decoded yet, and no model read.

    Attributes:
        settings: the study's, with all that the space, the data and the machine decide.
        space: as the command line narrows it.
        sets: the checked samples.
        fork: the best configurations of the study that this one is forked from, the best first.
        resume: whether it was begun before.
        started: Unix time.
    """

    settings: StudySettings
    space: SearchSpace
    sets: Sets
    fork: tuple[TrialConfig, ...]
    resume: bool
    started: float


@dataclass(frozen=True)
class Probed:
    """A study whose models have been read before any training.

    Attributes:
        data: decoded.
        shared: reference to `data.training` in Ray's object store, which every trial reads.
        probes: of every model of the space: scores to beat and costs.
        forgetting: what the models read of the general lines; None without any.
        rehearsal: what building and exporting a network took; None where that was not tried.
    """

    prepared: Prepared
    data: StudyData
    shared: Any
    probes: tuple[Probe, ...]
    forgetting: Forgetting | None
    rehearsal: Rehearsal | None = None

    @property
    def settings(self) -> StudySettings:
        """The study's."""
        return self.prepared.settings
