"""What a run keeps to when it goes on from its last checkpoint: its own configuration, data and folder."""

import hashlib
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from train.checkpoint import Checkpoint
from train.config import TrialConfig
from train.data.dataset import Dataset
from train.errors import UsageError, explain_refusal, make_storage_error
from train.system.dotted import flatten
from train.system.files import locked, read_json, remove_left
from train.tasks import TASKS

FREE = ("engine", "compile", "epochs", "dictionary")
"""Settings that may be others; of a dictionary the characters count, which the checkpoint has."""
COUNTS, DIGEST = ("train_samples", "val_samples"), "data_digest"
LOCK = ".training"
CONFIG_REMEDY = "go back to the old one (without --config, a run goes on with its own)"
DATA_REMEDY = "name the data, --seed and --group-by as it was begun"
REPORT_REMEDY = "put it back from a copy, or delete it: the run then begins a new one"


def choose_config(begun: TrialConfig, named: TrialConfig) -> TrialConfig:
    """Return the named configuration; raise UsageError if more of it than FREE is not as the run was begun with.

    One without `weights` has those of the run, which it may have been given beside its configuration.
    """
    if named.weights is None:
        named = named.model_copy(update={"weights": begun.weights})
    old, new = (flatten(config.model_dump(mode="json")) for config in (begun, named))
    keys = [key for key in dict.fromkeys([*old, *new]) if key not in FREE]
    changed = [f"{key}: {old.get(key)} -> {new.get(key)}" for key in keys if old.get(key) != new.get(key)]
    _refuse(changed, CONFIG_REMEDY)
    return named


def digest_data(sets: Mapping[str, Dataset | None]) -> str:
    """Return 16 hexadecimal digits of each set's file names and texts, in any order: a data folder may be moved."""
    whole = hashlib.blake2b(digest_size=8)
    for name, data in sets.items():
        found = sorted(zip(map(os.path.basename, data.sources), data.texts, strict=True)) if data else []
        whole.update(repr((name, found)).encode("utf-8", "surrogatepass"))
    return whole.hexdigest()


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
    before = read_json(report, REPORT_REMEDY, dict) if report.is_file() else {}
    changed = [
        f"{key}: {before[key]} -> {facts[key]}" for key in COUNTS if before.get(key, facts[key]) != facts[key]
    ]
    if not changed and before.get(DIGEST, facts[DIGEST]) != facts[DIGEST]:
        changed = ["as many samples, but other ones, or with other texts"]
    if TASKS.get(begun.config.task).spells:
        came = sorted(set().union(*map(begun.charset.unknown, texts)))
        changed += [f"characters that came: {' '.join(came)}"] if came else []
    _refuse(changed, DATA_REMEDY)


@contextmanager
def sole_run(output: Path, data: Path | None = None) -> Iterator[None]:
    """Keep other runs from a folder while the block runs; raise UsageError while one is at work, or for the data.

    A folder that was made for the lock alone is taken away again.
    """
    if data and output.resolve() == data.resolve():
        raise UsageError("--output must not be the data folder", output, "name another one")
    made = not output.exists()
    with ExitStack() as held:
        try:
            held.enter_context(locked(output, LOCK, wait=False))
        except BlockingIOError as error:
            raise UsageError(
                "one run at a time may write into a folder",
                f"another one does in {output}",
                "wait for its end, or choose another --output",
            ) from error
        remove_left(output)
        try:
            yield
        finally:
            if made and output.exists() and os.listdir(output) == [LOCK]:
                shutil.rmtree(output)


@contextmanager
def resumable(last: Path) -> Iterator[None]:
    """Raise StorageError, as an interruption, where files cannot be written once the run's `last` checkpoint is."""
    try:
        yield
    except OSError as error:
        if explain_refusal(error) is None or not last.exists():
            raise
        raise make_storage_error(error, "the run's files must be written", "--resume") from error


def _refuse(changed: Iterable[str], remedy: str) -> None:
    if found := "; ".join(changed):
        raise UsageError(
            "a resumed run must have the configuration and the data that it was begun with",
            found,
            f"{remedy}, or begin anew in another --output",
        )
