"""How a study's lines are cut out of photos: chosen before any training, with a reader as it was published."""

from search.preflight.data import source_of
from search.preflight.space import list_models
from search.settings import StudySettings
from spaces.space import SearchSpace
from train.config import TrialConfig
from train.data.folders.unpacked import caching_in
from train.end_to_end.cut_choice import choose_cut
from train.end_to_end.words_choice import choose_words
from train.models import MODELS
from train.sets.found import boxes_of
from train.sets.read import read_photo_splits
from train.trained.readers import Read


def choose_study_cut(settings: StudySettings, space: SearchSpace) -> StudySettings:
    """Return the settings with the cut of all trials: the one that they have, or the best of a few."""
    source = source_of(settings)
    if source.finder is None or settings.cut is not None:
        return settings
    photos = read_photo_splits(source)[0].val
    with caching_in(source.cache):
        boxes = boxes_of(photos, source.finder)
    reader = _reader(space)
    chosen = choose_cut(photos, boxes, Read(reader))
    words = choose_words(
        photos, boxes, Read(reader.model_copy(update={"charset": "keep", "cut": chosen.cut}))
    )
    print(f"{chosen}\n{words}", flush=True)
    return settings.model_copy(update={"cut": chosen.cut.model_copy(update={"words": words.words})})


def _reader(space: SearchSpace) -> TrialConfig:
    """Return the smallest known reader of the space, or its first one."""
    models = [name for name in list_models(space) if MODELS.get(name).pretrained(None)]
    usual = TrialConfig()
    return usual if usual.model in models or not models else TrialConfig(model=models[0])
