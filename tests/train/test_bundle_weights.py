"""A bundle holds what was trained, so that training can go on from it."""

from pathlib import Path

import numpy as np
import pytest

from tests.real_lines import config, few_lines, run
from train.bundle import WEIGHTS, load_bundle
from train.engine import GROUPS
from train.errors import ModelError
from train.export import export_checkpoint
from train.loop import assemble
from train.steps.validation import evaluate

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("engine", ["paddle", "torch"])
def test_training_goes_on_from_a_bundle_in_either_framework(
    data_dir: Path, tmp_path: Path, engine: str
) -> None:
    data = few_lines(data_dir)
    [(_, checkpoint)] = run(config(epochs=1, charset="domain"), data)
    export_checkpoint(checkpoint, data.val, tmp_path / "bundle")
    bundle = load_bundle(tmp_path / "bundle")
    assert WEIGHTS in bundle.manifest.files

    before, task = assemble(checkpoint.config, data.train, checkpoint)
    after, same_task = assemble(
        config(charset="keep", weights=str(bundle.directory), engine=engine), data.train
    )
    assert after.charset == before.charset, "the data bring no character that the bundle lacks"
    batch = task.evaluation_batch(data.val, np.arange(4))
    # Not equal: the norms are calibrated anew, on the same function but for rounding.
    assert np.abs(before.predict(batch) - after.predict(batch)).max() < 1e-2
    read, read_again = evaluate(before, task, data.val)[1], evaluate(after, same_task, data.val)[1]
    assert [text for text, _ in read] == [text for text, _ in read_again]
    assert [score for _, score in read] == pytest.approx([score for _, score in read_again], abs=1e-4)
    after.apply_plan(dict.fromkeys(GROUPS, 1.0))
    assert np.isfinite(after.train_step(same_task.batch(data.train, np.arange(4), 1), 1e-4, True))


def test_another_architecture_is_refused(data_dir: Path, tmp_path: Path) -> None:
    data = few_lines(data_dir)
    [(_, checkpoint)] = run(config(epochs=1), data)
    export_checkpoint(checkpoint, data.val, tmp_path / "bundle")
    with pytest.raises(ModelError, match="choose the model pp-ocrv6-tiny"):
        assemble(config(model="pp-ocrv6-small", weights=str(tmp_path / "bundle")), data.train)
