"""Dataset + space + budget -> StudyResult. Read this first.

labels -> splits -> decoded once -> object store      search/data.py
every candidate untouched: scores to beat, costs      search/probe.py
Optuna asks, ASHA stops, trials train and report      search/experiment.py, search/searcher.py, search/trial.py
the winner is exported and tested once                search/finish.py, search/winner.py
"""

import os
import time
from pathlib import Path
from typing import Any

import ray

from search.confirm import Again, check_confirm, most_candidates
from search.data import Prepared, StudyData, decode_sets, prepare, task_of
from search.experiment import search
from search.files import BEGUN, STUDY_FILE
from search.fingerprint import check_fingerprint, fingerprint
from search.finish import finish
from search.finished import Finished
from search.folds import pooled, with_folds
from search.fork import forked, origin_of
from search.general import known_before, reachable
from search.known import check_names
from search.latency import measure_all
from search.owner import hold
from search.pareto import check_objectives
from search.plan import Plan, candidates, make_plan, narrowed, room, study_task, with_engine
from search.population import check_population, population, sampler_of
from search.probe import Probe, probe_model
from search.progress import untouched_line
from search.ranking import Forgetting
from search.results import StudyResult, write_text_atomically
from search.samplers import SAMPLERS
from search.settings import StudySettings
from search.storage import publish, study_exists, withdraw
from search.tracking import check_tracking
from search.trial import TrialSetup
from spaces.space import SearchSpace, load_space
from train.config import config_error, config_from_mapping, nested
from train.errors import UsageError
from train.tasks import Words


def run_study(settings: StudySettings, resume: bool) -> StudyResult:
    """Search, export and report; `resume` continues a study that was interrupted.

    Raises:
        UsageError: before any work, for settings that cannot work.
        DataError: for data that cannot be used.
    """
    started = time.time()
    settings, space = settled(settings)
    check_method(settings, space)
    check_folder(settings, resume)
    origin = origin_of(settings)
    prepared = prepare(settings)
    check_fingerprint(settings.local_folder, fingerprint(space, prepared, settings.task_name), resume)
    settings = with_folds(settings, len(prepared.sets["train"]))
    print(data_text(settings, prepared), flush=True)
    start_ray()
    needs, _, _ = room(settings, space, [])
    write_text_atomically(settings.local_folder / STUDY_FILE, settings.model_dump_json(indent=2))
    publish(settings, *BEGUN)
    with hold(settings.local_folder):
        data = decode_sets(settings, prepared)
        shared = ray.put(data.training)
        read = shared if settings.folds == 1 else ray.put(pooled(data.training))
        probes = probe_models(space, read, task_of(settings).words, dict(needs.share))
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


def settled(settings: StudySettings) -> tuple[StudySettings, SearchSpace]:
    """Return the settings with the task and engine that they leave to the space, and the space as they narrow it."""
    loaded = load_space(settings.space)
    settings = settings.model_copy(update={"task": study_task(settings, loaded)})
    settings = with_engine(settings, narrowed(loaded, settings))
    return settings, narrowed(loaded, settings)


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


def data_text(settings: StudySettings, prepared: Prepared) -> str:
    """Say how many samples each set has, 'data: train 461, val 172 lines'."""
    counts = ", ".join(f"{name} {len(part)}" for name, part in prepared.sets.items())
    repaired = f"; labels put right: {prepared.repaired}" if prepared.repaired else ""
    return f"data: {counts} {task_of(settings).words.samples}{repaired}"


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


def check_folder(settings: StudySettings, resume: bool) -> None:
    """Raise UsageError if the study's folder holds one already, or, to resume, none."""
    if resume != study_exists(settings):
        rule = "--resume needs a study of that name" if resume else "a study's name must be new"
        where = f" and {settings.name} in {settings.storage}" if settings.remote else ""
        remedy = (
            "leave out --resume"
            if resume
            else f"add --resume, choose another --name, or delete {settings.local_folder}{where}"
        )
        raise UsageError(rule, settings.name, remedy)


def load_settings(folder: Path) -> StudySettings:
    """Read the settings that a study was started with."""
    path = folder / STUDY_FILE
    if not path.is_file():
        raise UsageError("--resume needs a study of that name", folder, "leave out --resume")
    with config_error(str(path)):
        return StudySettings.model_validate_json(path.read_bytes())


def start_ray() -> None:
    """Join the cluster that RAY_ADDRESS names, or start one here."""
    if not ray.is_initialized():
        os.environ.setdefault("RAY_AIR_NEW_OUTPUT", "0")  # our own progress lines say it
        os.environ.setdefault("TUNE_GLOBAL_CHECKPOINT_S", "2")  # what a killed search loses at most
        # Tune's own handler would end an interrupted search as if it were done.
        os.environ.setdefault("TUNE_DISABLE_SIGINT_HANDLER", "1")
        ray.init(log_to_driver=False, logging_level="ERROR")


def probe_models(space: SearchSpace, shared: Any, words: Words, share: dict[str, float]) -> list[Probe]:
    """Score every candidate model untouched, in parallel, and print the scores to beat."""
    fixed = config_from_mapping(nested(dict(space.fixed) | {"model": candidates(space)[0]}), "space")
    # On what a trial gets, as its time is measured.
    remote = ray.remote(num_cpus=share["CPU"], num_gpus=share["GPU"])(probe_model)
    widths = [int(str(width)) for width in space.choices("fit_width")]
    probes: list[Probe] = ray.get(
        [remote.remote(model, fixed, widths, shared) for model in candidates(space)]
    )
    for probe in probes:
        for baseline in probe.baselines:
            print(untouched_line(baseline, words), flush=True)
    return probes
