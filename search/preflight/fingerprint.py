"""What a study was begun with: its space, data and charset; a study that is resumed must have the same."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from itertools import chain
from pathlib import Path
from typing import Any

from search.preflight.data import Prepared
from search.settings import StudySettings
from search.storage.files import FINGERPRINT
from spaces.space import SearchSpace
from train.data.sample import Sample
from train.errors import UsageError
from train.files import write_whole
from train.tasks import TASKS

FREE = ("name", "storage", "time_budget_s")
"""Settings that a resumed study may be given anew, or is found by."""


def fingerprint(space: SearchSpace, prepared: Prepared, task: str) -> dict[str, str]:
    """Return what must not change, under keys that a person can look for.

    Samples count by label, name and size of the image file: a data folder may be moved or copied.
    """
    found = {f"space.{key}": json.dumps(value, default=list) for key, value in space.fixed.items()}
    found |= {f"space.{parameter.name}": str(parameter.domain) for parameter in space.parameters}
    for name, samples in prepared.sets.items():
        found[f"data.{name}.samples"] = str(len(samples))
        found[f"data.{name}.content"] = digest(samples)
    if TASKS.get(task).spells:
        taught = chain.from_iterable(prepared.sets.get(name, ()) for name in ("train", "synthetic"))
        found["charset"] = "".join(sorted(set(chain.from_iterable(sample.text for sample in taught))))
    return found


def digest(samples: Iterable[Sample]) -> str:
    """Return 16 hexadecimal digits of the samples' labels, file names and sizes, in their order."""
    whole = hashlib.blake2b(digest_size=8)
    for sample in samples:
        line = repr((sample.path.name, sample.text, sample.path.stat().st_size))
        whole.update(line.encode("utf-8", "surrogatepass"))
    return whole.hexdigest()


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Return `key: old -> new` for everything that differs; of a charset, the characters that came and went."""
    keys = [key for key in dict.fromkeys([*old, *new]) if old.get(key) != new.get(key)]
    return [f"{key}: {_change(key, old.get(key), new.get(key))}" for key in keys]


def _change(key: str, old: Any, new: Any) -> str:
    if key == "charset" and isinstance(old, str) and isinstance(new, str):
        came, went = sorted(set(new) - set(old)), sorted(set(old) - set(new))
        return f"came {' '.join(came) or 'none'}, went {' '.join(went) or 'none'}"
    return f"{'nothing' if old is None else old} -> {'nothing' if new is None else new}"


def check_fingerprint(folder: Path, found: dict[str, str], resume: bool) -> None:
    """Write down what a new study begins with; raise UsageError if a resumed one began with something else."""
    path = folder / FINGERPRINT
    if resume and path.exists():
        refuse(differences(json.loads(path.read_text(encoding="utf-8")), found), folder.name)
    write_whole(path, json.dumps(found, indent=1, ensure_ascii=False))


def check_settings(begun: StudySettings, given: StudySettings, usual: StudySettings) -> None:
    """Raise UsageError if a command line that resumes says other than the one that began.

    Args:
        begun: the study's.
        given: the command line's.
        usual: those of a command line that says nothing.
    """
    said = {key: value for key, value in given if value != getattr(usual, key) and key not in FREE}
    if said.get("engine") == "auto":  # which engine that was stands in the study's settings
        del said["engine"]
    refuse(differences({key: getattr(begun, key) for key in said}, said), begun.name)


def refuse(changed: list[str], study: str) -> None:
    """Raise UsageError if there are changes."""
    if changed:
        raise UsageError(
            "a resumed study must have the space, data and settings that it was begun with",
            "; ".join(changed),
            f"go back to the old ones, or begin a new study with the old one's best: --name NEW --fork {study}",
        )
