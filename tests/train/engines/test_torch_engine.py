"""What only the torch engine does: a compiled training step, the GPU that it takes, and how exactly it reads there."""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.real_lines import config, few_lines
from train.engine import Images
from train.engines import ENGINES
from train.engines.pytorch.device import current_device
from train.engines.pytorch.export import export_for_paddleocr
from train.errors import UsageError
from train.loop import assemble
from train.techniques import uniform


def test_the_gpu_that_the_process_was_given_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    assert current_device() == torch.device("cpu") or torch.cuda.is_available()
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 1)
    assert current_device() == torch.device("cuda", 1)


@pytest.mark.parametrize("name", ["torch", "torch-language"])
@pytest.mark.parametrize(
    ("error", "ran_out"),
    [
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."), True),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"), True),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried"), True),
        (MemoryError(), True),
        (RuntimeError("CUDA error: an illegal memory access was encountered"), False),
        (ValueError("CUDA error: out of memory"), False),
    ],
)
def test_too_little_memory_is_known_by_every_word_for_it(name: str, error: Exception, ran_out: bool) -> None:
    assert ENGINES.get(name).ran_out(error) is ran_out


def test_an_engine_that_cannot_compile_refuses_to(data_dir: Path) -> None:
    with pytest.raises(UsageError, match=r"compile.*got paddle; set engine: torch"):
        assemble(config(engine="paddle", compile=True), few_lines(data_dir).train)


@pytest.mark.slow
def test_a_compiled_step_learns_what_a_plain_one_does(
    data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Graphs are captured and differentiated as ever; only the minutes of code generation are left out."""
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend="aot_eager"))
    data = few_lines(data_dir)
    losses, weights = [], []
    for compiled in (False, True):
        engine, task = assemble(config(engine="torch", compile=compiled), data.train)
        engine.apply_plan(uniform(0.0) | {"neck": 1.0, "head": 1.0})
        batches = [task.batch(data.train, np.arange(start, start + 4), epoch=1) for start in (0, 4)]
        losses.append([engine.train_step(batch, 1e-4, update=True) for batch in batches])
        weights.append(engine.weights())
    assert losses[1] == pytest.approx(losses[0], rel=1e-4)
    for name, array in weights[0].items():
        np.testing.assert_allclose(weights[1][name], array, atol=3e-4, err_msg=name)
    assert export_for_paddleocr(engine, config(engine="torch", compile=True), tmp_path) == {}
    assert reads_in_float32(engine, task.evaluation_batch(data.train, np.arange(1)))


def reads_in_float32(engine: Any, images: Images) -> bool:
    """Whether a GPU is told not to round: no graph passed its gate there, by a rounding of every convolution."""
    seen: list[bool] = []
    convolution = next(one for one in engine._network.layer.modules() if isinstance(one, torch.nn.Conv2d))
    convolution.register_forward_hook(lambda *_: seen.append(torch.backends.cudnn.allow_tf32))
    engine.predict(images)
    return seen == [False] and torch.backends.cudnn.allow_tf32
