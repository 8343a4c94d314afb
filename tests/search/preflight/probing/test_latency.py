"""Accurate and fast: what is measured, what the front holds, and which of it is chosen."""

from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest

from search.planning.clock import Clock
from search.planning.time_budget import TimeBudget
from search.preflight.probing import latency as latency_module
from search.preflight.probing.latency import list_architectures, measure, take_latencies
from search.records.evidence import Evidence, Latency, find_architecture
from search.records.trial import TrialRecord
from search.report.page.page import report_html
from search.report.summary import summary
from search.report.terminal import terminal_table
from search.sampling.samplers import check_objectives, tpe
from search.sampling.searcher import LATENCY, ParetoSearcher
from search.selection.choose import choose_on_front, find_front
from search.settings import StudySettings
from spaces.space import load_space, parse_space
from tests import real_lines
from tests.search.made_result import image_of, result, rows, trial
from train.config import config_from_mapping
from train.errors import UsageError
from train.system.onnx_session import run

SPACE = parse_space(
    """\
fixed: {charset: domain, epochs: 6}
parameters:
  model: {choice: [pp-ocrv6-tiny, pp-ocrv6-small]}
  fit_width: {choice: [0, 320]}
  optimiser.learning_rate: {float: [1.0e-5, 1.0e-2], log: true}
""",
    "some",
    "some.yaml",
)


def latency(ms: float) -> Latency:
    return Latency(ms=ms, low=ms, high=ms)


def test_every_architecture_of_a_space_is_counted_once() -> None:
    found = [(config.model, config.fit_width) for config in list_architectures(SPACE)]
    assert found == [(model, width) for model in ("pp-ocrv6-tiny", "pp-ocrv6-small") for width in (0, 320)]
    assert (
        len({find_architecture(config) for config in list_architectures(load_space("recognition"))})
        == 2 * 5 * 3 * 2
    )
    one = SPACE.with_fixed({"model": "pp-ocrv6-tiny", "fit_width": 0})
    assert [config.model for config in list_architectures(one)] == ["pp-ocrv6-tiny"]


def test_a_range_that_decides_the_time_is_refused() -> None:
    text = "fixed: {task: detection}\nparameters: {detection.max_side_px: {int: [320, 960], step: 32}}"
    with pytest.raises(UsageError, match="needs choices for detection"):
        list_architectures(parse_space(text, "some", "some.yaml"))


@pytest.mark.parametrize("others", [{"sampler": "cma-es"}, {"scheduler": "pbt"}])
def test_what_cannot_have_two_objectives_is_refused(others: dict[str, Any]) -> None:
    check_objectives(StudySettings(name="some", storage="runs", **others), SPACE)
    with pytest.raises(UsageError, match=r"leave out --objectives|use tpe, random, gp"):
        check_objectives(
            StudySettings(name="some", storage="runs", objectives="accuracy,latency", **others), SPACE
        )


def of(model: str, ms: float, top: float, index: int) -> TrialRecord:
    made = trial(index, top=top)
    config = config_from_mapping({"model": model, "fit_width": 32 * index}, "test")
    return made.model_copy(update={"config": config, "latency": latency(ms)})


def test_the_front_holds_what_nothing_beats_in_both() -> None:
    fast, slow = of("pp-ocrv6-tiny", 5, 0.6, 0), of("pp-ocrv6-small", 20, 0.9, 1)
    beaten, same = of("pp-ocrv5-mobile", 25, 0.7, 2), of("pp-ocrv6-tiny", 5, 0.4, 0)
    assert find_front([slow, same, beaten, fast]) == [fast, slow]
    surer = of("pp-ocrv6-small", 20, 0.6, 0)
    surer = surer.model_copy(
        update={"history": tuple(one.model_copy(update={"val_loss": 0.1}) for one in surer.history)}
    )
    assert find_front([surer, fast]) == [fast], "it reads no more"
    assert find_front([trial(0)]) == [], "nothing was measured"


@pytest.mark.parametrize(("right", "chosen"), [(99, "fast"), (80, "slow")])
def test_the_fastest_that_is_not_significantly_worse_is_chosen(right: int, chosen: str) -> None:
    fast, slow = (
        of("pp-ocrv6-tiny", ms, 0.9, ms).model_copy(update={"id": name})
        for ms, name in ((5, "fast"), (9, "slow"))
    )
    found = {"slow": rows(np.ones(100, bool)), "fast": rows(np.arange(100) < right)}
    front = choose_on_front([fast, slow], lambda one: found[one.id], 0)
    assert [one.trial for one in front if one.chosen] == [chosen]
    assert front[0].against_best.difference == pytest.approx(right / 100 - 1)


def test_a_resumed_study_compares_by_what_it_began_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A trial without a latency is not on the front: less time must not cost the larger models theirs."""
    file, tiny = tmp_path / "latencies.json", SPACE.with_fixed({"model": "pp-ocrv6-tiny"})
    measured: list[int] = []

    def measure_some(configs: list[Any], *_: Any) -> dict[Any, Latency]:
        measured.append(len(configs))
        return {find_architecture(one): latency(9.0) for one in configs}

    monkeypatch.setattr(latency_module, "measure_latencies", measure_some)
    for space, resume, known in ((tiny, False, 2), (SPACE, True, 4), (tiny, True, 4), (tiny, False, 2)):
        assert len(take_latencies(space, None, file, resume=resume, int8=False)) == known
    assert measured == [2, 2, 0, 2], "what a study knows is not measured again"


def test_the_front_is_shown(tmp_path: Path) -> None:
    plain = result()
    measured = tuple(
        one.model_copy(update={"latency": latency(5.0 + place)}) for place, one in enumerate(plain.trials)
    )
    ranked = [one for one in plain.ranked if one.eligible][:2]
    found = {ranked[0].id: rows(np.ones(50, bool)), ranked[1].id: rows(np.arange(50) < 49)}
    timed = [one.model_copy(update={"latency": latency(9.0 - place)}) for place, one in enumerate(ranked)]
    front = choose_on_front(timed[::-1], lambda one: found[one.id], 0)
    shown = plain.model_copy(
        update={"trials": measured, "evidence": Evidence(front=front, chosen=ranked[1].id)}
    )
    assert f"8.0 ms (8.0-8.0)  trial {ranked[1].id}" in terminal_table(shown)
    assert "the fastest that is not significantly worse, chosen" in terminal_table(shown)
    assert [one["chosen"] for one in summary(shown)["front"]] == [True, False]
    assert "Accurate and fast" in report_html(shown, image_of)
    assert "Accurate and fast" not in report_html(plain, image_of)


def test_optuna_is_told_both(tmp_path: Path) -> None:
    clock = Clock.start(TimeBudget(None, 50, 100, 10), tmp_path)
    clock.epochs_for = lambda config: 6  # type: ignore[method-assign]
    searcher = ParetoSearcher(SPACE, [], clock, tpe(SPACE, 0, 0), tmp_path / "optuna.db")
    searcher.latencies = {
        find_architecture(c): latency(float(place)) for place, c in enumerate(list_architectures(SPACE))
    }
    for number in range(6):
        config = searcher.suggest(str(number))
        assert isinstance(config, dict)
        report = {"best_score": 0.1 * number, "epoch": 1, **({"diverged": True} if number == 3 else {})}
        searcher.on_trial_result(str(number), report)
        searcher.on_trial_complete(str(number), report)
    searcher.save(str(tmp_path / "state"))
    searcher.restore(str(tmp_path / "state"))
    study = optuna.load_study(study_name="ocrtune", storage=f"sqlite:///{tmp_path / 'optuna.db'}")
    assert [one.state.name for one in study.trials].count("COMPLETE") == 5
    for number, one in enumerate(study.trials):
        assert one.values is None if number == 3 else one.values == [0.1 * number, one.user_attrs[LATENCY]]


@pytest.mark.slow
def test_the_time_of_a_real_network_is_measured(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[int] = []

    def seen(session: Any, batch: Any) -> Any:
        read = run(session, batch)
        steps.append(read.shape[1])
        return read

    monkeypatch.setattr(latency_module, "run", seen)
    data = real_lines.few_lines(data_dir, train=4, val=3)
    own, wide = (measure(real_lines.config(fit_width=width), data) for width in (0, 1280))
    for found in (own, wide):
        assert 0 < found.low <= found.ms <= found.high
    first, last = steps[: len(steps) // 2], steps[len(steps) // 2 :]
    assert max(first) < min(last) == max(last), "it is timed on lines as its network sees them"
    times = iter([latency(9.0), latency(5.0)])
    monkeypatch.setattr("search.preflight.probing.latency.time_session", lambda *_: next(times))
    faster = latency(5.0).model_copy(update={"precision": "int8"})
    assert measure(real_lines.config(), data, int8=True) == faster
