"""From what the user names to decoded splits: cut, read, check, split and decode, once per study."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import ray

from search.preflight.narrowing import list_models
from search.records.facts import BadSample, DataSummary
from search.settings import StudySettings
from search.storage.files import EMBEDDED_FOLDER, FIRST_OTHERS_FOLDER, OTHERS_FOLDER
from spaces.space import SearchSpace
from train.config import TrialConfig
from train.cut import PADDLEOCR
from train.data.batching.versions import with_versions
from train.data.checks.allowed import describe_left_out
from train.data.dataset import Dataset
from train.data.decoded.decoding import CACHE, Decoding
from train.data.decoded.stored import Stored
from train.data.folders.unpacked import caching_in
from train.data.synthetic import make_other_lines, make_vin_dataset
from train.end_to_end.cut_choice import choose_cut
from train.end_to_end.finder import ModelFinder
from train.end_to_end.words_choice import choose_words
from train.loop import TrainingData
from train.models import MODELS
from train.reading.formats.declared import declared_rules
from train.reading.formats.rules import Rule
from train.reading.knowledge import TextKnowledge
from train.sets.found import boxes_of
from train.sets.read import Sets, Source, read_photo_splits
from train.sets.texts import check_rules, read_further
from train.system.machine.memory import available_bytes
from train.system.machine.processor import count_cores
from train.tasks import TASKS, Task
from train.trained.readers import Read

OTHER_LINES = 600
"""Half of them are trained on, the others show what is forgotten."""
EMBEDDED = {"count_train": 400, "count_val": 120, "count_test": 120, "seed": 7}


@dataclass(frozen=True)
class StudyData:
    """Decoded images and where they came from.

    Attributes:
        test: None where there is no test split.
        knowledge: of the texts.
    """

    training: TrainingData
    test: Dataset | None
    summary: DataSummary
    knowledge: TextKnowledge = field(default_factory=lambda: TextKnowledge(()))


def task_of(settings: StudySettings) -> type[Task]:
    """Return the task of a study."""
    return TASKS.get(settings.task_name)


def source_of(settings: StudySettings) -> Source:
    """Return where a study's samples come from, drawing the embedded default first if no data are named."""
    labels = {name: tuple(map(Path, paths)) for name, paths in settings.labels.items()}
    return Source(
        data=labels or source_folder(settings),
        task=task_of(settings),
        format=settings.data_format,
        options=settings.data_options,
        general_labels=Path(settings.general_labels) if settings.general_labels else None,
        general_format=settings.general_format,
        general_options=settings.general_options,
        synthetic_labels=Path(settings.synthetic_labels) if settings.synthetic_labels else None,
        seed=settings.seed,
        test_fraction=settings.test_fraction,
        allow_bad=settings.allow_bad,
        cache=Path(settings.cache) if settings.cache else None,
        dictionary=settings.dictionary,
        group_by=settings.group_by,
        finder=ModelFinder(settings.detection) if settings.detection else None,
        cut=settings.cut or PADDLEOCR,
    )


def source_folder(settings: StudySettings) -> Path:
    """Return the data folder, drawing the embedded default first if none is named."""
    if settings.data is not None:
        return Path(settings.data)
    folder = settings.local_folder.parent / EMBEDDED_FOLDER
    make_vin_dataset(folder, **EMBEDDED)
    return folder


def choose_study_cut(settings: StudySettings, space: SearchSpace) -> StudySettings:
    """Return the settings with the cut of all trials: the one that they have, or the best of a few."""
    source = source_of(settings)
    if source.finder is None or settings.cut is not None:
        return settings
    photos = read_photo_splits(source)[0].val
    with caching_in(source.cache):
        boxes = boxes_of(photos, source.finder)
    reader = _smallest_reader(space)
    chosen = choose_cut(photos, boxes, Read(reader))
    words = choose_words(
        photos, boxes, Read(reader.model_copy(update={"charset": "keep", "cut": chosen.cut}))
    )
    print(f"{chosen}\n{words}", flush=True)
    return settings.model_copy(update={"cut": chosen.cut.model_copy(update={"words": words.words})})


def _smallest_reader(space: SearchSpace) -> TrialConfig:
    """Return the smallest known reader of the space, or its first one."""
    models = [name for name in list_models(space) if MODELS.get(name).pretrained(None)]
    usual = TrialConfig()
    return usual if usual.model in models or not models else TrialConfig(model=models[0])


def with_other_lines(settings: StudySettings, resume: bool) -> StudySettings:
    """Return the settings with lines of other kinds, drawn where a task wants some and none are given.

    A study that is resumed on another machine than it began on has them drawn there.
    """
    named = Path(settings.general_labels) if settings.general_labels else None
    drawn = named.parent.name if named else OTHERS_FOLDER
    elsewhere = resume and drawn in (OTHERS_FOLDER, FIRST_OTHERS_FOLDER) and named and not named.exists()
    if not task_of(settings).wants_others or not (named is None or elsewhere):
        return settings
    folder, first = settings.local_folder.parent / drawn, drawn == FIRST_OTHERS_FOLDER
    lines = make_other_lines(folder, OTHER_LINES, seed=7, first=first)
    return settings.model_copy(update={"general_labels": str(lines.absolute())})


def read_rules(settings: StudySettings) -> tuple[Rule, ...]:
    """Return what is declared of the texts; raise UsageError for what cannot be used."""
    rules = declared_rules(settings.reading, source_of(settings).data)
    check_rules(rules, task_of(settings))
    return rules


def gather_text_knowledge(settings: StudySettings, texts: Sequence[str]) -> TextKnowledge:
    """Return the rules and texts that a study was given; raise UsageError or DataError for what cannot be used.

    Args:
        settings: the study's.
        texts: labels of its training lines.
    """
    further = read_further(settings.texts, task_of(settings))
    return TextKnowledge(texts, read_rules(settings), settings.seed, settings.precision, further)


def decode_sets(settings: StudySettings, sets: Sets, stored: Stored) -> StudyData:
    """Decode every image once; `stored` says what it becomes."""
    how = choose_decoding(settings, stored)
    if how.in_files(sets.samples):
        print(f"decoded {task_of(settings).terms.samples} are mapped from {how.folder}", flush=True)
    decoded, left_out = how.decode_usable(sets.samples, settings.allow_bad, sets.left_out)
    if left_out:
        print(describe_left_out(left_out), flush=True)
    summary = DataSummary(
        path=settings.data or ("label files" if settings.labels else "embedded default: drawn VIN lines"),
        samples={name: len(data) for name, data in decoded.items()},
        origins=dict(sets.origins),
        left_out=tuple(BadSample(source=place, reason=why) for place, why in left_out.items()),
        repaired=sets.repaired,
        dictionary=str(sets.dictionary) if sets.dictionary else None,
    )
    decoded = with_versions(decoded)
    test = decoded.pop("test", None)
    training = TrainingData(**decoded, dictionary=sets.characters, documents=sets.documents)
    return StudyData(training, test, summary, gather_text_knowledge(settings, training.train.texts))


def choose_decoding(settings: StudySettings, stored: Stored) -> Decoding:
    """Return where this study keeps its decoded images; Ray's smallest object store has to hold those in memory."""
    folder = Path(settings.cache) if settings.cache else settings.local_folder.parent / CACHE
    free_bytes = available_bytes()
    if ray.is_initialized():
        stores = (node["Resources"].get("object_store_memory") for node in ray.nodes() if node["Alive"])
        free_bytes = min(free_bytes, *(int(size) for size in stores if size))
    return Decoding(folder, settings.decode_to, free_bytes, count_cores(), stored)
