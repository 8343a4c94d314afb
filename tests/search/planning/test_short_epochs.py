"""Where the time holds too few whole epochs, an epoch sees a part of the samples, so that a trial is trained at all."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from optuna.trial import FixedTrial

from search.planning.budget import LEAST_EPOCHS
from search.planning.time_budget import (
    LEAST_SAMPLES,
    TRAIN_S,
    TimeBudget,
    divide,
    fit_epochs,
    make_typical_config,
)
from search.preflight.cost import Cost
from search.preflight.narrowing import list_models
from search.settings import StudySettings
from spaces.space import load_space
from tests.search.planning.test_plan import probe
from train.config import TrialConfig
from train.data.batching.epoch import epoch_lines
from train.data.dataset import MemoryDataset, gather
from train.data.sample import Sample

SPACE = load_space("recognition").with_fixed({"synthetic": 0.0})
STUDY = StudySettings(name="some", storage="runs", time_budget_s=600)


@given(
    left=st.floats(0, 1000),
    train=st.integers(1, 3000),
    val=st.integers(1, 300),
    step=st.floats(0.001, 1),
    read=st.floats(0.001, 0.2),
)
def test_what_is_left_holds_a_trial_unless_even_a_handful_takes_longer(
    left: float, train: int, val: int, step: float, read: float
) -> None:
    cost = Cost(full=step, frozen=step, evaluate=read)
    probes = [replace(probe("pp-ocrv6-tiny", {0: 0.5}), cost=cost)]
    whole = TimeBudget(left, 30, train, val, {"pp-ocrv6-tiny": cost})
    space, short = fit_epochs(whole, STUDY, SPACE, probes, now=0)
    assert space.fixed.get("epoch_share", 1) == short.epoch_share
    config = make_typical_config(probes[0], short).model_copy(
        update={"epochs": 30, "epoch_share": short.epoch_share}
    )
    epochs = divide(short, STUDY, probes, 1, now=0).epochs_for(config, now=0)
    handful = 1.1 * (step * min(LEAST_SAMPLES, train) + read * val)
    assert epochs or max(left, TRAIN_S) < 10 + 1.3 * handful
    if short == whole and left > TRAIN_S:
        assert epochs >= LEAST_EPOCHS


@pytest.mark.parametrize("left", [60, 300, 450])
@pytest.mark.parametrize(
    ("name", "fixed"), [("orientation", {}), ("recognition", {"charset": "keep"}), ("recognition", {})]
)
def test_what_is_tried_first_fits_with_its_further_lines_and_its_charset(
    left: float, name: str, fixed: dict[str, Any]
) -> None:
    """A trial that takes longer than the time is dropped: what the space tries first, or every one of its trials."""
    space = load_space(name).with_fixed(fixed)
    [model, *_] = list_models(space)
    cost = Cost(full=0.036, frozen=0.02, evaluate=0.012, keep=1.5)
    probes = [replace(probe(model, {0: 0.5}), cost=cost)]
    whole = TimeBudget(left, 20, 2231, 915, {model: cost})
    space, short = fit_epochs(whole, STUDY, space.with_choices("model", [model]), probes, now=0)
    first = space.suggest(FixedTrial(space.warm_starts_for(2231)[0]))
    least = min(LEAST_EPOCHS, short.max_epochs)
    assert divide(short, STUDY, probes, 1, now=0).epochs_for(first, now=0) >= least


def test_every_epoch_sees_another_part() -> None:
    samples = [Sample(Path(f"{n}.png"), str(n), f"labels:{n}") for n in range(40)]
    data: MemoryDataset = gather(samples, [(np.zeros((48, 48, 3), np.uint8), (48, 48))] * 40)
    config = TrialConfig(batch_size=4, epoch_share=0.25, fit_width=320)
    parts = [np.concatenate(epoch_lines(config, data, (), epoch)[1]) for epoch in range(1, 9)]
    assert {len(part) for part in parts} == {12}
    assert len({tuple(sorted(part)) for part in parts}) == 8
    assert len({int(one) for part in parts for one in part}) > 30
