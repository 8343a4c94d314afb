"""The label check of a finished study."""

from functools import partial

from search.records.evidence import LabelCheck
from search.records.trial import TrialRecord
from search.selection.labels import Timer, Voter, check_labels, choose_voters, write_table
from search.storage.journal import read_journal
from search.studies.read import Study, read_result
from train.data.dataset import Dataset
from train.errors import UsageError
from train.tasks import TASKS
from train.trained.loaded import Loaded, load_network


def check_study(study: Study) -> LabelCheck:
    """Let the good trials of a study vote on its labels, and write label_mistakes.tsv; as a search's end does it.

    Raises:
        UsageError: for a task whose labels are no texts.
    """
    from search.studies.export import decode_lines

    if not TASKS.get(study.settings.task_name).has_texts():
        raise UsageError(
            "labels must be texts to be checked", study.settings.task_name, "look at report.html"
        )
    data = decode_lines(study.settings)
    check = check_labels(list_voters(study, data.train), data, Timer(None, 0.0))
    write_table(check, study.folder)
    return check


def list_voters(study: Study, train: Dataset) -> list[Voter]:
    """Return the trials of a study that can be asked about labels; `train` is its training split."""
    from search.studies.export import read_best_checkpoint

    journals = {trial.id: trial for trial in read_journal(study.folder)}

    def load(trial: TrialRecord) -> Loaded:
        return load_network(read_best_checkpoint(study, journals[trial.id]), train)

    return [Voter(trial.id, partial(load, trial)) for trial in choose_voters(read_result(study).ranked, ())]
