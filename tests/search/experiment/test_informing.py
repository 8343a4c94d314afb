"""What only tells people how a search is never ends it: one warning, and the search goes on."""

import pickle
from pathlib import Path
from typing import Any

import pytest
from ray import tune
from ray.tune import Callback
from ray.tune.utils.callback import _create_default_callbacks

from search.experiment.informing import HOOKS, Informing, TensorBoard


class Broken(Callback):  # type: ignore[misc]
    """Fails whenever it is told anything."""

    calls = 0

    def _fail(self, *arguments: Any, **more: Any) -> None:
        self.calls += 1
        raise UnicodeEncodeError("ascii", "\u8eca", 0, 1, "ordinal not in range(128)")


for name in HOOKS:
    setattr(Broken, name, Broken._fail)


def test_it_passes_on_all_that_tune_calls() -> None:
    theirs = {name for name, value in vars(Callback).items() if callable(value) and name[:1] != "_"}
    assert theirs == set(HOOKS)
    assert theirs <= vars(Informing).keys()


def test_a_callback_that_fails_is_left_out_with_one_word(capsys: pytest.CaptureFixture[str]) -> None:
    broken = Broken()
    informing = Informing(broken)
    for hook in HOOKS:
        getattr(informing, hook)()
    assert broken.calls == 1
    [warning] = capsys.readouterr().err.splitlines()
    assert warning.startswith(
        "warning: Broken is left out from here on, the search goes on: UnicodeEncodeError: "
    )


def test_state_goes_through_and_survives_a_restart() -> None:
    class Counting(Callback):  # type: ignore[misc]
        count = 3

        def get_state(self) -> dict[str, int]:
            return {"count": self.count}

        def set_state(self, state: dict[str, int]) -> None:
            self.count = state["count"]

    counting = Counting()
    Informing(counting).set_state({"count": 7})
    assert Informing(counting).get_state() == {"count": 7}
    assert isinstance(pickle.loads(pickle.dumps(TensorBoard())), TensorBoard)  # noqa: S301 - made here


def test_tune_adds_no_second_writer_of_curves(tmp_path: Path) -> None:
    made = _create_default_callbacks([TensorBoard()])
    assert sum(isinstance(one, tune.logger.TBXLoggerCallback) for one in made) == 1
