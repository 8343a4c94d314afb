"""The winner: its weights, configuration and bundle, how it compares, and which labels it doubts."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from search.doubts import LabelCheck
from search.finished import Finished
from search.judge import best_baseline, judge, kept_general
from search.label_check import UNSPELLED, WINNER, can_check, check_labels, voters_of, write_table
from search.results import Comparison, Misreading, TrialRecord, rank
from search.sample_rows import SplitRows
from search.soup import Soup, greedy_soup
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


def publish_winner(search: Finished, trials: tuple[TrialRecord, ...], folder: Path) -> Published:
    """Average what improves the winner, write its configuration and bundle, and judge it."""
    ranked = rank(trials)
    if not ranked or not ranked[0].eligible:
        return Published()
    loaders = [(trial.id, partial(search.load, trial)) for trial in ranked]
    soup = greedy_soup(loaders, search.data.training, search.soup_deadline, search.known)
    checkpoint = tuned(soup.checkpoint, search.data.training.val)
    save_config(checkpoint.config, folder / "best.yaml")
    export_checkpoint(checkpoint, search.data.training.val, folder / "best")
    judged = judge(checkpoint, search.data, best_baseline(search.probes), search.settings.seed)
    probe = next(probe for probe in search.probes if probe.model == checkpoint.config.model)
    kept = kept_general(checkpoint, search.data, probe, search.settings.seed)
    labels = doubt_labels(search, ranked, soup)
    comparisons = judged.comparisons + kept
    return Published(soup.trials, comparisons, judged.misreadings, judged.picture, judged.rows, labels)


def doubt_labels(search: Finished, ranked: Sequence[TrialRecord], soup: Soup) -> LabelCheck:
    """Look for wrong labels in the time that is left, and write them for a person to judge."""
    if not can_check(search.settings.task_name):
        return LabelCheck(why_not=UNSPELLED)
    voters = [(WINNER, lambda: soup.checkpoint)] + [
        (trial.id, partial(search.load, trial)) for trial in voters_of(ranked, soup.trials)
    ]
    found = check_labels(voters, search.data.training, search.label_timer)
    write_table(found, search.settings.local_folder)
    return found
