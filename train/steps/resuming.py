"""What a run keeps to when it goes on from its last checkpoint: its own configuration, data and folder."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from train.checkpoint import Checkpoint
from train.config import TrialConfig
from train.errors import UsageError
from train.system.dotted import flatten
from train.system.files import locked
from train.tasks import TASKS

FREE = ("engine", "compile", "epochs", "dictionary")
"""Settings that may be others; of a dictionary the characters count, which the checkpoint has."""
COUNTS = ("train_samples", "val_samples")


def choose_config(begun: TrialConfig, named: TrialConfig) -> TrialConfig:
    """Return the named configuration; raise UsageError if more of it than FREE is not as the run was begun with."""
    old, new = (flatten(config.model_dump(mode="json")) for config in (begun, named))
    keys = [key for key in dict.fromkeys([*old, *new]) if key not in FREE]
    _refuse([f"{key}: {old.get(key)} -> {new.get(key)}" for key in keys if old.get(key) != new.get(key)])
    return named


def require_same_data(
    begun: Checkpoint, report: Path, facts: Mapping[str, Any], texts: Sequence[str]
) -> None:
    """Raise UsageError for other data: the best epoch of one set says nothing of the best one of another.

    Args:
        begun: the last checkpoint.
        report: training_report.json of the run, if it is there.
        facts: what the report would say of the data now.
        texts: the training labels.
    """
    before = json.loads(report.read_text(encoding="utf-8")) if report.is_file() else {}
    changed = [
        f"{key}: {before[key]} -> {facts[key]}" for key in COUNTS if before.get(key, facts[key]) != facts[key]
    ]
    if TASKS.get(begun.config.task).spells:
        came = sorted(set().union(*map(begun.charset.unknown, texts)))
        changed += [f"characters that came: {' '.join(came)}"] if came else []
    _refuse(changed)


@contextmanager
def sole_run(output: Path) -> Iterator[None]:
    """Keep other runs from a folder while the block runs; raise UsageError while one is at work there."""
    with ExitStack() as held:
        try:
            held.enter_context(locked(output, wait=False))
        except BlockingIOError as error:
            raise UsageError(
                "one run at a time may write into a folder",
                f"another one does in {output}",
                "wait for its end, or choose another --output",
            ) from error
        yield


def _refuse(changed: Iterable[str]) -> None:
    if found := "; ".join(changed):
        raise UsageError(
            "a resumed run must have the configuration and the data that it was begun with",
            found,
            "go back to the old ones (without --config, a run goes on with its own), or begin anew in another --output",
        )
