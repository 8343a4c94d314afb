"""The winner against pretrained baselines on the same samples: validation, the general ones, the test split once."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from search.preflight.data import StudyData
from search.preflight.probing.probe import Probe
from search.records.result import Baseline, Comparison, Misreading
from train.config import TrialConfig
from train.data.dataset import Dataset
from train.loop import TrainingData, assemble
from train.reading.knowledge import TextKnowledge
from train.scoring.intervals import paired_gain_interval
from train.tasks import SampleStats
from train.trained.loaded import Assembled, Loaded
from train.trained.text_models import add_text_model_to_baseline

Split = Literal["validation", "test", "general"]


@dataclass(frozen=True)
class ProbedBaseline:
    """A pretrained baseline, as the probe measured it, and its network where that has to read more.

    Attributes:
        stats: how it does on every sample that trials are scored on (`Task.per_sample`).
        config: how it is run.
        data: whose training split and dictionary hold the characters that the network writes; on its validation split
            the text model is chosen.
        knowledge: what is known of the texts; None where no text model is wanted.
    """

    baseline: Baseline
    stats: SampleStats
    config: TrialConfig
    data: TrainingData
    knowledge: TextKnowledge | None = None

    @cached_property
    def network(self) -> Assembled:
        """The network, built when it is first asked for, with the text model that suits it where one is wanted."""
        network = Assembled(*assemble(self.config, self.data.train, dictionary=self.data.dictionary))
        if self.knowledge is None:
            return network
        return add_text_model_to_baseline(network, self.data.val, self.knowledge, self.config.weights)

    def read(self, data: Dataset) -> tuple[Baseline, SampleStats]:
        """Return the baseline with its scores on a split, and how it does on every sample of it."""
        reading, text_model = self.network.read(data), self.network.task.text_model
        decoded = text_model is not None and not text_model.idle
        return self.baseline.model_copy(update={"scores": reading.scores, "decoded": decoded}), reading.stats


def list_baselines(
    probes: Sequence[Probe], data: TrainingData, knowledge: TextKnowledge | None = None
) -> list[ProbedBaseline]:
    """Return the pretrained baselines, the best one first; with `knowledge` they get text models, too."""
    baselines = [
        ProbedBaseline(*measured, data, knowledge)
        for probe in probes
        for measured in zip(probe.baselines, probe.rows, probe.configs, strict=True)
    ]
    return sorted(baselines, key=lambda one: one.baseline.scores.rank, reverse=True)


def compare_with_baselines(
    winner: Loaded, final: Loaded, data: StudyData, probes: Sequence[Probe], seed: int
) -> tuple[Comparison, ...]:
    """Compare the winner with the best baseline on validation and, this once, on the test split.

    On the general samples it is compared with its own model as published. Where the winner has a text model, so has
    the baseline.

    Args:
        winner: its network, which has not learned the validation samples.
        final: that of the bundle, which may have.
        data: the study's.
        probes: of all models.
        seed: of the resampling.
    """
    val, decoded = data.training.val, winner.task.text_model is not None
    best = list_baselines(probes, data.training, data.knowledge if decoded else None)[0]
    # With folds, the probe read the samples of all of them.
    as_probed = len(best.stats) == len(val) and not decoded
    measured = (best.baseline, best.stats) if as_probed else best.read(val)
    comparisons = [_compare(winner, data.training, seed, "validation", val, *measured)]
    if data.test is not None:
        comparisons.append(_compare(final, data.training, seed, "test", data.test, *best.read(data.test)))
    probe = next(probe for probe in probes if probe.model == winner.checkpoint.config.model)
    return (*comparisons, *_compare_general(final, data, probe, seed))


def _compare_general(winner: Loaded, data: StudyData, probe: Probe, seed: int) -> Iterator[Comparison]:
    """Yield the comparison on the general samples; nothing without any."""
    general, published = data.training.general, probe.published
    if general is not None and published.general is not None and probe.general is not None:
        baseline = published.model_copy(update={"scores": published.general})
        yield _compare(winner, data.training, seed, "general", general, baseline, probe.general)


def _compare(  # noqa: PLR0917 - the first three are the study's
    winner: Loaded,
    training: TrainingData,
    seed: int,
    split: Split,
    data: Dataset,
    baseline: Baseline,
    stats: SampleStats,
) -> Comparison:
    """Compare on a split, where the baseline does as `stats` say."""
    reading, documents = winner.read(data), training.documents_in(data)
    gain = paired_gain_interval(stats, reading.stats, winner.task.primary, seed, documents)
    return Comparison(split=split, baseline=baseline, winner=reading.scores, gain=gain)


def list_misreadings(network: Loaded, data: Dataset) -> tuple[Misreading, ...]:
    """Return what a network gets wrong in a dataset, for the report."""
    return tuple(
        Misreading(
            index=mistake.index,
            source=data.sources[mistake.index],
            text=mistake.label,
            reading=mistake.reading,
            confidence=mistake.confidence,
            faults=mistake.faults,
        )
        for mistake in network.task.mistakes(network.read(data).predictions, data)
    )
