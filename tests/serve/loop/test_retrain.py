"""Retraining: what is refused, what the job is given, what is said of it, and what survives a restart."""

import json
import os
import time
from pathlib import Path

import pytest
from pydantic import ValidationError

from serve.errors import BusyError, ConflictError, UnknownError
from serve.loop.retrain_plan import JOINED, REPLAY, RetrainRequest
from spaces.space import load_space
from tests.serve.loop.loop_parts import BETTER, WORSE, Parts, make_bundle
from train.config import TrialConfig
from train.config_file import load_config
from train.data.formats.loading import load
from train.system.dotted import nest

TASK = "recognition"


@pytest.fixture
def parts(tmp_path: Path) -> Parts:
    return Parts(tmp_path)


def started(parts: Parts, count: int = 20, **form: object) -> str:
    parts.correct(count)
    return parts.retrainings.start(RetrainRequest(**form))


@pytest.mark.parametrize("count", [0, 9])
def test_under_ten_corrections_are_refused(parts: Parts, count: int) -> None:
    with pytest.raises(
        ConflictError, match=f"at least 10 corrections, got {count}; correct {10 - count} more"
    ):
        started(parts, count)
    assert parts.jobs.commands == {}


def test_ten_corrections_are_enough(parts: Parts) -> None:
    key = started(parts, 10)
    assert parts.retrainings.status(key).lines == {"train": 6, "val": 2, "test": 2}


def test_what_a_killed_server_had_prepared_is_removed(parts: Parts) -> None:
    left = parts.job("20260101-000000-000000") / "data"
    left.mkdir(parents=True)
    assert [status.id for status in parts.retrainings.all()] == []
    key = started(parts)
    assert sorted(path.name for path in left.parents[1].iterdir() if path.is_dir()) == [key]


def test_the_job_gets_a_copy_that_does_not_change(parts: Parts) -> None:
    key = started(parts)
    before = load(parts.job(key) / "data")[1]
    for correction in parts.corrections.page():
        parts.corrections.remove(correction.id)
    assert load(parts.job(key) / "data")[1] == before
    assert sorted(s.text for split in before.values() for s in split) == sorted(f"T{n}" for n in range(20))
    assert {split: len(samples) for split, samples in before.items()} == {"train": 13, "val": 3, "test": 4}


def test_the_job_runs_the_projects_own_command_lines(parts: Parts) -> None:
    key = started(parts, epochs=3, batch_size=4, learning_rate=1e-3)
    folder = parts.job(key)
    assert next(iter(parts.jobs.commands.values()))[1:] == [
        str(Path("serve/loop/retrain_job.py").resolve()), str(folder)
    ]  # fmt: skip
    steps = json.loads((folder / "job.json").read_bytes())["steps"]
    reading = ["train/evaluate.py"] * 2
    assert [step["command"][1] for step in steps] == ["-m", "-m", "train/run.py", *reading, *reading]
    config = load_config(folder / "config.yaml")
    learnt = Path(steps[2]["command"][steps[2]["command"].index("--general-labels") + 1])
    judged = [Path(step["command"][step["command"].index("--labels") + 1]) for step in steps[-2:]]
    assert config.replay == REPLAY
    assert [Path(steps[n]["command"][steps[n]["command"].index("--out") + 1]) for n in (0, 1)] == [
        judged[0].parent, learnt.parent
    ]  # fmt: skip
    assert judged[0] == judged[1] != learnt
    assert (config.model, config.charset, config.technique.name) == ("pp-ocrv6-small", "keep", "frozen")
    assert (config.epochs, config.batch_size, config.optimiser.learning_rate) == (3, 4, 1e-3)
    assert steps[4]["command"][2:4] == steps[6]["command"][2:4] == ["--model", "pp-ocrv6-small"]


def test_it_starts_from_and_is_compared_with_the_pretrained_model_that_serves(parts: Parts) -> None:
    parts.versions.begin(TASK, "pp-ocrv6-tiny")
    key = started(parts)
    assert load_config(parts.job(key) / "config.yaml").model == "pp-ocrv6-tiny"
    step = json.loads((parts.job(key) / "job.json").read_bytes())["steps"][-1]
    assert step["command"][2:4] == ["--model", "pp-ocrv6-tiny"]


def test_the_model_is_that_of_the_serving_bundle(parts: Parts) -> None:
    serving = make_bundle(parts.folder / "vin" / "best")
    parts.versions.begin(TASK, serving)
    key = started(parts, technique="full")
    config = load_config(parts.job(key) / "config.yaml")
    assert (config.model, config.fit_width, config.batch_norm) == ("pp-ocrv6-tiny", 320, "live")
    assert (config.technique.name, config.epochs, config.augmentation.concat) == ("full", 10, 0)
    assert config.weights == str(serving)
    assert parts.retrainings.status(key).start == "started from the weights of what serves"
    step = json.loads((parts.job(key) / "job.json").read_bytes())["steps"][2]
    assert step["command"][2:4] == ["--bundle", str(serving)]


@pytest.mark.parametrize("search", [False, True])
def test_the_new_model_is_shown_lines_as_the_serving_one_is(parts: Parts, search: bool) -> None:
    """Its reader of photos gets wider crops than PaddleOCR's and lines of several words, and upright ones turned."""
    told = {"upright": "turn", "cut": {"along": 0.2, "direct": True, "words": True}}
    parts.versions.begin(TASK, make_bundle(parts.folder / "vin" / "best", settings=told))
    folder = parts.job(started(parts, search=search))
    path = folder / "config.yaml"
    config = TrialConfig(**nest(dict(load_space(str(path)).fixed))) if search else load_config(path)
    assert config.upright == "turn"
    assert config.cut.changes() == told["cut"]
    assert config.augmentation.concat == JOINED


def test_a_bundle_without_what_was_trained_is_refused_before_any_work(parts: Parts) -> None:
    parts.versions.begin(TASK, make_bundle(parts.folder / "vin" / "best", trainable=False))
    with pytest.raises(
        ConflictError, match=r"must have weights\.safetensors .*; export it with this version"
    ):
        started(parts)
    assert started(parts, model="pp-ocrv6-small"), "as published, it can be trained"


def test_another_model_takes_no_settings_of_the_serving_one(parts: Parts) -> None:
    parts.versions.begin(TASK, make_bundle(parts.folder / "vin" / "best"))
    config = load_config(parts.job(started(parts, model="pp-ocrv6-small")) / "config.yaml")
    assert (config.model, config.fit_width, config.weights) == ("pp-ocrv6-small", 0, None)


@pytest.mark.parametrize("technique", [None, "full"])
def test_a_search_has_a_space_and_a_time(parts: Parts, technique: str | None) -> None:
    key = started(parts, search=True, minutes=2, technique=technique, epochs=5, learning_rate=0.5)
    folder = parts.job(key)
    command = json.loads((folder / "job.json").read_bytes())["steps"][2]["command"]
    assert command[1] == "search/run.py"
    assert command[-2:] == ["--time-budget", "120s"]
    space = load_space(str(folder / "config.yaml"))
    assert space.fixed["epochs"] == 5
    assert ("technique.name" in space.fixed) == (technique is not None)
    assert len(space.warm_starts_for(13)) == 1


def test_a_retraining_from_queue_to_end(parts: Parts) -> None:
    key = started(parts)
    parts.jobs.states[f"retrain-{key}"] = ("PENDING", "")
    status = parts.retrainings.status(key)
    assert (status.state, status.progress, status.can_promote) == ("queued", 0.0, False)
    parts.jobs.states[f"retrain-{key}"] = ("RUNNING", "")
    parts.wrote(key, "running", 0.4)
    assert parts.retrainings.status(key).progress == 0.4
    bundle = parts.finish(key, BETTER)
    status = parts.retrainings.status(key)
    assert (status.state, status.scores, status.can_promote) == ("finished", BETTER, True)
    assert parts.retrainings.bundle(key) == bundle


def test_one_at_a_time_unless_asked(parts: Parts) -> None:
    first = started(parts)
    with pytest.raises(ConflictError, match=f"{first} under way"):
        parts.retrainings.start(RetrainRequest())
    second = parts.retrainings.start(RetrainRequest(parallel=True))
    assert {status.id for status in parts.retrainings.all()} == {first, second}
    for key in (first, second):
        parts.wrote(key, "failed")
    assert parts.retrainings.start(RetrainRequest())


def test_a_worse_model_is_not_promoted(parts: Parts) -> None:
    key = started(parts)
    parts.wrote(key, "running")
    with pytest.raises(ConflictError, match="wait for its end"):
        parts.retrainings.bundle(key)
    parts.finish(key, WORSE)
    assert not parts.retrainings.status(key).can_promote
    with pytest.raises(ConflictError, match="better than the one that serves"):
        parts.retrainings.bundle(key)


def test_a_comparison_with_what_no_longer_serves_is_void(parts: Parts) -> None:
    key = started(parts)
    bundle = parts.finish(key, BETTER)
    parts.versions.promote(TASK, key, bundle, lambda *_: None)
    assert not parts.retrainings.status(key).can_promote
    with pytest.raises(ConflictError, match="another model serves"):
        parts.retrainings.bundle(key)
    parts.versions.rollback(TASK, lambda *_: None)
    assert parts.retrainings.status(key).can_promote


def test_what_was_held_back_stays_so(parts: Parts) -> None:
    def splits(key: str) -> dict[str, set[str]]:
        return {name: {s.text for s in part} for name, part in load(parts.job(key) / "data")[1].items()}

    first = started(parts, 20)
    parts.finish(first, BETTER)
    parts.correct(30, start=20)
    second = parts.retrainings.start(RetrainRequest())
    before, after = splits(first), splits(second)
    assert before["test"] <= after["test"]
    assert not (before["train"] | before["val"]) & after["test"]
    assert len(after["test"]) == 10


def test_a_failed_retraining_has_learnt_nothing(parts: Parts) -> None:
    first = started(parts, 20)
    parts.wrote(first, "failed")
    parts.jobs.states.clear()
    assert parts.retrainings._read_used_lines()[0].ids == frozenset()


def test_no_server_no_retraining(parts: Parts) -> None:
    parts.jobs.reachable = False
    with pytest.raises(BusyError, match="job server"):
        started(parts)
    assert parts.retrainings.all() == []


def test_state_survives_a_restart_of_the_server_and_of_the_cluster(parts: Parts) -> None:
    done = started(parts)
    parts.finish(done, BETTER)
    lost = parts.retrainings.start(RetrainRequest())
    parts.wrote(lost, "running", 0.3)
    parts.jobs.reachable = False
    assert [status.state for status in parts.again().all()] == ["running", "finished"]
    parts.jobs.reachable, parts.jobs.states = True, {}
    assert parts.again().status(lost).state == "running"  # it may be submitted any moment
    past, ended = time.time() - 3600, ("failed", "the cluster that ran it has ended")
    parts.jobs.name = "127.0.0.1:6380"
    status = parts.again().status(lost)
    assert (status.state, status.message) == ended, "the server's new cluster never had it"
    parts.jobs.name = "127.0.0.1:6379"
    os.utime(parts.job(lost) / "job.json", (past, past))
    status = parts.again().status(lost)
    assert (status.state, status.message) == ended
    assert parts.again().status(done).can_promote
    assert parts.again().start(RetrainRequest())


@pytest.mark.parametrize(
    ("word", "state"), [("FAILED", "failed"), ("STOPPED", "stopped"), ("SUCCEEDED", "failed")]
)
def test_a_job_that_ends_without_a_word_has_ended(parts: Parts, word: str, state: str) -> None:
    key = started(parts)
    parts.wrote(key, "running", 0.3)
    parts.jobs.states[f"retrain-{key}"] = (word, "out of memory")
    status = parts.retrainings.status(key)
    assert (status.state, status.message) == (state, "out of memory")


@pytest.mark.parametrize(
    "key", ["", "..", "../corrections", "20260101-000000-000000", "20260101-000000-000000/../x"]
)
def test_an_unknown_one_is_unknown(parts: Parts, key: str) -> None:
    with pytest.raises(UnknownError):
        parts.retrainings.status(key)


@pytest.mark.parametrize(
    "form",
    [
        {"epochs": 0}, {"epochs": "x"}, {"batch_size": -1}, {"learning_rate": 0}, {"learning_rate": float("nan")},
        {"technique": "--output"}, {"model": "../x"}, {"minutes": 0}, {"space": "x"},
        {"search": True, "epochs": 2},
    ],
)  # fmt: skip
def test_a_wrong_form_is_refused(form: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        RetrainRequest.model_validate(form)


def test_a_form_is_text(parts: Parts) -> None:
    form = {"epochs": "3", "learning_rate": "1e-3", "search": "true", "technique": "full"}
    asked = RetrainRequest.model_validate(form)
    assert (asked.epochs, asked.learning_rate, asked.search) == (3, 1e-3, True)
    assert parts.jobs.commands == {}
