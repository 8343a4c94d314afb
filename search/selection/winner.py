"""The winner: its weights, configuration and bundle, how it compares, and possible label errors."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from search.records.evidence import LabelCheck
from search.records.result import Comparison, Misreading
from search.records.sample_rows import SplitRows
from search.records.trial import TrialRecord
from search.sampling.lineage import describe_stages
from search.selection.choose import Selection
from search.selection.judge import best_baseline, judge, kept_general
from search.selection.labels import UNSPELLED, WINNER, can_check, check_labels, choose_voters, write_table
from search.selection.outcome import Searched
from search.selection.soup import greedy_soup
from train.checkpoint import Checkpoint
from train.config import save_config
from train.data.images import Image
from train.export import export_checkpoint
from train.tuning import tuned


@dataclass(frozen=True)
class Published:
    """What the winner's judgement found; empty if no trial can win (see `judge.Judgement`)."""

    averaged: tuple[str, ...] = ()
    comparisons: tuple[Comparison, ...] = ()
    misreadings: tuple[Misreading, ...] = ()
    picture: Callable[[int], Image] | None = None
    rows: Mapping[str, SplitRows] = field(default_factory=dict)
    labels: LabelCheck | None = None


def publish_winner(search: Searched, selected: Selection, folder: Path) -> Published:
    """Average what improves the first of the ranked, write its configuration and bundle, and judge it."""
    ranked = selected.ranked
    if not ranked or not ranked[0].eligible:
        return Published()
    best, averaged = weights(search, selected)
    checkpoint = tuned(best, search.data.training.val)
    save_config(checkpoint.config, folder / "best.yaml", describe_stages(ranked[0].stages))
    export_checkpoint(checkpoint, search.data.training.val, folder / "best")
    judged = judge(checkpoint, search.data, best_baseline(search.probes), search.settings.seed)
    probe = next(probe for probe in search.probes if probe.model == checkpoint.config.model)
    comparisons = judged.comparisons + kept_general(checkpoint, search.data, probe, search.settings.seed)
    labels = check_winner_labels(search, ranked, best, averaged)
    return Published(averaged, comparisons, judged.misreadings, judged.picture, judged.rows, labels)


def weights(search: Searched, selected: Selection) -> tuple[Checkpoint, tuple[str, ...]]:
    """Return the winner's weights, and the trials, or their runs with other seeds, that they are averaged from."""
    winner = selected.ranked[0]
    if search.folds > 1:  # its own split is too small to choose weights by
        return search.load(winner), (winner.id,)
    loaders: list[tuple[str, Callable[[], Checkpoint]]] = []
    for trial in selected.ranked:
        loaders.append((trial.id, partial(search.load, trial)))
        for run in selected.runs.get(trial.id, ()):
            loaders.append((f"{trial.id} (seed {run.seed})", partial(getattr, run, "checkpoint")))
    soup = greedy_soup(loaders, search.data.training, search.soup_deadline, search.forgetting)
    return soup.checkpoint, soup.trials


def check_winner_labels(
    search: Searched, ranked: Sequence[TrialRecord], best: Checkpoint, averaged: tuple[str, ...]
) -> LabelCheck:
    """Look for wrong labels in the time that is left, and write them for a person to judge."""
    if not can_check(search.settings.task_name):
        return LabelCheck(why_not=UNSPELLED)
    voters = [(WINNER, lambda: best)] + [
        (trial.id, partial(search.load, trial)) for trial in choose_voters(ranked, averaged)
    ]
    found = check_labels(voters, search.data.training, search.label_timer)
    write_table(found, search.settings.local_folder)
    return found
