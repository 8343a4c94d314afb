"""From Tune's results to the study's: records, the winner's bundle, its one test, summary and report."""

import time
from collections.abc import Sequence
from pathlib import Path

from search.experiment.incidents import read_incidents
from search.experiment.keep import keep_best, measure_disk_use
from search.planning.warm_starts import remember
from search.preflight.general import summarise_general
from search.records.evidence import EightBits, Evidence
from search.records.from_reports import Samples, make_record
from search.records.result import StudyResult, write_result
from search.records.sample_rows import write_rows
from search.records.trial import TrialRecord, add_latency, rank
from search.records.trial_report import latest_reports, read_reports
from search.report.follow_up import list_commands
from search.report.page.page import write_report
from search.report.summary import write_summary
from search.sampling.lineage import add_stages
from search.selection.choose import Selection, compare_trials, select_winner
from search.selection.outcome import Searched
from search.selection.winner import WinnerEvidence, export_winner
from search.storage.files import BEST_CONFIG, SUMMARY_FILE
from search.storage.location import locate
from train.config_file import load_config, remark_of, save_config
from train.data.sample import Sample
from train.end_to_end.pair import load_reader, write_thresholds
from train.end_to_end.reading_thresholds import NAMES, suit_reader
from train.loop import TrainingData
from train.quantise import try_to_quantise
from train.system.machine.versions import installed_versions
from train.trained.readers import detector

OF_READER = (
    "The thresholds of detection suit the reader, as in best/; train/run.py chooses some for hmean alone."
)


def finish(search: Searched) -> StudyResult:
    """Export and test the winner, and write everything that the study leaves behind."""
    settings, training = search.settings, search.data.training
    trials = make_records(search)
    selected = select_winner(trials, search.load, training, search.retraining, settings.seed)
    verdict = export_winner(search, selected, settings.local_folder)
    suit_named_reader(search, settings.local_folder / "best")
    keep_best(search.folders.values())  # the winner and the voters on the labels have been read
    result = make_result(search, trials, selected, verdict)
    write_files(search, result, verdict)
    remember(settings, result)
    if search.overrun:
        print(search.overrun, flush=True)
    if settings.int8:  # the last of all: it takes minutes, and no budget counts them
        told = add_8_bits(settings.local_folder / "best", training, learned=verdict.refit is not None)
        result = result.model_copy(update={"int8": told})
        write_files(search, result, verdict)
    if settings.remote:
        locate(settings).put_all(settings.local_folder)
    return result


def suit_named_reader(search: Searched, bundle: Path) -> None:
    """Give a detector's bundle the thresholds that suit the reader that was named, if one was."""
    val, reader = search.data.training.val, search.settings.recognition
    if reader is not None and bundle.is_dir():
        photos = zip(val.sources, val.texts, strict=True)
        suit_to_reader(bundle, [Sample(Path(path), text, path) for path, text in photos], Path(reader))


def add_8_bits(bundle: Path, data: TrainingData, learned: bool) -> EightBits | None:
    """Add an 8-bit graph to a bundle where one is faster and as good; return what came of it, None without a bundle."""
    if not bundle.is_dir():
        return None
    return EightBits(**try_to_quantise(bundle, data.val, data.train, learned=learned)._asdict())


def suit_to_reader(bundle: Path, photos: Sequence[Sample], reader: Path) -> None:
    """Give a detector's bundle and its best.yaml the thresholds that suit a reader on validation photos."""
    suited = suit_reader(detector(str(bundle)), photos, load_reader(reader))
    print(suited, flush=True)
    write_thresholds(bundle, suited.parameters)
    path = bundle.parent / BEST_CONFIG
    config, above = load_config(path), remark_of(path)
    chosen = {name: getattr(suited.parameters, name) for name in NAMES}
    detection = config.detection.model_copy(update=chosen)
    if detection != config.detection:
        remark = above if OF_READER in above else f"{above}\n{OF_READER}".strip()
        save_config(config.model_copy(update={"detection": detection}), path, remark)


def make_result(
    search: Searched, trials: tuple[TrialRecord, ...], selected: Selection, verdict: WinnerEvidence
) -> StudyResult:
    """Return all that was found."""
    settings, data = search.settings, search.data
    return StudyResult(
        name=settings.name,
        task=settings.task_name,
        space=settings.space,
        data=data.summary,
        baselines=tuple(b for probe in search.probes for b in probe.baselines),
        trials=trials,
        averaged=verdict.averaged,
        caution=verdict.caution,
        refit=verdict.refit,
        comparisons=verdict.comparisons,
        misreadings=verdict.misreadings,
        evidence=collect_evidence(search, selected),
        general=summarise_general(settings, data),
        labels=verdict.labels,
        decoded=dict(verdict.decoded),
        reservation=search.plan.reservation,
        max_epochs=search.folds if search.folds > 1 else search.plan.budget.max_epochs,
        wall_seconds=time.time() - search.started,
        versions=installed_versions(),
        seeds={"search": settings.seed, "split": settings.seed, "train": settings.seed},
        commands=list_commands(
            settings,
            data.summary,
            settings.local_folder,
            exported=bool(verdict.averaged),
            refitted=verdict.refit is not None,
            several=len(rank(trials)) > 1,
        ),
        disk=measure_disk_use(search.results),
    )


def write_files(search: Searched, result: StudyResult, verdict: WinnerEvidence) -> None:
    """Write the result for programs and for people into the study's folder."""
    folder, training = search.settings.local_folder, search.data.training
    write_rows(verdict.rows, folder)
    write_result(result, folder)
    pictures = {"val": training.val.image, "train": training.train.image}
    write_report(result, verdict.picture or training.val.image, folder / "report.html", pictures)
    write_summary(result, folder / SUMMARY_FILE)  # the last: with it a study is finished


def make_records(search: Searched) -> tuple[TrialRecord, ...]:
    """Return what became of every trial."""
    settings, journals = search.settings, search.journals
    training, notes = search.data.training, read_incidents(settings.local_folder)
    samples = Samples(len(training.val), len(training.general or ()))
    trials = [
        make_record(journal, search.started, samples, notes.get(name, ()))
        for name, journal in journals.items()
    ]
    if settings.population is not None:
        reports = {name: read_reports(journal.rows) for name, journal in journals.items()}
        trials = [*add_stages(trials, reports)]
    return tuple(add_latency(trial, search.latencies) for trial in trials)


def collect_evidence(search: Searched, selected: Selection) -> Evidence:
    """Return what the scores rest on, and what was chosen for more than its score."""
    reports = {name: latest_reports(journal.rows) for name, journal in search.journals.items()}
    return Evidence(
        folds=search.folds,
        differences=compare_trials(selected.ranked, reports, search.settings.seed),
        front=selected.front,
        confirmations=selected.confirmations,
        chosen=selected.chosen,
        earlier=search.plan.earlier,
    )
