"""A cautious winner: where its gain is not shown, the bundle stays near the best pretrained baseline.

Few or easy labels cannot show what fine-tuning costs on the lines that they lack. Weights between the pretrained and
the fine-tuned ones keep more of what the network could read before (Wortsman et al., Robust fine-tuning of zero-shot
models, 2022), and the pretrained ones keep all of it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from search.records.evidence import Caution, find_architecture
from search.records.result import PRETRAINED
from search.records.trial_report import join_rows, latest_reports
from search.selection.choose import Selection
from search.selection.judge import ProbedBaseline, list_baselines
from search.selection.one_form import in_one_form, without_adapters
from search.selection.outcome import Searched
from search.selection.soup import Result, read_weights
from search.trials.folds import FEW, FOLD_SEED, fold_order, pool_splits
from train.checkpoint import Checkpoint
from train.config import TrialConfig
from train.data.dataset import Dataset
from train.loop import assemble_run
from train.scoring.intervals import Gain, paired_gain_interval, sign_test
from train.tasks import TASKS, SampleStats
from train.trained.loaded import Assembled, Loaded

SHARES, MIDDLE = (0.25, 0.5, 0.75), (0.5,)
"""How far from the pretrained weights to the winner's the weights between them lie; the middle where time is short."""
LIKELY = 1.28 / 1.96
"""Half widths of the 95 % interval by which a gain that is likely, at 90 % on one side, lies above 0."""
CHANCE = 0.2
"""Of the sign test, two-sided, on the samples that differ, were all of them won: at most, for a gain to be likely."""

Weights = Mapping[str, Any]


def apply_caution(
    search: Searched, selected: Selection, winner: Loaded, averaged: tuple[str, ...]
) -> tuple[Loaded, tuple[str, ...], Caution | None]:
    """Return the network of the bundle, what it is averaged from, and how near to the best baseline it stays.

    - A significant gain: the winner.
    - A likely gain over the baseline that the winner started from: the best weights between the two, of equals the
      nearest to the start; without the time to read several, those half way. The same where the winner reads no
      fewer samples and their labels' mean probability gains significantly, as easy labels show no other gain.
    - Anything else: the baseline.

    There is no caution (None) where the winner is not compared with a baseline: with random weights, with a limit on
    forgetting, or, where latency counts, with a network of another architecture.

    Args:
        search: the study.
        selected: its trials, the winner first.
        winner: the network of the winner, or of the average of good trials.
        averaged: trials that it is averaged from.
    """
    baseline = find_rival(search, winner)
    if baseline is None:
        return winner, averaged, None
    gain, samples, differing = measure_gain(search, selected, winner, baseline)
    told = partial(Caution, baseline=str(baseline.baseline), gain=gain, samples=samples)
    if gain.interval.low > 0:
        return winner, averaged, told(share=1)
    likely = is_likely(gain, differing)
    easy = not likely and gain.difference >= 0 and search.has_time_to_read
    surer = measure_probability(search, winner, baseline) if easy else None
    shown = likely or (surer is not None and surer.interval.low > 0)
    shares = SHARES if search.has_time_to_read else MIDDLE
    between = interpolate(search, winner, baseline, shares) if shown else None
    if between is not None:
        share, network = between
        return network, averaged, told(share=share, probability=surer)
    return load_baseline(baseline), (PRETRAINED,), told(share=0, probability=surer)


def is_likely(gain: Gain, differing: int) -> bool:
    """Tell whether a gain lies above 0 with 90 % confidence on one side; three samples that differ do not tell it."""
    enough = sign_test(differing, 0) <= CHANCE
    return enough and gain.difference > LIKELY * (gain.interval.high - gain.interval.low) / 2


def find_rival(search: Searched, winner: Loaded) -> ProbedBaseline | None:
    """Return the best pretrained baseline that could stand in the winner's place; None without one."""
    if search.settings.max_forgetting is not None:
        return None
    kind, all_kinds = find_architecture(winner.checkpoint.config), search.settings.objectives == "accuracy"
    baselines = list_baselines(search.probes, search.data.training)
    of_kind = {_network_of(one.config) for one in baselines if find_architecture(one.config) == kind}
    suited = [one for one in baselines if all_kinds or _network_of(one.config) in of_kind]
    return suited[0] if suited and not suited[0].baseline.untrained else None


def _network_of(config: TrialConfig) -> tuple[str, str, str | None]:
    """Return which network a baseline is, whatever was chosen without training, such as how far photos are shrunken."""
    return config.engine, config.model, config.weights


def measure_gain(
    search: Searched, selected: Selection, winner: Loaded, baseline: ProbedBaseline
) -> tuple[Gain, int, int]:
    """Return what the winner gains over a baseline, the number of samples that say so, and how many of them differ.

    They are those of all folds, or of validation.
    """
    training, before = search.data.training, baseline.stats
    if search.folds > 1:
        both = pool_splits(training).val
        order = fold_order(training, search.folds, type(winner.task), FOLD_SEED)
        after = _rows_of_folds(search, selected)
        place = order[: len(after)]
        before, documents = before[place], training.documents_in(both)
        documents = documents and tuple(documents[one] for one in place)
    else:
        after, documents = winner.at_best.read(training.val).stats, training.documents_in(training.val)
    primary = winner.task.primary
    gain = paired_gain_interval(before, after, primary, search.settings.seed, documents)
    differing = sum(primary(one) != primary(two) for one, two in zip(before, after, strict=True))
    return gain, len(after), differing


def measure_probability(search: Searched, winner: Loaded, baseline: ProbedBaseline) -> Gain | None:
    """Return what the mean probability of the validation labels gains; None over folds, or where no label has one.

    None, too, of fewer than FEW training samples: a network that knows these by heart is sure of others as easy as
    they are, and reads hard ones worse.
    """
    training = search.data.training
    if search.folds > 1 or len(training.train) < FEW:
        return None
    after = _probabilities(winner, training.val)
    if not after.any():  # the baseline's network, which may not have been built, gives none any either
        return None
    before = _probabilities(baseline.network, training.val)
    one = np.ones(len(before))
    return paired_gain_interval(
        np.stack([one, before], axis=1),
        np.stack([one, after], axis=1),
        lambda sums: float(sums[1] / sums[0]),
        search.settings.seed,
        training.documents_in(training.val),
    )


def _probabilities(network: Assembled, data: Dataset) -> npt.NDArray[np.float64]:
    return np.exp(-np.array(network.at_best.read(data).losses, np.float64))


def _rows_of_folds(search: Searched, selected: Selection) -> SampleStats:
    rows = join_rows(latest_reports(search.journals[selected.ranked[0].id].rows))
    assert rows is not None, "a trial over folds reports how its samples are done"
    return rows


def interpolate(
    search: Searched, winner: Loaded, baseline: ProbedBaseline, shares: Sequence[float] = SHARES
) -> tuple[float, Loaded] | None:
    """Return how far from the baseline to the winner the weights lie that read validation best, and their network.

    None where the winner did not start from that baseline, or nothing between the two reads as well as it.
    """
    checkpoint, start, training = winner.checkpoint, baseline.config, search.data.training
    if not is_start_of(start, checkpoint.config):
        return None
    engine, task = assemble_run(without_adapters(checkpoint.config), training)
    if engine.charset != checkpoint.charset:
        return None
    first = engine.weights()
    last = in_one_form(checkpoint, training, first)
    read = partial(read_weights, engine, task.at_best, training, None)
    # The probe has read what a task without settings to choose begins with, on the same samples.
    known = search.folds == 1 and not task.tunes
    floor = baseline.baseline.scores if known else read(first).scores
    found = [(read(mixed), share, mixed) for share, mixed in _between(first, last, shares)]
    result, share, weights = max(
        found, key=lambda one: one[0].scores.rank
    )  # of equals the nearest, however sure
    if result.scores.rank < floor.rank:
        return None
    engine.load({"weights": weights})
    return share, Loaded(engine, task, checkpoint=_with_weights(checkpoint, result, weights))


def is_start_of(baseline: TrialConfig, trained: TrialConfig) -> bool:
    """Tell whether training began with a baseline's weights, and with its charset where the task writes texts."""
    keys = ["model", "weights", "fit_width"]
    keys += ["charset"] if TASKS.get(trained.task).spells else []
    return all(getattr(baseline, key) == getattr(trained, key) for key in keys)


def _between(start: Weights, end: Weights, shares: Sequence[float]) -> Iterator[tuple[float, dict[str, Any]]]:
    for share in shares:
        yield share, mix(start, end, share)


def mix(start: Weights, end: Weights, share: float) -> dict[str, Any]:
    """Return the weights that lie a share of the way from one network's to another's of the same shape."""
    mixed = {name: (1 - share) * np.asarray(start[name], np.float64) + share * end[name] for name in end}
    return {name: array.astype(np.float32) for name, array in mixed.items()}


def _with_weights(checkpoint: Checkpoint, result: Result, weights: dict[str, Any]) -> Checkpoint:
    return replace(checkpoint, metrics=checkpoint.metrics | result.metrics, state={"weights": weights})


def load_baseline(baseline: ProbedBaseline) -> Loaded:
    """Return a pretrained baseline's network as one that training left."""
    network, scores = baseline.network, baseline.baseline.scores
    state = {"weights": network.engine.state()["weights"]}
    checkpoint = Checkpoint(baseline.config, network.engine.charset, 0, scores.metrics(), state)
    return Loaded(network.engine, network.task, checkpoint=checkpoint)
