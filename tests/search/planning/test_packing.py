"""What a trial gets of each node, and how many run: no node holds more than it has, and none idles without need."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.planning.packing import (
    MICRO_BATCHES,
    TRIAL_RESOURCES,
    Nodes,
    TrialResources,
    choose_amounts,
    count_concurrent,
    count_fitting,
    describe_wait,
    pack,
    require_promise,
    subtract,
)
from search.preflight.cost import Footprint
from search.settings import StudySettings
from train.config import TrialConfig
from train.errors import UsageError

GB = 2**30
LAPTOP = [{"CPU": 2.0, "memory": 8.0 * GB}]
GPUS = [{"CPU": 64.0, "GPU": 8.0, "memory": 512.0 * GB}]
MIXED = [{"CPU": 32.0, "memory": 64.0 * GB}, *[{"CPU": 8.0, "GPU": 1.0, "memory": 32.0 * GB}] * 2]


def settings(**changes: object) -> StudySettings:
    return StudySettings.model_validate({"name": "some", "storage": "runs"} | changes)


@pytest.mark.parametrize(
    ("nodes", "asked", "share"),
    [
        (LAPTOP, {}, {"CPU": 1, "GPU": 0}),
        (LAPTOP, {"cpus": 2}, {"CPU": 2, "GPU": 0}),
        (LAPTOP, {"trials": 1}, {"CPU": 2, "GPU": 0}),
        (LAPTOP, {"trials": 1, "cpus": 1}, {"CPU": 1, "GPU": 0}),
        (LAPTOP, {"trials": 5, "concurrent": 1}, {"CPU": 2, "GPU": 0}),
        (LAPTOP, {"trials": 1, "workers": 2}, {"CPU": 1, "GPU": 0}),
        (LAPTOP * 2, {"trials": 2}, {"CPU": 2, "GPU": 0}),
        (LAPTOP * 2, {"trials": 3}, {"CPU": 1, "GPU": 0}),
        (LAPTOP, {"trials": 1, "autoscaling": True}, {"CPU": 1, "GPU": 0}),
        ([{"CPU": 4.0}, {"CPU": 64.0}], {"trials": 8}, {"CPU": 8, "GPU": 0}),
        ([{"CPU": 64.0, "GPU": 8.0}, {"CPU": 64.0, "GPU": 1.0}], {"trials": 6}, {"CPU": 12, "GPU": 1}),
        (GPUS, {}, {"CPU": 8, "GPU": 1}),
        (GPUS, {"gpus": 0.5}, {"CPU": 4, "GPU": 0.5}),
        (GPUS, {"gpus": 0.3}, {"CPU": 2, "GPU": 0.3}),
        (GPUS, {"gpus": 0.6}, {"CPU": 8, "GPU": 0.6}),
        (GPUS, {"gpus": 0}, {"CPU": 1, "GPU": 0}),
        (GPUS, {"cpus": 3}, {"CPU": 3, "GPU": 1}),
        ([{"CPU": 4.0, "GPU": 8.0}], {}, {"CPU": 1, "GPU": 1}),
        (MIXED, {}, {"CPU": 8, "GPU": 1}),  # the cores of the node without a GPU are not those of its trials
        ([{"CPU": 0.0}, {"CPU": 4.0}], {}, {"CPU": 1, "GPU": 0}),
    ],
)
def test_nodes_and_options_decide_what_a_trial_takes(
    nodes: Nodes, asked: dict[str, float], share: dict[str, float]
) -> None:
    assert choose_amounts(settings(**asked), nodes) == share


def test_as_many_trials_as_fit() -> None:
    assert count_concurrent({"CPU": 1, "GPU": 0}, LAPTOP) == 2
    assert count_concurrent({"CPU": 8, "GPU": 1}, GPUS) == 8
    assert count_concurrent({"CPU": 4, "GPU": 0.5}, GPUS) == 16
    assert count_concurrent({"CPU": 2, "GPU": 4}, GPUS) == 2
    assert count_concurrent({"CPU": 1, "GPU": 1 / 3}, GPUS) == 24
    assert count_concurrent({"CPU": 1, "GPU": 0.6}, GPUS) == 8, "no trial has parts of two GPUs"
    assert count_concurrent({"CPU": 1, "GPU": 1}, GPUS, workers=3) == 2


def test_what_is_free_on_several_nodes_does_not_add_up() -> None:
    assert count_concurrent({"CPU": 3}, [{"CPU": 5.0}, {"CPU": 4.0}]) == 2
    with pytest.raises(UsageError, match="--autoscaling"):
        count_concurrent({"CPU": 6}, [{"CPU": 5.0}, {"CPU": 4.0}])


@pytest.mark.parametrize("need", [{"CPU": 3, "GPU": 0}, {"CPU": 1, "GPU": 1}])
def test_a_trial_that_fits_nowhere_is_refused(need: dict[str, float]) -> None:
    with pytest.raises(UsageError, match="--cpus-per-trial"):
        count_concurrent(need, LAPTOP)


def test_memory_limits_the_trials_and_their_cores_are_shared() -> None:
    nodes = [{"CPU": 16.0, "memory": 20.0 * GB}]
    share = choose_amounts(settings(), nodes, 5 * GB)
    assert share == {"CPU": 4, "GPU": 0, "memory": 5 * GB}
    assert count_concurrent(share, nodes) == 4
    alone = choose_amounts(settings(), nodes, 50 * GB)
    assert (count_concurrent(alone, nodes), alone["CPU"]) == (1, 16)
    worker = choose_amounts(settings(workers=1), nodes, 50 * GB)
    assert worker["memory"] + TRIAL_RESOURCES["memory"] <= nodes[0]["memory"], (
        "its trial has it waiting for ever"
    )


def test_what_the_searchs_own_job_holds_is_no_trials() -> None:
    """Of six cores `ray job submit --entrypoint-num-cpus 1` holds one as long as the search lasts."""
    node = {"CPU": 6.0, "GPU": 4.0, "memory": 64.0 * GB}
    rest = subtract(node, {"CPU": 1.0, "GPU": 0.0})
    assert choose_amounts(settings(), [node]) == choose_amounts(settings(), [rest]) == {"CPU": 1, "GPU": 1}
    alone = settings(trials=1)
    assert choose_amounts(alone, [node]) == {"CPU": 6, "GPU": 1}
    assert choose_amounts(alone, [rest]) == {"CPU": 5, "GPU": 1}


def test_who_waits_for_others_is_told() -> None:
    need, free = {"CPU": 6.0, "GPU": 1.0}, [{"CPU": 5.0, "GPU": 4.0}, {"CPU": 16.0}]
    assert describe_wait(settings(), need, free).startswith("no node has 6 CPU and 1 GPU free")
    assert not describe_wait(settings(), need | {"CPU": 5.0}, free)
    assert not describe_wait(settings(autoscaling=True), need, free)


@given(
    st.lists(st.tuples(st.integers(1, 32), st.integers(0, 4), st.integers(4, 64)), min_size=1, max_size=4),
    st.integers(0, 20),
    st.integers(1, 40),
)
def test_more_cores_never_mean_fewer_trials(
    sizes: list[tuple[int, int, int]], memory: int, asked: int
) -> None:
    nodes = [{"CPU": float(c + g), "GPU": float(g), "memory": float(m * GB)} for c, g, m in sizes]
    usual, few = (choose_amounts(settings(trials=trials), nodes, memory * GB) for trials in (None, asked))
    assert few["CPU"] >= usual["CPU"]
    assert count_concurrent(few, nodes) >= min(asked, count_concurrent(usual, nodes))


@given(
    st.lists(st.tuples(st.integers(1, 64), st.integers(0, 8), st.integers(4, 64)), min_size=1, max_size=4),
    st.integers(0, 40),
    st.none() | st.sampled_from([0.1, 0.25, 1 / 3, 0.5, 1.0]),
)
def test_what_is_chosen_fits_every_node(
    sizes: list[tuple[int, int, int]], memory: int, gpus: float | None
) -> None:
    nodes = [{"CPU": float(c + g), "GPU": float(g), "memory": float(m * GB)} for c, g, m in sizes]
    asked = gpus if any(node["GPU"] for node in nodes) else None
    share = choose_amounts(settings(gpus=asked), nodes, memory * GB)
    assert count_concurrent(share, nodes) >= 1
    for node in nodes:
        fits = count_fitting(share, node)
        assert all(fits * amount <= node[name] * (1 + 1e-5) for name, amount in share.items())
        if not share["GPU"] and not memory:
            assert fits * share["CPU"] == node["CPU"]


def gigabytes(a_line: float) -> dict[str, Footprint]:
    """Return the footprint of a model that needs so much for a line, and nothing else."""
    return {TrialConfig().model: Footprint(0, round(a_line * GB / 1.2), 1, {0: 1})}


def needed(models: dict[str, Footprint], sizes: Sequence[int]) -> list[list[int]]:
    model = models[TrialConfig().model]
    return [[model.trial_bytes(-(-size // parts), 0) for size in sizes] for parts in (1, *MICRO_BATCHES)]


@pytest.mark.parametrize(
    ("a_line", "running", "cores", "micro_batches"),
    [
        (0.05, 2, 1, [1, 1, 1]),  # 3.2 GB for 64 lines
        (0.125, 2, 1, [1, 1, 2]),  # 4 GB for 32 lines
        (0.25, 2, 1, [1, 2, 4]),  # 8 GB for 32 lines, 4 for 16 of them
        (0.5, 2, 1, [2, 4, 8]),  # 4 GB for 8 lines
        (1.0, 1, 2, [2, 4, 8]),  # 8 GB for 8 lines: one trial, which has all there is
    ],
)
def test_trials_have_micro_batches_where_that_lets_more_run(
    a_line: float, running: int, cores: int, micro_batches: list[int]
) -> None:
    nodes, models, sizes = [{"CPU": 2.0, "memory": 13.0 * GB}], gigabytes(a_line), (16, 32, 64)
    packed = pack(settings(), nodes, needed(models, sizes), models)
    resources = packed.trial
    assert (packed.concurrent, resources.amounts["CPU"]) == (running, cores)
    assert [resources.micro_batches(TrialConfig(batch_size=size)) for size in sizes] == micro_batches


def test_no_more_micro_batches_than_let_the_trials_run_that_are_asked_for() -> None:
    """Four trials would fit in parts, two in whole batches: two are to run."""
    nodes, models, sizes = [{"CPU": 4.0, "memory": 16.5 * GB}], gigabytes(0.25), (16, 32, 64)
    packed = pack(settings(trials=2), nodes, needed(models, sizes), models)
    assert (packed.concurrent, packed.trial.amounts["memory"] / GB) == (2, pytest.approx(8))


def test_the_workers_of_a_trial_divide_its_batches() -> None:
    nodes, models = [{"CPU": 4.0, "memory": 13.0 * GB}], gigabytes(0.125)
    packed = pack(settings(workers=2), nodes, needed(models, (8, 16, 32)), models)
    resources = packed.trial
    assert packed.group is not None
    assert packed.group.amounts == resources.amounts
    assert (packed.concurrent, resources.amounts["memory"] / GB) == (2, pytest.approx(2))
    assert [resources.micro_batches(TrialConfig(batch_size=size), 2) for size in (16, 32, 64)] == [1, 1, 2]


def test_no_micro_batches_help_where_the_network_itself_does_not_fit() -> None:
    resources = TrialResources(
        {"CPU": 1, "memory": GB}, {TrialConfig().model: Footprint(2 * GB, GB, 1600, {0: 100})}
    )
    assert resources.micro_batches(TrialConfig(batch_size=16)) == 1
    assert (
        resources.micro_batches(TrialConfig(batch_size=64)) == 4
    )  # of 16: nothing is less than the step that was measured


@given(
    st.lists(st.tuples(st.integers(1, 64), st.integers(0, 4), st.integers(4, 64)), min_size=1, max_size=4),
    st.floats(0.001, 4.0),
    st.none() | st.integers(1, 40),
)
def test_every_trial_keeps_to_its_share_and_no_fewer_run_than_of_the_largest(
    sizes: list[tuple[int, int, int]], a_line: float, trials: int | None
) -> None:
    nodes = [{"CPU": float(c + g), "GPU": float(g), "memory": float(m * GB)} for c, g, m in sizes]
    models, asked = gigabytes(a_line), settings(trials=trials)
    memory = needed(models, (16, 32, 64))
    packed = pack(asked, nodes, memory, models)
    resources = packed.trial
    assert packed.concurrent >= count_concurrent(choose_amounts(asked, nodes, memory[0][-1]), nodes)
    assert any(count_fitting(resources.amounts, node) for node in nodes)
    for size in (16, 32, 64):
        micro_batches = resources.micro_batches(TrialConfig(batch_size=size))
        part = models[TrialConfig().model].trial_bytes(-(-size // micro_batches), 0)
        assert part <= resources.amounts["memory"] or micro_batches == size


def test_a_step_grows_with_the_batch() -> None:
    footprint = Footprint(base=1000, step=100, pixels=16 * 200, largest={0: 400, 320: 200})
    assert footprint.trial_bytes(16, 320) == 1320
    assert footprint.trial_bytes(64, 0) == 1.2 * (1000 + 8 * 100)
    assert footprint.trial_bytes(1, 320) == 1320  # the probe's own step has to fit, too
    assert Footprint().trial_bytes(64, 0) == 0


@pytest.mark.parametrize("gpus", [1.5, 2.25])
def test_no_trial_gets_one_gpu_and_a_part_of_another(gpus: float) -> None:
    with pytest.raises(UsageError, match=r"for example 0\.25"):
        choose_amounts(settings(gpus=gpus), GPUS)


def test_an_autoscaling_cluster_is_told_what_will_be_there() -> None:
    assert require_promise(settings(autoscaling=True, concurrent=8, gpus=1)) == 8
    for missing in ({"concurrent": 8}, {"gpus": 1}):
        with pytest.raises(UsageError, match="--concurrent 8"):
            require_promise(settings(autoscaling=True, **missing))
