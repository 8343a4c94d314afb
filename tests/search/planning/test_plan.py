"""What a study decides before it starts: models, widths, names that must exist."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from search.experiment.tuner import has_trials
from search.planning.as_read import find_common_width, find_own_widths, fix_as_read
from search.planning.chances import drop_hopeless_models, pick_affordable_models
from search.planning.packing import Resources
from search.planning.plan import drop_unaffordable_models
from search.planning.resources import (
    estimate_memory,
    fit_as_begun,
    fit_resources,
    list_nodes,
    list_useful_parts,
)
from search.planning.time_budget import TimeBudget
from search.preflight.cost import Cost, Footprint
from search.preflight.probing.probe import Probe
from search.records.result import Baseline
from search.settings import StudySettings
from search.storage.location import Location
from spaces.space import SearchSpace, load_space, parse_space
from train.scoring.texts import TextScores

ROWS = np.ones((10, 2))
STUDY = StudySettings(name="some", storage="runs")
WIDTHS = {"wide": {0: 0.6, 320: 0.7}, "own": {0: 0.6, 320: 0.5}}
COST = Cost(full=0.1, frozen=0.05, evaluate=0.01)


def share(sums: np.ndarray) -> float:
    return float(sums[1] / sums[0])


def probe(model: str, scores: dict[int, float]) -> Probe:
    """Return a probe that read `scores`, {width in pixels: exact match}, with the domain's charset."""
    read = {("keep", 0): 0.9} | {("domain", width): score for width, score in scores.items()}
    baselines = tuple(
        Baseline(model=model, charset=charset, fit_width=width, scores=TextScores(10, score, score, 0.1))
        for (charset, width), score in read.items()
    )
    return Probe(model, baselines, tuple(ROWS for _ in baselines), COST, share)


def test_a_width_is_agreed_on_where_all_read_best_at_it() -> None:
    a, b, c = probe("a", {0: 0.1, 320: 0.5}), probe("b", {0: 0.6, 320: 0.7}), probe("c", {0: 0.5, 320: 0.4})
    assert (a.fit_width, c.fit_width) == (320, 0)
    assert find_common_width([a, b]) == 320
    assert find_common_width([c]) == 0
    assert find_common_width([a, b, c]) is None


def fixed(probes: list[Probe], settings: StudySettings = STUDY, **more: object) -> tuple[SearchSpace, str]:
    """Return the shipped space for these models after their baselines were read."""
    space = load_space("recognition").with_choices("model", [probe.model for probe in probes])
    return fix_as_read(space.with_fixed(more), probes, settings)


def test_a_width_that_the_space_fixes_stays() -> None:
    narrow = probe("a", {0: 0.6, 320: 0.5})
    space, reason = fixed([narrow])
    assert space.choices("fit_width") == (0,)
    assert reason.startswith("every model reads lines best as wide as they are: fixed")
    space, reason = fixed([narrow], fit_width=320)
    assert space.choices("fit_width") == (320,)
    assert "lines" not in reason


def test_the_whole_dictionary_is_left_out_where_no_model_reads_better_with_it() -> None:
    with_it, without, equal = probe("a", {0: 0.8}), probe("b", {0: 0.95}), probe("c", {0: 0.9, 320: 0.5})
    space, reason = fixed([without, equal])
    assert space.choices("charset") == ("domain",)
    assert reason.endswith("no model reads better with its whole dictionary: left out charset keep")
    assert fixed([without, with_it])[0].choices("charset") == ("domain", "keep")
    general = STUDY.model_copy(update={"general_labels": "other.txt"})
    assert fixed([without], general)[0].choices("charset") == ("domain", "keep")


def test_models_that_read_best_at_different_widths_start_at_their_own() -> None:
    small, tiny = probe("pp-ocrv6-small", {0: 0.6, 384: 0.7}), probe("pp-ocrv6-tiny", {0: 0.6, 256: 0.7})
    space, reason = fixed([small, tiny])
    assert space.choices("fit_width") == (256, 384)
    assert "each starts at its own: pp-ocrv6-small 384, pp-ocrv6-tiny 256" in reason
    widths = {model: {"fit_width": width} for model, width in find_own_widths([small, tiny]).items()}
    points = space.warm_starts_for(300, widths)
    assert {(point["model"], point["fit_width"]) for point in points} == {
        ("pp-ocrv6-small", 384),
        ("pp-ocrv6-tiny", 256),
    }


def test_a_model_that_is_left_out_has_no_say() -> None:
    a, b = (probe(name, read) for name, read in WIDTHS.items())
    space = load_space("recognition").with_choices("model", ["wide"])
    assert fix_as_read(space, [a, b], STUDY)[0].choices("fit_width") == (320,)


def test_a_trial_has_memory_for_the_widest_lines_that_it_may_get() -> None:
    """Where the models agree on a width, for that; else a trial may draw the lines' own."""
    footprint = Footprint(base=0, step=100, pixels=100, largest={0: 500, 320: 320})
    wide, own = (replace(probe(name, read), footprint=footprint) for name, read in WIDTHS.items())
    space = load_space("recognition").with_fixed({"batch_size": 1})
    one, both = (space.with_choices("model", names) for names in (("wide",), ("wide", "own")))
    assert estimate_memory(one, [wide], STUDY) == [pytest.approx(1.2 * 320, abs=1)]
    assert estimate_memory(both, [wide, own], STUDY)[-1] == pytest.approx(1.2 * 500, abs=1)


def test_the_middle_batch_is_of_the_usual_trial() -> None:
    """One worker of two has half of every batch."""
    model = replace(probe("wide", WIDTHS["wide"]), footprint=Footprint(0, 100, 100, {0: 500, 320: 320}))
    space = load_space("recognition").with_choices("model", ("wide",))
    sizes = [round(need / 1.2 / 320) for need in estimate_memory(space, [model], STUDY)]
    assert sizes == [16, 32, 64]
    two = STUDY.model_copy(update={"workers": 2})
    assert [round(need / 1.2 / 320) for need in estimate_memory(space, [model], two)] == [8, 16, 32]


def test_a_resumed_study_has_as_many_trials_at_a_time_as_tune_lets_it() -> None:
    """Begun by a version that noted no number, those of whole batches; Tune keeps the limit of the beginning."""
    model = replace(probe("wide", WIDTHS["wide"]), footprint=Footprint(0, 10**9, 1, {0: 1, 320: 1}))
    space = load_space("recognition").with_choices("model", ("wide",))
    nodes = [{"CPU": 2.0, "memory": 60e9}]  # two usual trials of 32 lines with 16 at a time

    def shared(resources: Resources) -> tuple[int, float]:
        return resources.concurrent, resources.trial.amounts["CPU"]

    assert shared(fit_resources(STUDY, nodes, space, [model])) == (2, 1)
    for began, expected in ((None, (1, 2)), (1, (1, 2)), (2, (2, 1))):
        assert shared(fit_as_begun(STUDY, nodes, space, [model], began)) == expected


@pytest.mark.parametrize(
    ("changes", "sizes", "parts"),
    [
        ({}, [16, 32, 64], (2, 4)),
        ({}, [16], (2,)),
        ({"workers": 2}, [16, 32, 64], (2,)),
        ({"task": "detection"}, [32], ()),
        ({"task": "transcription"}, [32], ()),
    ],
)
def test_trials_are_computed_in_parts_for_speed_where_these_save_memory_and_are_no_few_samples(
    changes: dict[str, object], sizes: list[int], parts: tuple[int, ...]
) -> None:
    space = load_space("recognition").with_choices("batch_size", sizes)
    assert list_useful_parts(STUDY.model_copy(update=changes), space) == parts


def ranked(model: str, score: float, step_s: float = 0.1) -> Probe:
    """Return a probe that read a share of 100 lines, and whose training takes `step_s` seconds a line."""
    baseline = Baseline(model=model, charset="domain", scores=TextScores(100, score, score, 0.1))
    right = np.arange(100) < 100 * score
    rows = np.column_stack([np.ones(100), right])
    cost = Cost(full=step_s, frozen=0.05, evaluate=0.01)
    return Probe(model, (baseline,), (rows,), cost, share)


PROBES = [ranked("slow", 0.2), ranked("best", 0.8), ranked("middle", 0.5)]


@pytest.mark.parametrize(
    ("trials", "models"),
    [
        (0, ["best"]),
        (1.9, ["best"]),
        (3.9, ["best"]),
        (4, ["best", "middle"]),
        (50, ["best", "middle", "slow"]),
    ],
)
def test_only_the_best_readers_stay_where_time_is_short(trials: float, models: list[str]) -> None:
    assert pick_affordable_models(PROBES, [60, 60, 60], 60 * trials) == models


@pytest.mark.parametrize(
    ("seconds", "models"),
    [
        (90, ["fast"]),
        (199, ["fast"]),
        (600, ["slow"]),
        (800, ["slow", "fast"]),
        (820, ["slow", "fast", "worse"]),
    ],
)
def test_a_model_that_is_level_goes_for_want_of_time_alone(seconds: float, models: list[str]) -> None:
    probes = [ranked("slow", 0.81, 0.3), ranked("fast", 0.8), ranked("worse", 0.6, 0.01)]
    assert pick_affordable_models(probes, [300, 100, 10], seconds) == models
    assert pick_affordable_models(probes, [300, 100, 10], seconds / 2, trials=1) == models, "it is paid once"


def test_a_space_is_narrowed_to_what_the_budget_allows() -> None:
    models = ["slow", "best", "middle"]
    space = parse_space(f"parameters: {{model: {{choice: {models}}}}}", "some", "some.yaml")
    two_cores = {"CPU": 2.0, "memory": 1e9}

    def narrowed(
        deadline: float | None, trials: int | None = None, nodes: int = 1
    ) -> tuple[set[object], str]:
        budget = TimeBudget(deadline, 10, 100, 10, dict.fromkeys(models, COST))
        study = STUDY.model_copy(update={"trials": trials})
        left, reason = drop_unaffordable_models(space, PROBES, study, budget, [two_cores] * nodes, now=1000.0)
        return set(left.choices("model")), reason

    assert narrowed(None) == (set(models), "")
    # An epoch takes 10.1 s and a trial 10 of them: two at a time make 4 trials in 202 s.
    kept, reason = narrowed(1000.0 + 203)
    assert kept == {"best", "middle"}
    assert reason == "the time budget is too short for all models: left out slow"
    assert narrowed(1000.0 + 20)[0] == {"best"}
    assert narrowed(1000.0 + 201, trials=1, nodes=3)[0] == {"best"}, "a single trial has a single place"
    assert narrowed(1000.0 + 203, trials=1, nodes=3)[0] == {"best", "middle"}


def test_only_an_experiment_that_began_a_trial_is_restored(tmp_path: Path) -> None:
    """A kill while the models are probed, or before Tune's first trial, leaves nothing to go on with."""
    assert not has_trials(Location(str(tmp_path / "nothing")))
    (tmp_path / "tuner.pkl").write_bytes(b"")
    assert not has_trials(Location(str(tmp_path)))
    (tmp_path / "experiment_state-2026.json").write_text('{"trial_data": []}', encoding="utf-8")
    assert not has_trials(Location(str(tmp_path)))


@pytest.mark.parametrize(
    ("scores", "slow_s", "kept"),
    [
        ({"slow": 0.69, "best": 0.88, "middle": 0.61}, 0.2, {"best"}),  # the photos of VINs
        (
            {"slow": 0.69, "best": 0.88, "middle": 0.8},
            0.05,
            {"slow", "best", "middle"},
        ),  # as fast as the best
        (
            {"slow": 0.0, "best": 0.05, "middle": 0.0},
            0.1,
            {"slow", "best", "middle"},
        ),  # all have all to learn
    ],
)
def test_models_that_cannot_win_are_not_trained(
    scores: dict[str, float], slow_s: float, kept: set[str]
) -> None:
    """Dearer ones need a better chance; whoever names a model gets it, and a forked study has them all."""
    space = parse_space(f"parameters: {{model: {{choice: {list(scores)}}}}}", "some", "some.yaml")
    probes, seconds = [ranked(*one) for one in scores.items()], {"slow": slow_s, "best": 0.1, "middle": 0.05}
    left, reason = drop_hopeless_models(space, probes, seconds, STUDY)
    assert set(left.choices("model")) == kept
    assert all(f"left out {name}: " in reason for name in set(scores) - kept)
    for asked in ({"models": tuple(scores)}, {"fork": "old"}):
        assert drop_hopeless_models(space, probes, seconds, STUDY.model_copy(update=asked)) == (space, "")


def test_trials_have_what_the_searchs_own_job_leaves_of_its_node(
    local_cluster: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    import ray
    from ray._private.runtime_env.constants import RAY_JOB_CONFIG_JSON_ENV_VAR
    from ray.dashboard.modules.job.common import JobInfo, JobInfoStorageClient, JobStatus
    from ray.experimental.internal_kv import _internal_kv_del, _internal_kv_put

    [whole] = list_nodes()
    key = JobInfoStorageClient.JOB_DATA_KEY.format(job_id="mine")
    info = JobInfo(
        JobStatus.RUNNING, "search", entrypoint_num_cpus=1, driver_node_id=ray.nodes()[0]["NodeID"]
    )
    _internal_kv_put(key, json.dumps(info.to_json()), namespace="job")
    monkeypatch.setenv(RAY_JOB_CONFIG_JSON_ENV_VAR, json.dumps({"metadata": {"job_submission_id": "mine"}}))
    assert list_nodes() == [{**whole, "CPU": 1.0}]
    _internal_kv_del(key, namespace="job")
