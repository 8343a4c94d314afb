"""Which batch each trial is in: an entry for each in the cluster's key-value store, which any process can read.

It is for people alone. It costs one small message every few seconds, and a search goes on where it fails.
"""

import json
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict

from ray import tune
from ray.exceptions import RayError
from ray.experimental.internal_kv import (
    _internal_kv_del,
    _internal_kv_get,
    _internal_kv_initialized,
    _internal_kv_put,
)

from train.steps.position import Position, Watch

EVERY_S, LAST_EVERY_S = 3.0, 1.0
"""A trial writes no more often; the last batch of an epoch is written sooner: the validation samples come next."""
NAMESPACE = "ocrtune-places"


def heartbeat(trial: str) -> Watch:
    """Return a function that says where a trial is; call it from any of the cluster's processes."""
    written = float("-inf")

    def beat(position: Position) -> None:
        nonlocal written
        now = time.monotonic()
        often = LAST_EVERY_S if position.batch == position.batches else EVERY_S
        if now - written < often or not _internal_kv_initialized():
            return
        written = now
        with suppress(RayError):
            _internal_kv_put(trial, json.dumps(asdict(position)), overwrite=True, namespace=NAMESPACE)

    return beat


def this_trial() -> str:
    """Return the id of the trial that this process runs; call it inside a Tune function."""
    return str(tune.get_context().get_trial_id())


def read_positions(trials: Iterable[str]) -> dict[str, Position]:
    """Return where trials are; those that have trained no batch yet are left out."""
    found: dict[str, Position] = {}
    if not _internal_kv_initialized():
        return found
    with suppress(RayError):
        for trial in trials:
            if text := _internal_kv_get(trial, namespace=NAMESPACE):
                found[trial] = Position(**json.loads(text))
    return found


def forget_position(trial: str) -> None:
    """Forget where a trial was: another attempt begins, or it has ended."""
    if _internal_kv_initialized():
        with suppress(RayError):
            _internal_kv_del(trial, namespace=NAMESPACE)
