"""What is timed before the first trial."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from search.preflight.probing import probe
from search.preflight.probing.timing import choose_usual_images
from tests import real_photos
from train.config import TrialConfig
from train.data.batching.batches import padded, training_batches
from train.data.images import BUCKET_PX
from train.loop import assemble


def test_a_step_is_timed_on_a_batch_as_wide_as_those_of_an_epoch() -> None:
    """They are padded to their widest lines, so that the median line's width says too little."""
    widths = np.random.default_rng(0).lognormal(5.3, 0.6, 400).astype(np.int32)
    batches = training_batches(widths, TrialConfig().batch_size, seed=1, epoch=2)
    mean = sum(len(batch) * padded(widths)[batch].max() for batch in batches) / len(widths)
    chosen = choose_usual_images(widths, 16)
    assert len(set(chosen.tolist())) == 16
    assert padded(widths)[chosen].max() == pytest.approx(mean, abs=BUCKET_PX)
    assert mean > 1.2 * np.median(padded(widths))
    assert sorted(choose_usual_images(widths[:3], 16).tolist()) == [0, 1, 2]
    assert len(choose_usual_images(np.full(40, 320, np.int32), 16)) == 16


def test_to_choose_thresholds_is_timed(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now, choose = [0.0], probe.choose_settings

    def chosen(*given: Any) -> Any:
        now[0] += 100
        return choose(*given)

    monkeypatch.setattr(probe, "choose_settings", chosen)
    monkeypatch.setattr(probe, "time", SimpleNamespace(monotonic=lambda: now[0]))
    data, config = real_photos.few_photos(data_dir), real_photos.config()
    readings = probe.read_start(*assemble(config, data.train), config, data, untrained=False)
    assert [(reading.baseline.tuned, reading.seconds) for reading in readings] == [(False, 0), (True, 100)]
