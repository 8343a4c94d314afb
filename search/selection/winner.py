"""The winner: its weights, configuration and bundle, and what is proved of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from search.preflight.data import StudyData
from search.records.evidence import Caution, DecodedSplit, LabelCheck, Refit
from search.records.result import PRETRAINED, Comparison, Misreading
from search.records.sample_rows import SplitRows, make_split_rows
from search.records.trial import TrialRecord
from search.records.trial_report import latest_reports, read_chosen
from search.sampling.lineage import describe_stages
from search.selection.caution import apply_caution, load_baseline
from search.selection.choose import Selection
from search.selection.judge import compare_with_baselines, list_baselines, list_misreadings
from search.selection.labels import (
    LEAST_VOTERS,
    ON_ALL,
    UNSPELLED,
    WINNER,
    Voter,
    check_labels,
    choose_voters,
    write_table,
)
from search.selection.outcome import Searched
from search.selection.refit import load_companion, refit
from search.selection.soup import make_soup
from search.storage.files import BEST_CONFIG
from train.checkpoint import Checkpoint
from train.config_file import save_config
from train.data.dataset import Dataset
from train.data.images import Image
from train.export import export_network
from train.trained.loaded import Loaded, load_network
from train.trained.text_models import add_text_model, measure_decoding
from train.trained.tuning import tune


@dataclass(frozen=True)
class WinnerEvidence:
    """What the winner is worth; empty if no trial can win.

    Attributes:
        averaged: trials, or their runs with other seeds, whose weights it is the average of.
        caution: how near to the best pretrained baseline it stays; None where none stands against it.
        refit: how the bundle's network was trained on all samples; None if it was not.
        misreadings: on the validation split.
        picture: index in the validation split -> (h, w, 3) uint8 BGR, with what the winner found in it.
        rows: split -> how the winner does on its every sample.
        decoded: split -> what its text model does there; none without one.
    """

    averaged: tuple[str, ...] = ()
    caution: Caution | None = None
    refit: Refit | None = None
    comparisons: tuple[Comparison, ...] = ()
    misreadings: tuple[Misreading, ...] = ()
    picture: Callable[[int], Image] | None = None
    rows: Mapping[str, SplitRows] = field(default_factory=dict)
    labels: LabelCheck | None = None
    decoded: Mapping[str, DecodedSplit] = field(default_factory=dict)


def export_winner(search: Searched, selected: Selection, folder: Path) -> WinnerEvidence:
    """Write the winner's configuration and bundle, and judge it. Its network is built once for all of that."""
    ranked = selected.ranked
    if not ranked:
        return export_untrained(search, folder)
    if not ranked[0].eligible:
        return WinnerEvidence()
    data, val = search.data, search.data.training.val
    best, averaged = load_weights(search, selected)
    loaded, averaged, caution = apply_caution(search, selected, best, averaged)
    is_trained = caution is None or caution.share > 0
    tuned = tune_winner(search, ranked[0], loaded, is_trained)
    winner = add_text_model(tuned, val, search.knowledge_for_winner)
    kept = tuned if is_trained else tune_winner(search, ranked[0], best, is_trained=True)
    save_config(kept.checkpoint.config, folder / BEST_CONFIG, describe_stages(ranked[0].stages))
    final, further = refit(search, ranked, winner, averaged, caution)
    export_network(final, val, folder / "best", search.settings.samples, learned_val=further is not None)
    return WinnerEvidence(
        averaged=averaged,
        caution=caution,
        refit=further,
        comparisons=compare_with_baselines(
            winner,
            final,
            replace(data, knowledge=search.knowledge_for_baseline),
            search.probes,
            search.settings.seed,
        ),
        misreadings=list_misreadings(winner, val),
        picture=partial(_draw, winner, val),
        rows=_rows(winner, final, data),
        labels=check_winner_labels(search, selected, tuned, averaged),
        decoded=summarise_decoding(winner, final, data),
    )


def tune_winner(search: Searched, trial: TrialRecord, network: Loaded, is_trained: bool) -> Loaded:
    """Return the network with its thresholds and the like, which need no training, chosen on the validation split.

    Over folds that split is a handful, so what was chosen on the samples of all folds is taken; for a baseline this was
    done when it was first read.
    """
    training = search.data.training
    if search.folds == 1:
        return tune(network, training.val, training.train.sizes if is_trained else None)
    if not is_trained:
        return network
    chosen = read_chosen(latest_reports(search.journals[trial.id].rows))
    return tune(network, training.val, training.train.sizes, chosen)


def export_untrained(search: Searched, folder: Path) -> WinnerEvidence:
    """Write the best pretrained baseline as the bundle where no trial had time; nothing where trials failed."""
    baselines = list_baselines(search.probes, search.data.training)
    if not search.out_of_time or not baselines or baselines[0].baseline.untrained:
        return WinnerEvidence()
    val = search.data.training.val
    network = add_text_model(load_baseline(baselines[0]), val, search.knowledge_for_winner)
    save_config(network.checkpoint.config, folder / BEST_CONFIG)
    export_network(network, val, folder / "best", search.settings.samples)
    return WinnerEvidence(averaged=(PRETRAINED,))


def load_weights(search: Searched, selected: Selection) -> tuple[Loaded, tuple[str, ...]]:
    """Return the winner's network, and the trials, or their runs with other seeds, that it is averaged from."""
    winner, training = selected.ranked[0], search.data.training
    if search.folds > 1:  # its own split is too small to choose weights by
        return load_network(search.load(winner), training.train), (winner.id,)
    loaders: list[tuple[str, Callable[[], Checkpoint]]] = []
    for trial in selected.ranked:
        loaders.append((trial.id, partial(search.load, trial)))
        for run in selected.runs.get(trial.id, ()):
            loaders.append((f"{trial.id} (seed {run.seed})", partial(getattr, run, "checkpoint")))
    soup = make_soup(loaders, training, search.soup_deadline, search.forgetting, search.later_readings)
    return soup.network, soup.trials


def _draw(winner: Loaded, val: Dataset, index: int) -> Image:
    return winner.task.picture(val, index, winner.read(val).predictions[index])


def _judged(winner: Loaded, final: Loaded, data: StudyData) -> dict[str, tuple[Loaded, Dataset]]:
    """Return each split with the network that has not learned it: the bundle's own may have learned validation."""
    test = {"test": (final, data.test)} if data.test is not None else {}
    return {"validation": (winner, data.training.val), **test}


def _rows(winner: Loaded, final: Loaded, data: StudyData) -> dict[str, SplitRows]:
    judged = _judged(winner, final, data)
    return {
        name: make_split_rows(split, network.read(split).stats) for name, (network, split) in judged.items()
    }


def summarise_decoding(winner: Loaded, final: Loaded, data: StudyData) -> dict[str, DecodedSplit]:
    """Return what the winner's text model does on validation and on the held-back test; nothing without one."""
    if winner.task.text_model is None:
        return {}
    found = {}
    for name, (network, split) in _judged(winner, final, data).items():
        reading = network.read(split)
        decoded = measure_decoding(network.task, reading.predictions, split)
        found[name] = DecodedSplit(
            raw=decoded.raw.primary,
            decoded=reading.scores.primary,
            changed=decoded.changed,
            mended=decoded.mended,
            broken=decoded.broken,
            accepted=decoded.accepted,
            reliability=decoded.reliability,
        )
    return found


def check_winner_labels(
    search: Searched, selected: Selection, winner: Loaded, averaged: tuple[str, ...]
) -> LabelCheck:
    """Look for label errors in the time that is left, and write them for a person to judge."""
    if not winner.task.has_texts():
        return LabelCheck(why_not=UNSPELLED)

    def load(trial: TrialRecord) -> Loaded:
        return load_network(search.load(trial), search.data.training.train)

    others = choose_voters(selected.ranked, averaged)
    voters = [Voter(WINNER, lambda: winner), *(Voter(trial.id, partial(load, trial)) for trial in others)]
    if search.companion is not None and len(voters) < LEAST_VOTERS:  # it knows the labels that it judges
        on_all = partial(
            load_companion, search.companion, search.data.training.train, search.weights_deadline
        )
        voters.append(Voter(ON_ALL, on_all))
    check = check_labels(voters, search.data.training, search.label_timer)
    write_table(check, search.settings.local_folder)
    return check
