"""What a study was begun with: its space, data and charset; a study that is resumed must have the same."""

import hashlib
import json
import os
import shlex
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from search.preflight.narrowing import DICTIONARY
from search.settings import StudySettings
from search.storage.files import FINGERPRINT
from search.storage.location import fetch_study, load_settings
from spaces.space import SearchSpace, load_space
from train.data.batching.versions import VERSIONS
from train.data.formats import ROOT, SPLITS
from train.data.sample import Sample
from train.data.split import MADE
from train.errors import UsageError
from train.reading.formats.rules import Rule
from train.reading.knowledge import TextKnowledge
from train.sets.read import Sets
from train.system.files import read_json, write_whole
from train.system.paths import given_path
from train.tasks import TASKS, Task

JOINED = 20
FREE = ("name", "storage", "time_budget_s")
"""Settings that a resumed study may be given anew, or is found by."""

LAYOUT_KEY, LAYOUT = "layout", "3"
"""Of the search state that Tune pickles: raise it when a class in there moves or changes its attributes."""

CUT_KEY, CUT = "lines", "missed ones are cut by their labels"
"""Of lines that a detector finds: earlier versions left out those of validation and test that it missed."""
SCORED = ("data.val.", "data.test.")

DEALT_SPLITS, DEALT_FOLDS, DEALT = "dealt.splits", "dealt.folds", "photos without regions one by one"
"""Of splits that are made, and of folds: earlier versions dealt such photos as they deal samples of one text."""
CARVED = ("data.train.", *SCORED)

WIDENED = {
    "space.optimiser.learning_rate [batch_norm=frozen]": (
        "a number in [5e-05, 0.0015]",
        "a number in [1e-05, 0.0015]",
    ),
    "space.replay": (None, "0.0"),  # without general photos
}
"""Of the space `detection`, what an earlier version wrote and this one writes: trials may be as they were."""


def take_fingerprint(
    space: SearchSpace, sets: Sets, task: str, knowledge: TextKnowledge, folds: int = 1
) -> dict[str, str]:
    """Return what must not change, under keys that a person can look for.

    Samples count by label, name and size of the image file: a data folder may be moved or copied. Of what is known of
    the texts, rules and texts without images count, not the files that they stand in.
    """
    begun_with = {LAYOUT_KEY: LAYOUT}
    fixed = {key: value for key, value in space.fixed.items() if key != DICTIONARY}  # its characters count
    begun_with |= {f"space.{key}": json.dumps(value, default=list) for key, value in fixed.items()}
    begun_with |= {f"space.{parameter.name}": str(parameter.domain) for parameter in space.parameters}
    for name, samples in sets.samples.items():
        begun_with[f"data.{name}.samples"] = str(len(samples))
        if name != VERSIONS:  # they follow from the others, and another version may draw them otherwise
            begun_with[f"data.{name}.content"] = digest(samples)
    if VERSIONS in sets.samples:
        begun_with[CUT_KEY] = CUT
    begun_with |= _dealt(sets, TASKS.get(task), folds)
    if TASKS.get(task).spells:
        taught = chain.from_iterable(sets.samples.get(name, ()) for name in ("train", "synthetic"))
        begun_with["charset"] = "".join(sorted(set(chain.from_iterable(sample.text for sample in taught))))
    if sets.dictionary:
        begun_with[DICTIONARY] = "".join(sets.characters)
    begun_with |= {f"format.{number}": _declared(rule) for number, rule in enumerate(knowledge.rules, 1)}
    return begun_with | ({"texts": _shortened(knowledge.further)} if knowledge.further else {})


def _dealt(sets: Sets, task: type[Task], folds: int) -> dict[str, str]:
    """Return what is dealt one by one: samples whose label says nothing, where no documents are dealt whole."""
    splits = {name: sets.samples.get(name, ()) for name in SPLITS}
    silent = {
        name for name, part in splits.items() if any(one.text and not task.text_of(one.text) for one in part)
    }
    made = any(sets.origins.get(name, "").startswith(MADE) for name in SPLITS)
    documents = {sets.documents.get(one.path) for one in splits["train"]} - {None}
    found = {DEALT_SPLITS} if made and silent else set()
    found |= {DEALT_FOLDS} if folds > max(1, len(documents)) and "train" in silent else set()
    return dict.fromkeys(sorted(found), DEALT)


def _declared(rule: Rule) -> str:
    """Return a rule as JSON, its alternatives joined, a lexicon shortened."""
    said = rule.model_dump(mode="json", exclude_defaults=True)
    said |= {"pattern": _joined(rule.pattern)} if isinstance(rule.pattern, tuple) else {}
    said |= {"lexicon": _shortened(rule.lexicon)} if rule.lexicon else {}
    return json.dumps(said, ensure_ascii=False)


def _joined(patterns: Sequence[str]) -> str | list[str]:
    """Return alternatives, JOINED of them as one pattern: so they stand in the fingerprints of earlier studies."""
    groups = [patterns[first : first + JOINED] for first in range(0, len(patterns), JOINED)]
    joined = [group[0] if len(group) == 1 else "|".join(f"({one})" for one in group) for group in groups]
    return joined[0] if len(joined) == 1 else joined


def _shortened(texts: Sequence[str]) -> str:
    """Return how many texts there are, and 16 hexadecimal digits of them, in their order."""
    whole = hashlib.blake2b(json.dumps([*texts]).encode(), digest_size=8)
    return f"{len(texts)} texts, {whole.hexdigest()}"


def digest(samples: Iterable[Sample]) -> str:
    """Return 16 hexadecimal digits of the samples' labels, file names and sizes, in their order."""
    whole = hashlib.blake2b(digest_size=8)
    for sample in samples:
        line = repr((sample.path.name, sample.text, sample.path.stat().st_size))
        whole.update(line.encode("utf-8", "surrogatepass"))
    return whole.hexdigest()


def list_differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Return `key: old -> new` for everything that differs; of a charset, the characters that came and went."""
    keys = [key for key in dict.fromkeys([*old, *new]) if old.get(key) != new.get(key)]
    return [f"{key}: {_change(key, old.get(key), new.get(key))}" for key in keys]


def _change(key: str, old: Any, new: Any) -> str:
    if key in ("charset", DICTIONARY) and isinstance(old, str) and isinstance(new, str):
        came, went = sorted(set(new) - set(old)), sorted(set(old) - set(new))
        if not came and not went:
            return "the same characters in another order"
        return f"came {' '.join(came) or 'none'}, went {' '.join(went) or 'none'}"
    return f"{'nothing' if old is None else old} -> {'nothing' if new is None else new}"


def check_fingerprint(folder: Path, begun_with: dict[str, str], resume: bool) -> None:
    """Write down what a new study begins with; raise UsageError if a resumed one began with something else."""
    path = folder / FINGERPRINT
    if resume and path.exists():
        earlier = read_begun(folder)
        earlier.pop(f"data.{VERSIONS}.content", None)
        if earlier.get(CUT_KEY) is None:
            refuse_other_lines(earlier, begun_with, folder.name)
        earlier.setdefault(CUT_KEY, begun_with.get(CUT_KEY))
        for key, ranges in WIDENED.items():
            if (earlier.get(key), begun_with.get(key)) == ranges:
                earlier[key] = begun_with[key]
        refuse_other_deal(earlier, begun_with, folder.name)
        refuse_changes(list_differences(earlier, begun_with), folder.name)
    write_whole(path, json.dumps(begun_with, indent=1, ensure_ascii=False), durable=True)


def read_begun(folder: Path) -> dict[str, Any]:
    """Return what a study was begun with; raise CheckpointError if its file is damaged."""
    remedy = f"put it back from a copy, or begin a new study: --name NEW --fork {shlex.quote(folder.name)}"
    return read_json(folder / FINGERPRINT, remedy, dict)


def refuse_other_lines(earlier: Mapping[str, str], begun_with: Mapping[str, str], study: str) -> None:
    """Raise UsageError if this version makes other lines than the earlier one that began a study with --detection."""
    changed = list_differences(earlier, {key: value for key, value in begun_with.items() if key != CUT_KEY})
    if CUT_KEY in begun_with and changed and all(one.startswith(SCORED) for one in changed):
        raise UsageError(
            "a study with --detection must be resumed by the version that began it, which left out the lines of "
            "validation and test that the detector misses",
            "; ".join(changed),
            "resume it with that version, or begin a new study with the old one's best: "
            f"--name NEW --fork {shlex.quote(study)}",
        )


def refuse_other_deal(earlier: dict[str, str], begun_with: Mapping[str, str], study: str) -> None:
    """Raise UsageError if photos without regions stand in other splits or folds than when a study began.

    What `earlier` does not say of them it is given where they do not.
    """
    dealt = begun_with.keys() & {DEALT_SPLITS, DEALT_FOLDS} - earlier.keys()
    changed = list_differences(earlier, {key: value for key, value in begun_with.items() if key not in dealt})
    if (DEALT_FOLDS in dealt or (dealt and changed)) and all(one.startswith(CARVED) for one in changed):
        raise UsageError(
            "a study of photos without regions must be resumed by the version that began it, which dealt them to "
            "splits and folds as one text; they are dealt one by one now",
            "; ".join(changed) or "other folds",
            "resume it with that version, or begin a new study with the old one's best: "
            f"--name NEW --fork {shlex.quote(study)}",
        )
    earlier |= {key: begun_with[key] for key in dealt}


def read_begun_settings(asked: StudySettings) -> StudySettings:
    """Return the settings of the study that `asked` resumes: those that it began with, and the time that it is given.

    Raises UsageError if there is no such study, another version began it, it lies elsewhere now, or it was begun with
    other settings than are asked for.
    """
    fetch_study(asked)
    begun = load_settings(asked.local_folder)
    check_layout(asked.local_folder)
    check_place(begun, asked)
    check_settings(begun, asked)
    # The same place may have another address from here than from where the study began.
    storage = asked.storage if asked.remote else begun.storage
    budget = asked.time_budget_s or begun.time_budget_s
    return begun.model_copy(update={"storage": storage, "time_budget_s": budget})


def check_layout(folder: Path) -> None:
    """Raise UsageError if a study's search state was pickled by a version that had its classes elsewhere."""
    begun = read_begun(folder) if (folder / FINGERPRINT).exists() else {}
    layout = begun.get(LAYOUT_KEY, "1")
    if layout != LAYOUT:
        raise UsageError(
            "a study must be resumed by the version that began it",
            f"{folder}, whose search state has layout {layout} where this version's is {LAYOUT}",
            "resume it with that version, or begin a new study with the old one's best: "
            f"--name NEW --fork {shlex.quote(folder.name)}",
        )


def check_place(begun: StudySettings, asked: StudySettings) -> None:
    """Raise UsageError if a study's folder has moved: its search state names the files in it."""
    if not asked.remote and begun.local_folder.resolve() != asked.local_folder.resolve():
        raise UsageError(
            "a study must be resumed in the folder that it began in",
            f"{asked.local_folder}, begun as {begun.local_folder}",
            f"move it back, or begin a new study with its best: --name NEW --fork {shlex.quote(asked.name)}",
        )


def check_settings(begun: StudySettings, asked: StudySettings) -> None:
    """Raise UsageError if a command line that resumes a study says other than the one that began it.

    Whatever the command line says of upright lines, a space that says it decides (`find_upright`).
    """
    if asked.upright != begun.upright and "upright" in load_space(begun.space).fixed:
        asked = asked.model_copy(update={"upright": begun.upright})
    refuse_changes(list_other_settings(begun, asked), begun.name)


def list_other_settings(begun: StudySettings, asked: StudySettings) -> list[str]:
    """Return what a command line that resumes a study says other than the one that began it, `key: old -> new`."""
    given = {key: value for key, value in asked if key in asked.model_fields_set and key not in FREE}
    if given.get("engine") == "auto":  # which engine that was stands in the study's settings
        del given["engine"]
    return list_differences({key: _as_today(getattr(begun, key)) for key in given}, given)


def _as_today(value: Any) -> Any:
    """Return a setting of a study with the root of its options absolute: earlier versions left it as it was typed."""
    if not isinstance(value, dict):
        return value
    return value | {key: os.path.abspath(given_path(value[key])) for key in ROOT if value.get(key)}


def refuse_changes(changed: list[str], study: str) -> None:
    """Raise UsageError if there are changes."""
    if changed:
        raise UsageError(
            "a resumed study must have the space, data and settings that it was begun with",
            "; ".join(changed),
            "go back to the old ones, or begin a new study with the old one's best: --name NEW --fork "
            f"{shlex.quote(study)}",
        )
