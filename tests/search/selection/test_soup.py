"""The model soup: the mean of weights, kept only where it reads better."""

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from search.selection import soup
from search.selection.one_form import have_same_start, in_one_form
from search.selection.soup import Result, average, make_soup
from tests import real_lines
from tests.search.made_result import rows, share
from train.checkpoint import Checkpoint
from train.config import TechniqueConfig
from train.errors import CheckpointError
from train.loop import TrainingData, assemble
from train.models import MODELS
from train.models.network import STATISTICS
from train.scoring.texts import TextScores
from train.steps.validation import evaluate

Ranked = list[tuple[str, Callable[[], Checkpoint]]]


def test_the_average_is_the_mean() -> None:
    rng = np.random.default_rng(0)
    parts = [{"a": rng.normal(size=(3, 4)).astype(np.float32), "b": np.float32([i])} for i in range(3)]
    mean = average(parts)
    np.testing.assert_allclose(mean["a"], (parts[0]["a"] + parts[1]["a"] + parts[2]["a"]) / 3, rtol=1e-6)
    assert mean["b"] == [1]
    assert {array.dtype for array in mean.values()} == {np.dtype(np.float32)}


@pytest.fixture(scope="module")
def data(data_dir: Path) -> TrainingData:
    return real_lines.few_lines(data_dir, train=16, val=12)


@pytest.fixture(scope="module")
def good(data: TrainingData) -> Checkpoint:
    """The pretrained model with its whole dictionary."""
    settings = real_lines.config(charset="keep")
    engine, _ = assemble(settings, data.train)
    return Checkpoint(
        settings, engine.charset, 1, {"exact_match": 0.0}, {"weights": engine.state()["weights"]}
    )


def perturbed(checkpoint: Checkpoint, share: float, seed: int) -> Checkpoint:
    """Return the checkpoint with noise of `share` of each array's own spread."""
    rng = np.random.default_rng(seed)
    weights = {
        name: (array + share * array.std() * rng.normal(size=array.shape)).astype(array.dtype)
        for name, array in checkpoint.state["weights"].items()
        if "_mean" not in name and "_variance" not in name
    }
    return replace(checkpoint, state={"weights": checkpoint.state["weights"] | weights})


def score(checkpoint: Checkpoint, data: TrainingData) -> tuple[float, float]:
    return evaluate(*assemble(checkpoint.config, data.train, checkpoint), data.val)[0].rank


def scored(checkpoint: Checkpoint, data: TrainingData) -> Checkpoint:
    """Return the checkpoint with the metrics that its trial would have reported."""
    return replace(
        checkpoint,
        metrics=evaluate(*assemble(checkpoint.config, data.train, checkpoint), data.val)[0].metrics(),
    )


@pytest.mark.slow
def test_a_soup_is_as_good_as_its_best_ingredient(good: Checkpoint, data: TrainingData) -> None:
    noisy = [perturbed(good, 0.02, 1), perturbed(good, 0.02, 2), perturbed(good, 3.0, 3)]
    other = replace(good, config=good.config.model_copy(update={"model": "pp-ocrv6-small"}))
    named = zip("abcd", [*(scored(one, data) for one in noisy), other], strict=True)
    ranked: Ranked = [(name, lambda c=c: c) for name, c in named]
    soup = make_soup(ranked, data, None)
    assert soup.trials
    assert not {"c", "d"} & set(soup.trials)
    best = evaluate(*assemble(good.config, data.train, noisy[0]), data.val)[0]
    assert soup.scores.primary >= best.interval.low
    assert score(soup.checkpoint, data) == soup.scores.rank
    assert soup.checkpoint.metrics["exact_match"] == soup.scores.exact_match


@pytest.mark.parametrize(("above", "taken"), [(0.0, ("a", "b")), (-0.001, ("a",))])
def test_a_good_trial_is_averaged_in_though_nothing_reads_better(
    good: Checkpoint, data: TrainingData, above: float, taken: tuple[str, ...]
) -> None:
    """The second one has the first one's weights, so that the average reads as both do."""
    first = scored(good, data)
    least = evaluate(*assemble(good.config, data.train, good), data.val)[0].interval.low
    second = replace(good, metrics={"exact_match": least + above})
    assert make_soup([("a", lambda: first), ("b", lambda: second)], data, None).trials == taken


@pytest.mark.parametrize(
    ("won", "lost", "excess", "as_good"),
    [(0, 1, 0.0, True), (2, 4, 0.0, True), (0, 3, 0.0, False), (4, 10, 0.0, False), (0, 0, 0.01, False)],
)
def test_an_average_may_read_worse_by_a_standard_error_on_the_same_lines(
    won: int, lost: int, excess: float, as_good: bool
) -> None:
    """Of 27 of 30 lines, Wilson's interval alone would let 22 pass, whichever they are."""
    before, after = np.arange(30) < 20, np.arange(30) < 20 + won
    after[:lost] = False

    def result(right: npt.NDArray[np.bool_], excess: float) -> Result:
        return Result(TextScores(30, right.mean(), 0.9, 0.1), None, excess, rows(right))

    assert result(after, excess).as_good_as(result(before, 0.0), share) == as_good


def test_trials_of_other_starts_take_no_place_in_an_average(good: Checkpoint, data: TrainingData) -> None:
    first = scored(good, data)
    other = replace(first, config=good.config.model_copy(update={"model": "pp-ocrv6-small"}))
    ranked: Ranked = [
        ("a", lambda: first),
        *[(f"o{i}", lambda: other) for i in range(6)],
        ("b", lambda: first),
    ]
    assert make_soup(ranked, data, None).trials == ("a", "b")


def test_a_damaged_ingredient_is_left_out_and_named(
    good: Checkpoint, data: TrainingData, capsys: pytest.CaptureFixture[str]
) -> None:
    def damaged() -> Checkpoint:
        raise CheckpointError("a checkpoint must be whole", "state.npz has changed", "use an earlier one")

    assert make_soup([("a", lambda: good), ("b", damaged)], data, None).trials == ("a",)
    assert "trial b cannot be averaged in: state.npz has changed" in capsys.readouterr().out
    with pytest.raises(CheckpointError):
        make_soup([("b", damaged), ("a", lambda: good)], data, None)


@pytest.mark.parametrize(("seconds_left", "later_readings"), [(-1, 0), (3600, 1e12)])
def test_nothing_is_averaged_without_time_for_it_and_for_what_follows(
    good: Checkpoint, data: TrainingData, seconds_left: float, later_readings: float
) -> None:
    checkpoints = [perturbed(good, 0.0, 1), perturbed(good, 0.02, 2)]
    ranked: Ranked = [(name, lambda c=c: c) for name, c in zip("ab", checkpoints, strict=True)]
    soup = make_soup(ranked, data, time.time() + seconds_left, later_readings=later_readings)
    assert soup.trials == ("a",)
    for name, array in soup.checkpoint.state["weights"].items():
        np.testing.assert_array_equal(array, good.state["weights"][name])


def test_only_weights_of_one_start_are_averaged(good: Checkpoint) -> None:
    def changed(**settings: object) -> Checkpoint:
        return replace(good, config=good.config.model_copy(update=settings))

    assert have_same_start(good, changed(epochs=9, batch_size=64, seed=1))
    for settings in ({"model": "pp-ocrv6-small"}, {"fit_width": 320}, {"weights": "other"}):
        assert not have_same_start(good, changed(**settings))
    wider = replace(good, charset=good.charset.extended(["\u2603"]))
    assert not have_same_start(good, wider)
    assert have_same_start(wider, wider)
    other_seed = replace(changed(seed=1), charset=wider.charset)
    assert not have_same_start(wider, other_seed), "the row of a new character is drawn"
    of_its_own = {"model": "deepseek-ocr-2", "engine": "torch-language"}
    ranks = (TechniqueConfig(name="lora", options={"rank": rank}) for rank in (8, 16))
    lora, larger = (changed(technique=one, **of_its_own) for one in ranks)
    assert have_same_start(lora, lora)
    assert not have_same_start(lora, larger), "adapters that are never merged"


@pytest.mark.parametrize("engine", ["paddle", "torch"])
def test_adapters_are_a_change_of_the_network_that_other_trials_begin_with(
    engine: str, data: TrainingData
) -> None:
    """So they are averaged with whole networks: in one form they read as before, though its batch norms differ."""
    whole = real_lines.config(charset="keep", engine=engine, batch_norm="live")
    technique = TechniqueConfig(name="lora", options={"rank": 2})
    settings = whole.model_copy(update={"technique": technique, "batch_norm": "frozen"})
    network, task = assemble(settings, data.train)
    rng, adapters = np.random.default_rng(0), network.state()["weights"]
    drawn = {n: a + 0.01 * rng.normal(size=a.shape).astype(np.float32) for n, a in adapters.items()}
    trained = Checkpoint(settings, network.charset, 1, {"exact_match": 1.0}, {"weights": drawn})
    network.load(trained.state)
    images = task.evaluation_batch(data.val, np.arange(2))
    expected, published = network.predict(images), network.weights()
    usual, _ = assemble(whole, data.train)
    start = usual.weights()
    usual.load({"weights": in_one_form(trained, data, start)})
    np.testing.assert_allclose(usual.predict(images), expected, atol=1e-3)
    other = replace(trained, config=whole, state={"weights": start})
    assert any(not np.array_equal(start[name], published[name]) for name in start if "_mean" in name)
    assert have_same_start(trained, other)


def test_adapters_keep_the_rows_with_which_new_characters_began(
    good: Checkpoint, data: TrainingData, tmp_path: Path
) -> None:
    """Whole networks begin with the published rows, to which what the adapters learnt does not belong."""
    cut = real_lines.config(engine="torch")
    engine, _ = assemble(cut, data.train)
    Checkpoint(cut, engine.charset, 1, {}, engine.state()).save(tmp_path / "cut")
    assert engine.charset.unknown("-")
    texts = (f"-{data.train.texts[0]}", *data.train.texts[1:])
    more = replace(data, train=replace(data.train, texts=texts))
    whole = real_lines.config(engine="torch", weights=str(tmp_path / "cut"), charset="keep")
    settings = whole.model_copy(update={"technique": TechniqueConfig(name="lora", options={"rank": 2})})
    network, task = assemble(settings, more.train)
    rng, adapters = np.random.default_rng(0), network.state()["weights"]
    drawn = {n: a + 0.01 * rng.normal(size=a.shape).astype(np.float32) for n, a in adapters.items()}
    trained = Checkpoint(settings, network.charset, 1, {"exact_match": 1.0}, {"weights": drawn})
    network.load(trained.state)
    images = task.evaluation_batch(data.val, np.arange(2))
    expected = network.predict(images)
    usual, _ = assemble(whole, more.train)
    start = usual.weights()
    formed, head = in_one_form(trained, more, start), f"{MODELS.get(whole.model).head}.weight"
    np.testing.assert_allclose(formed[head], network.weights()[head], atol=1e-6)
    assert np.abs(start[head][:, -1] - formed[head][:, -1]).max() > 0.05
    usual.load({"weights": formed})
    np.testing.assert_allclose(usual.predict(images), expected, atol=1e-3)
    other = replace(trained, config=whole, state={"weights": start})
    assert not have_same_start(trained, other)


@pytest.mark.parametrize("engine", ["paddle", "torch"])
def test_stale_batch_statistics_are_measured_anew(engine: str, data: TrainingData) -> None:
    """As those of an average are: every norm that is a quarter off reads nothing, until it sees training lines."""
    network, task = assemble(real_lines.config(charset="keep", engine=engine, batch_norm="live"), data.train)
    before = evaluate(network, task, data.val)[0].tie
    weights = network.weights()
    stale = {
        n: a * (2 if n.endswith("_variance") else 0.75) for n, a in weights.items() if n.endswith(STATISTICS)
    }
    network.load({"weights": weights | stale})
    lost = evaluate(network, task, data.val)[0].tie
    network.renew_statistics(task.calibration_batch(data.train, seed) for seed in range(2))
    assert evaluate(network, task, data.val)[0].tie > (before + lost) / 2


@pytest.mark.parametrize(("batch_norm", "measured"), [("frozen", []), ("live", ["live"])])
def test_a_mean_with_live_batch_norms_gets_statistics_of_its_own_whosever_is_the_best(
    good: Checkpoint,
    data: TrainingData,
    monkeypatch: pytest.MonkeyPatch,
    batch_norm: str,
    measured: list[str],
) -> None:
    """They are measured on a network whose norms normalise by what passes through them: the best one's do not."""
    found: list[str] = []

    def measure(weights: Any, engine: Any, *_: Any) -> Any:
        found.append(engine._config.batch_norm)
        return weights

    monkeypatch.setattr(soup, "renew_statistics", measure)
    first = scored(good, data)
    other = replace(first, config=good.config.model_copy(update={"batch_norm": batch_norm}))
    assert make_soup([("a", lambda: first), ("b", lambda: other)], data, None).trials == ("a", "b")
    assert good.config.batch_norm == "frozen"
    assert found == measured
