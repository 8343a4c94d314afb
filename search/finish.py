"""From Tune's results to the study's: records, the winner's bundle, its one test, summary and report."""

import time

from search.files import SUMMARY_FILE
from search.finished import Finished
from search.follow_up import commands
from search.general import general_summary
from search.incidents import incidents
from search.keep import disk_use, keep_best
from search.report import write_report
from search.results import StudyResult, TrialRecord
from search.sample_rows import write_rows
from search.storage import location
from search.summary import write_summary
from search.trial_records import record, trial_id
from search.versions import versions
from search.winner import publish_winner


def finish(search: Finished) -> StudyResult:
    """Export and test the winner, and write everything that the study leaves behind."""
    settings, data = search.settings, search.data
    folder, training = settings.local_folder, data.training
    trials = records(search)
    winner = publish_winner(search, trials, folder)
    keep_best(search.folders.values())  # the winner and the voters on the labels have been read
    result = StudyResult(
        name=settings.name,
        task=settings.task_name,
        space=settings.space,
        data=data.summary,
        baselines=tuple(b for probe in search.probes for b in probe.baselines),
        trials=trials,
        averaged=winner.averaged,
        comparisons=winner.comparisons,
        misreadings=winner.misreadings,
        general=general_summary(settings, data),
        labels=winner.labels,
        share=search.share,
        max_epochs=search.clock.max_epochs,
        wall_seconds=time.time() - search.started,
        versions=versions(),
        seeds={"search": settings.seed, "split": settings.seed, "train": settings.seed},
        commands=commands(settings, data.summary, folder, bool(winner.averaged)),
        disk=disk_use(search.results),
    )
    write_rows(winner.rows, folder)
    write_summary(result, folder / SUMMARY_FILE)
    pictures = {"val": training.val.image, "train": training.train.image}
    write_report(result, winner.picture or training.val.image, folder / "report.html", pictures)
    if settings.remote:
        location(settings).put_all(folder)
    return result


def records(search: Finished) -> tuple[TrialRecord, ...]:
    """Return what became of every trial."""
    samples, notes = len(search.data.training.val), incidents(search.settings.local_folder)
    found = ((result, search.told[trial_id(result)]) for result in search.results)
    return tuple(
        record(result, told, search.started, samples, notes.get(told.id, ())) for result, told in found
    )
