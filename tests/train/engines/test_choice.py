"""`engine: auto`: which engine it is, and what it says."""

import math
from pathlib import Path

import pytest

from tests.real_lines import RECOGNISERS, config, few_lines, run
from train.checkpoint import load_checkpoint
from train.engines import ENGINES
from train.engines.choice import AUTO, choose, find_fastest, holds, is_installed, measure, resolve
from train.errors import ModelError
from train.models import MODELS


def test_an_engine_that_is_named_is_taken_as_it_is() -> None:
    assert resolve("paddle", ["pp-ocrv6-tiny"]) == "paddle"


def test_the_fastest_is_chosen_and_the_figures_are_named() -> None:
    choice = find_fastest({"paddle": 1.25, "torch": 1.5})
    assert choice.engine == "paddle"
    assert "paddle 1.25 s, torch 1.50 s" in choice.reason


def test_an_engine_that_cannot_train_is_not_chosen() -> None:
    assert find_fastest({"paddle": float("inf"), "torch": 9.0}).engine == "torch"
    with pytest.raises(ModelError, match="none does"):
        find_fastest({"paddle": float("inf")})


def test_every_engine_here_is_installed_and_holds_the_published_models() -> None:
    for engine in RECOGNISERS:
        assert is_installed(engine)
        assert holds(engine, ["pp-ocrv6-tiny", "pp-ocrv5-mobile"])


def test_every_engine_has_models_to_train() -> None:
    """By these the contracts try it."""
    assert all(any(holds(engine, [model]) for model in MODELS.names()) for engine in ENGINES.names())


@pytest.mark.slow
def test_auto_measures_a_step_of_each(capsys: pytest.CaptureFixture[str]) -> None:
    choice = choose(["pp-ocrv6-tiny"], threads=1)
    assert choice.engine in RECOGNISERS
    assert all(f"{name} " in choice.reason for name in RECOGNISERS)
    assert "inf" not in choice.reason
    assert AUTO not in choice.reason
    assert math.isinf(measure("torch", ["pp-ocrv6-tiny"], threads=1, weights="/nowhere"))
    assert "/nowhere" in capsys.readouterr().err
    hurried = choose(["pp-ocrv6-tiny"], threads=1, limit_s=0.0)
    assert f"{hurried.engine} " in hurried.reason, "the first that shows its steps is enough"


@pytest.mark.slow
@pytest.mark.parametrize(("first", "then"), [("paddle", "torch"), ("torch", "paddle")])
def test_a_run_goes_on_in_the_other_framework(first: str, then: str, data_dir: Path, tmp_path: Path) -> None:
    """What it ends with differs from an uninterrupted run by rounding alone."""
    data = few_lines(data_dir)
    whole = run(config(engine=first), data)
    whole[0][1].save(tmp_path / "half")
    half = load_checkpoint(tmp_path / "half")
    [(metrics, resumed)] = run(config(engine=then), data, half)
    assert resumed.config.engine == then
    assert metrics["loss"] == pytest.approx(whole[1][0]["loss"], rel=1e-2)
    assert metrics["exact_match"] == whole[1][0]["exact_match"]
