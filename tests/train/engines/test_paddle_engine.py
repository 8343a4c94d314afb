"""What only the Paddle engine does; with stand-ins for what its wheels for GPUs have, as there need be none here."""

import pytest
from paddle.base import core

from train.engines.paddlepaddle.engine import in_float32


def test_what_it_reads_is_computed_in_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    switches = {"cudnn": True, "cublas": True}
    monkeypatch.setattr(core, "is_compiled_with_cuda", lambda: True)
    for name in ("cudnn", "cublas"):
        monkeypatch.setattr(core, f"get_{name}_switch", lambda name=name: switches[name], raising=False)
        monkeypatch.setattr(
            core, f"set_{name}_switch", lambda on, name=name: switches.update({name: on}), raising=False
        )
    with in_float32():
        assert switches == {"cudnn": False, "cublas": False}
    assert switches == {"cudnn": True, "cublas": True}
