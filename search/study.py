"""Labels, space and budget in, StudyResult out. Read this first: `run_study` is five stages in a row.

    Request -> prepare -> Prepared     settings, space, checked samples            search/preflight
            -> probe   -> Probed       decoded once; scores to beat, costs         search/preflight
            -> plan    -> Planned      the space narrowed, time and nodes divided  search/planning
            -> search  -> Searched     Optuna suggests, ASHA stops, trials train   search/experiment
            -> finish  -> StudyResult  the winner exported, tested once, reported  search/selection

Each stage takes what the one before has made, and changes nothing of it.
"""

import time
from dataclasses import replace
from pathlib import Path

import ray

from search.experiment.live import show_stage, shown, wait_for
from search.experiment.tracking import check_tracking
from search.experiment.tuner import run_trials
from search.planning.budget import check_confirm
from search.planning.clock import Clock, read_concurrent
from search.planning.packing import check_fraction, describe_wait, require_promise
from search.planning.plan import Planned, make_plan
from search.planning.resources import fit_resources, list_free_nodes, list_nodes
from search.planning.warm_starts import read_fork
from search.preflight.cluster import check_cluster, start_ray
from search.preflight.data import (
    choose_study_cut,
    decode_sets,
    gather_text_knowledge,
    source_of,
    task_of,
    with_other_lines,
)
from search.preflight.fingerprint import check_fingerprint, read_begun_settings, take_fingerprint
from search.preflight.general import limit_forgetting
from search.preflight.narrowing import DICTIONARY
from search.preflight.probing.latency import take_latencies
from search.preflight.probing.probe import probe_models
from search.preflight.probing.rehearsal import WAIT_SHARE, begin_rehearsals, find_slowest
from search.preflight.space import check_names, find_stored, settle, settle_engine
from search.preflight.stages import Prepared, Probed, Request
from search.records.evidence import Latencies
from search.records.result import StudyResult
from search.sampling.population import check_population
from search.sampling.samplers import SAMPLERS, check_objectives
from search.selection.finish import finish
from search.selection.outcome import Searched
from search.selection.refit import start_companion
from search.settings import StudySettings
from search.storage.beginning import keeping_the_name
from search.storage.files import BEGUN, FINGERPRINT, LATENCIES, STUDY_FILE
from search.storage.location import check_folder, check_name, check_own_folder, locate, publish
from search.storage.lock import sole_search
from search.trials.folds import choose_folds, pool_splits
from spaces.space import SearchSpace
from train.bundle import load_bundle
from train.config import TrialConfig
from train.errors import UsageError
from train.reading.knowledge import TextKnowledge
from train.sets.read import Sets, read_sets
from train.system.files import write_whole
from train.system.paths import require_folder, require_present
from train.trained.readers import DETECTION


def run_study(asked: StudySettings, resume: bool) -> StudyResult:
    """Search, export and report; `resume` continues a study that was interrupted.

    Nothing of the study is read or written before its lock is held. Its name is taken when its first trial begins.

    Raises:
        UsageError: before any work, for settings that cannot work, and while another search works on the study.
        DataError: for data that cannot be used.
        StartError: for any other failure before the first trial.
    """
    started = time.time()
    deadline = asked.time_budget_s and started + asked.time_budget_s
    if not resume:
        check_own_folder(asked)
    with sole_search(asked.local_folder), shown(deadline):
        check_folder(asked, resume)
        with keeping_the_name(asked, resume):
            prepared = prepare(Request(asked, resume, started))
            probed = probe(prepared)
            planned = plan(probed)
            return finish(search(planned))


def prepare(request: Request) -> Prepared:
    """Complete the settings, read the samples, and check all that can be checked before slow work begins."""
    settings = read_begun_settings(request.settings) if request.resume else request.settings
    show_stage("checking labels and images")
    settings, space, knowledge = settle_method(settings)
    check_cluster()
    settings, space = settle(with_other_lines(settings, request.resume))
    if settings.cache:
        require_folder(Path(settings.cache), "--cache")
    fork = read_fork(settings)
    if settings.detection:
        show_stage("finding the lines in the photos")
        settings = choose_study_cut(settings, space)
        settings, space = settle(settings)
    sets = read_sets(replace(source_of(settings), begun=request.resume))
    if sets.dictionary:
        settings = settings.model_copy(update={DICTIONARY: str(sets.dictionary.path.absolute())})
    settings = choose_folds(settings, len(sets.samples["train"]))
    show_stage("choosing the engine")
    settings, space = settle_engine(settings, space)
    begun_with = take_fingerprint(space, sets, settings.task_name, knowledge, settings.folds or 1)
    check_fingerprint(settings.local_folder, begun_with, request.resume)
    print(describe_data(settings, sets), flush=True)
    return Prepared(settings, space, sets, fork, request.resume, request.started)


def probe(prepared: Prepared) -> Probed:
    """Decode the data once, and read them with every model before any training."""
    settings, space = prepared.settings, prepared.space
    show_stage("starting Ray and decoding the images")
    start_ray()
    resources = fit_resources(settings, list_nodes(), space, ())
    amounts = resources.trial.amounts
    if waiting := describe_wait(settings, amounts, list_free_nodes()):
        print(waiting, flush=True)
    check_name(settings, prepared.resume)
    publish(settings, FINGERPRINT)  # what cannot be written there is known before any work
    data = decode_sets(settings, prepared.sets, find_stored(settings, space))
    shared = ray.put(data.training)
    read = shared if settings.folds == 1 else ray.put(pool_splits(data.training))
    show_stage("reading with the pretrained models")
    beside = settings.time_budget_s is not None and resources.concurrent > 1
    exports = begin_rehearsals(space, shared, locate(settings).path) if beside else []
    probes = probe_models(space, read, task_of(settings).terms, amounts, wait_for)
    if exports:
        show_stage("trying the export")
    rehearsal = find_slowest(exports, WAIT_SHARE * (settings.time_budget_s or 0))
    return Probed(prepared, data, shared, probes, limit_forgetting(settings, probes, data), rehearsal)


def plan(probed: Probed) -> Planned:
    """Decide what is searched, and how."""
    settings = probed.settings
    check_name(settings, probed.prepared.resume)
    began = read_concurrent(settings.local_folder) if probed.prepared.resume else None
    made = make_plan(probed, list_nodes(), time.time(), began)
    show_stage("planning")
    latencies: Latencies = {}
    if settings.objectives != "accuracy":
        file, resume = settings.local_folder / LATENCIES, probed.prepared.resume
        latencies = take_latencies(made.space, probed.shared, file, resume=resume, int8=settings.int8)
    limit = began if probed.prepared.resume else made.resources.concurrent
    clock = Clock.start(made.budget, settings.local_folder, made.places, limit)
    return Planned(probed, made, clock, latencies)


def search(planned: Planned) -> Searched:
    """Run the trials, or resume them; from here on the study's name is taken."""
    settings = planned.settings
    check_name(settings, planned.probed.prepared.resume)
    write_whole(settings.local_folder / STUDY_FILE, settings.model_dump_json(indent=2), durable=True)
    publish(settings, *BEGUN)
    show_stage("training", planned.clock.deadline)
    companion = start_companion(planned)
    results = run_trials(planned, companion and companion.job)
    show_stage("choosing, exporting and testing the winner")
    group = planned.plan.resources.group
    if group is not None:
        group.storage.delete_folder()  # only transient
    return Searched(planned, results, companion)


def settle_method(settings: StudySettings) -> tuple[StudySettings, SearchSpace, TextKnowledge]:
    """Return settings and space as `settle` does, and what is declared of the texts; all that is asked for can be done.

    Raises UsageError or DataError for what cannot.
    """
    settings, space = settle(settings)
    check_method(settings, space)
    return settings, space, gather_text_knowledge(settings, ())


def check_method(settings: StudySettings, space: SearchSpace) -> None:
    """Raise UsageError for what cannot be searched in this way, or needs what is not installed."""
    check_names(space)
    find_stored(settings, space)  # refuses models of several sizes
    check_tracking(settings)
    check_fraction(settings.gpus or 0.0)
    if settings.autoscaling:
        require_promise(settings)
    check_reader(settings)
    check_population(settings, space)
    check_confirm(settings)
    check_objectives(settings, space)
    SAMPLERS[settings.chosen_sampler](space, settings.seed, 0)  # refuses what it cannot search


def check_reader(settings: StudySettings) -> None:
    """Raise UsageError or CheckpointError where --recognition names no reader, or is not for a detector."""
    if settings.recognition is None:
        return
    if settings.task_name != DETECTION:
        rule = "--recognition goes with --task detection: its reader reads what is found"
        raise UsageError(
            rule, f"--task {settings.task_name}", "leave it out, or name what finds lines with --detection"
        )
    require_present(Path(settings.recognition), "--recognition")
    load_bundle(Path(settings.recognition)).require_task(TrialConfig().task)


def describe_data(settings: StudySettings, sets: Sets) -> str:
    """Say how many samples each set has, 'data: train 461, val 172 lines', and what the carved splits hold."""
    counts = ", ".join(f"{name} {len(samples)}" for name, samples in sets.samples.items())
    repaired = f"; labels put right: {sets.repaired}" if sets.repaired else ""
    return "\n".join([f"data: {counts} {task_of(settings).terms.samples}{repaired}", *sets.messages])
