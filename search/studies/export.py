"""Any trial's bundle: its best checkpoint, exported as the winner's was."""

from dataclasses import dataclass
from pathlib import Path

from pyarrow import fs

from search.preflight.data import choose_decoding, gather_text_knowledge, source_of
from search.records.trial_report import checkpoint_scores, latest_reports, read_chosen
from search.settings import StudySettings
from search.storage.journal import TrialJournal, read_journal
from search.storage.trial_folder import TrialFolder
from search.studies.read import Study, read_result
from train.checkpoint import Checkpoint
from train.config import TrialConfig
from train.end_to_end.finder import PhotoFiles
from train.errors import UsageError
from train.export import export_network, require_replaceable
from train.loop import TrainingData
from train.sets.read import read_splits
from train.tasks import TASKS
from train.tasks.parity import ParityResult
from train.trained.loaded import load_network
from train.trained.text_models import add_text_model
from train.trained.tuning import with_tuned_settings


@dataclass(frozen=True)
class Exported:
    """A trial's bundle.

    Attributes:
        trial: its id.
        epoch: of the checkpoint.
        parity: what the gate found; None for a model without a graph.
    """

    trial: str
    epoch: int
    metrics: dict[str, float]
    parity: ParityResult | None


def export_trial(study: Study, wanted: str, output: Path) -> Exported:
    """Write the bundle of one trial.

    Args:
        study: its study; the gate reads the same validation images.
        wanted: the trial's id, or its place in the table.
        output: folder to write; an older bundle there is replaced.

    Raises:
        UsageError: if there is no such trial, or something else lies there.
        CheckpointError: if it has left no checkpoint.
        ParityError: if the bundle would not read as the checkpoint does.
    """
    require_replaceable(output)
    trial = find_trial(study, wanted)
    checkpoint = read_best_checkpoint(study, trial)
    settings = study.settings
    splits, left_out = read_splits(source_of(settings))
    knowledge = gather_text_knowledge(settings, [sample.text for sample in splits.train])
    how = choose_decoding(settings, TASKS.get(settings.task_name).stored_as(checkpoint.config))
    val = how.decode_usable({"val": splits.val}, settings.allow_bad, left_out)[0]["val"]
    learnt = PhotoFiles(splits.train).sizes if TASKS.get(settings.task_name).tunes else None
    tuned = with_tuned_settings(checkpoint, val, learnt, read_chosen(latest_reports(trial.rows)))
    network = add_text_model(load_network(tuned, val), val, knowledge)
    parity = export_network(network, val, output, settings.samples)
    return Exported(trial.id, checkpoint.epoch, network.checkpoint.metrics, parity)


def find_trial(study: Study, wanted: str) -> TrialJournal:
    """Return the trial of that id or place in the table; raise UsageError if there is none."""
    trials = {trial.id: trial for trial in read_journal(study.folder)}
    places = {str(place): trial.id for place, trial in enumerate(read_result(study).ranked, 1)}
    name = wanted if wanted in trials else places.get(wanted, "")
    if name not in trials:
        raise UsageError(
            "--trial must be a trial's id or its place",
            wanted,
            f"one of 1 to {len(places)}, or {', '.join(list(trials)[:8]) or 'none: no trial has started'}",
        )
    return trials[name]


def read_best_checkpoint(study: Study, trial: TrialJournal) -> Checkpoint:
    """Return the checkpoint with the best score of those that a trial has left; raise CheckpointError if none is."""
    scores = checkpoint_scores(latest_reports(trial.rows))
    return TrialFolder(fs.LocalFileSystem(), str(study.folder / trial.id), scores).read_best()


def decode_lines(settings: StudySettings) -> TrainingData:
    """Read and decode the training and validation lines of a study once more."""
    splits, left_out = read_splits(source_of(settings))
    wanted = {"train": splits.train, "val": splits.val}
    lines = TrialConfig(task=settings.task_name, upright=settings.upright)
    stored = TASKS.get(lines.task).stored_as(lines)
    decoded = choose_decoding(settings, stored).decode_usable(wanted, settings.allow_bad, left_out)[0]
    return TrainingData(decoded["train"], decoded["val"])
