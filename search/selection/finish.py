"""From Tune's results to the study's: records, the winner's bundle, its one test, summary and report."""

import time

from search.experiment.incidents import incidents
from search.experiment.keep import disk_use, keep_best
from search.planning.warm_starts import remember
from search.preflight.general import general_summary
from search.records.evidence import Evidence
from search.records.from_reports import Samples, make_record
from search.records.result import StudyResult, write_result
from search.records.sample_rows import write_rows
from search.records.trial import TrialRecord, with_latency
from search.records.trial_report import latest_reports, read_reports
from search.report.page.page import write_report
from search.report.summary import write_summary
from search.sampling.lineage import with_stages
from search.selection.choose import Selection, against_first, select
from search.selection.follow_up import list_commands
from search.selection.outcome import Searched
from search.selection.winner import publish_winner
from search.settings import population
from search.storage.files import SUMMARY_FILE
from search.storage.location import location
from train.versions import installed_versions


def finish(search: Searched) -> StudyResult:
    """Export and test the winner, and write everything that the study leaves behind."""
    settings, data = search.settings, search.data
    folder, training = settings.local_folder, data.training
    trials = records(search)
    selected = select(trials, search.load, training, search.again, settings.seed)
    winner = publish_winner(search, selected, folder)
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
        evidence=evidence(search, selected),
        general=general_summary(settings, data),
        labels=winner.labels,
        share=search.plan.share,
        max_epochs=search.folds if search.folds > 1 else search.plan.budget.max_epochs,
        wall_seconds=time.time() - search.started,
        versions=installed_versions(),
        seeds={"search": settings.seed, "split": settings.seed, "train": settings.seed},
        commands=list_commands(settings, data.summary, folder, bool(winner.averaged)),
        disk=disk_use(search.results),
    )
    write_rows(winner.rows, folder)
    write_result(result, folder)
    write_summary(result, folder / SUMMARY_FILE)  # last of the two: with it a study is finished
    pictures = {"val": training.val.image, "train": training.train.image}
    write_report(result, winner.picture or training.val.image, folder / "report.html", pictures)
    remember(settings, result)
    if settings.remote:
        location(settings).put_all(folder)
    return result


def records(search: Searched) -> tuple[TrialRecord, ...]:
    """Return what became of every trial."""
    settings, journals = search.settings, search.journals
    training, notes = search.data.training, incidents(settings.local_folder)
    samples = Samples(len(training.val), len(training.general or ()))
    found = [
        make_record(journal, search.started, samples, notes.get(name, ()))
        for name, journal in journals.items()
    ]
    if population(settings) is not None:
        reports = {name: read_reports(journal.rows) for name, journal in journals.items()}
        found = [*with_stages(found, reports)]
    return tuple(with_latency(trial, search.latencies) for trial in found)


def evidence(search: Searched, selected: Selection) -> Evidence:
    """Return what the scores rest on, and what was chosen for more than its score."""
    reports = {name: latest_reports(journal.rows) for name, journal in search.journals.items()}
    return Evidence(
        folds=search.folds,
        differences=against_first(selected.ranked, reports, search.settings.seed),
        front=selected.front,
        confirmations=selected.confirmations,
        chosen=selected.chosen,
        earlier=search.plan.earlier,
    )
