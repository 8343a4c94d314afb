"""TODO."""

from functools import partial

from search.records.evidence import LabelCheck
from search.selection.labels import Timer, can_check, check_labels, choose_voters, write_table
from search.storage.journal import read_journal
from search.studies.read import Study, read_result
from train.errors import UsageError
from train.loop import TrainingData


def check_study(study: Study) -> LabelCheck:
    """Let the good trials of a study vote on its labels, and write label_mistakes.tsv; as a search's end does it.

    Raises:
        UsageError: for a task whose labels are no texts.
    """
    from search.studies.export import best_checkpoint, decoded_splits

    if not can_check(study.settings.task_name):
        raise UsageError(
            "labels must be texts to be checked", study.settings.task_name, "look at report.html"
        )
    journals = {trial.id: trial for trial in read_journal(study.folder)}
    voters = [
        (trial.id, partial(best_checkpoint, study, journals[trial.id]))
        for trial in choose_voters(read_result(study).ranked, ())
    ]
    splits = decoded_splits(study.settings, ("train", "val"))
    check = check_labels(voters, TrainingData(**splits), Timer(None, 0.0))
    write_table(check, study.folder)
    return check
