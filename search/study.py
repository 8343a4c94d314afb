"""Dataset + space + budget -> StudyResult. Read this first.

labels -> splits -> decoded once -> object store      search/preflight/data.py
every candidate untouched: scores to beat, costs      search/preflight/probe.py
what fits the time and the machine                    search/planning/plan.py
Optuna asks, ASHA stops, trials train and report      search/experiment, search/sampling, search/trials
the winner is exported and tested once                search/selection/finish.py, search/selection/winner.py
"""

import os
import time

import ray

from search.experiment.tracking import check_tracking
from search.experiment.tuner import search
from search.planning.budget import check_confirm, most_candidates
from search.planning.plan import Plan, forked, make_plan, room
from search.planning.warm_starts import origin_of
from search.preflight.data import StudyData, decode_sets, source_of, task_of
from search.preflight.fingerprint import begun_settings, check_fingerprint, fingerprint
from search.preflight.general import known_before, reachable
from search.preflight.latency import measure_all
from search.preflight.probe import probe_models
from search.preflight.space import check_names, settled
from search.records.ranking import Forgetting
from search.records.result import StudyResult
from search.sampling.population import check_population
from search.sampling.samplers import SAMPLERS, check_objectives
from search.selection.confirm import Again
from search.selection.finish import finish
from search.selection.outcome import Finished
from search.settings import StudySettings, population, sampler_of
from search.storage.files import BEGUN, STUDY_FILE
from search.storage.location import check_folder, publish, withdraw
from search.storage.lock import sole_search
from search.trials.folds import pooled, with_folds
from search.trials.start import TrialSetup
from spaces.space import SearchSpace
from train.errors import UsageError
from train.files import write_whole
from train.sets.read import Sets, read_sets


def run_study(asked: StudySettings, resume: bool) -> StudyResult:
    """Search, export and report; `resume` continues a study that was interrupted.

    Nothing of the study is read or written before its lock is held.

    Raises:
        UsageError: before any work, for settings that cannot work, and while another search works on the study.
        DataError: for data that cannot be used.
    """
    started = time.time()
    with sole_search(asked.local_folder):
        return search_study(begun_settings(asked) if resume else asked, resume, started)


def search_study(settings: StudySettings, resume: bool, started: float) -> StudyResult:
    """Search, export and report, in a folder that is this search's alone."""
    settings, space = settled(settings)
    check_method(settings, space)
    check_folder(settings, resume)
    origin = origin_of(settings)
    sets = read_sets(source_of(settings))
    check_fingerprint(settings.local_folder, fingerprint(space, sets, settings.task_name), resume)
    settings = with_folds(settings, len(sets.samples["train"]))
    print(data_text(settings, sets), flush=True)
    start_ray()
    needs, _, _ = room(settings, space, [])
    write_whole(settings.local_folder / STUDY_FILE, settings.model_dump_json(indent=2))
    publish(settings, *BEGUN)
    data = decode_sets(settings, sets)
    shared = ray.put(data.training)
    read = shared if settings.folds == 1 else ray.put(pooled(data.training))
    probes = probe_models(space, read, task_of(settings).terms, dict(needs.share))
    known = known_before(settings, probes, data)
    space = possible(space, known, data, settings, resume)
    plan = forked(make_plan(settings, space, probes, data, started), origin)
    latencies = measure_all(plan.space, shared) if settings.objectives != "accuracy" else {}
    setup = TrialSetup(
        shared,
        plan.group,
        known,
        population(settings) is not None,
        settings.folds or 1,
        plan.clock,
        plan.needs,
    )
    results = search(settings, plan, setup, probes, resume, latencies)
    if plan.group is not None:
        plan.group.storage.delete_folder()  # only transient
    again = how_again(settings, plan, setup, len(results))
    return finish(Finished(settings, plan, data, probes, results, started, known, again, latencies))


def how_again(settings: StudySettings, plan: Plan, setup: TrialSetup, trials: int) -> Again:
    """Return how the best of so many trials are trained again."""
    end = plan.clock.deadline and plan.clock.deadline + plan.clock.reserved
    most = most_candidates(settings, trials)
    return Again(setup.data, plan.needs.share, end, plan.concurrent, setup.forgetting, most)


def check_method(settings: StudySettings, space: SearchSpace) -> None:
    """Raise UsageError for what cannot be searched in this way, or needs what is not installed."""
    check_names(space)
    check_tracking(settings)
    check_population(settings, space)
    check_confirm(settings)
    check_objectives(settings, space)
    SAMPLERS[sampler_of(settings)](space, settings.seed, 0)  # refuses what it cannot search


def data_text(settings: StudySettings, sets: Sets) -> str:
    """Say how many samples each set has, 'data: train 461, val 172 lines'."""
    counts = ", ".join(f"{name} {len(samples)}" for name, samples in sets.samples.items())
    repaired = f"; labels put right: {sets.repaired}" if sets.repaired else ""
    return f"data: {counts} {task_of(settings).terms.samples}{repaired}"


def possible(
    space: SearchSpace, known: Forgetting | None, data: StudyData, settings: StudySettings, resume: bool
) -> SearchSpace:
    """Return the space as far as it can keep what the models knew; a new study that cannot leaves its name free."""
    try:
        return reachable(space, known, data)
    except UsageError:
        if not resume:
            withdraw(settings)
        raise


def start_ray() -> None:
    """Join the cluster that RAY_ADDRESS names, or start one here."""
    if not ray.is_initialized():
        os.environ.setdefault("RAY_AIR_NEW_OUTPUT", "0")  # our own progress lines say it
        os.environ.setdefault("TUNE_GLOBAL_CHECKPOINT_S", "2")  # what a killed search loses at most
        # Tune's own handler would end an interrupted search as if it were done.
        os.environ.setdefault("TUNE_DISABLE_SIGINT_HANDLER", "1")
        ray.init(log_to_driver=False, logging_level="ERROR")
