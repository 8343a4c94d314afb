"""A searched detector and reader together: suited to each other, measured end to end, beside the published ones."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from search.selection.finish import suit_to_reader
from train.bundle import write_cut
from train.checkpoint import Checkpoint
from train.config import TrialConfig
from train.data.dataset import decode_usable
from train.data.folders.unpacked import caching_in
from train.data.photos.lines import lines_of
from train.data.sample import Sample
from train.data.split import Splits
from train.end_to_end.cut_choice import choose_cut
from train.end_to_end.finder import ModelFinder, keep_readable
from train.end_to_end.halves import PUBLISHED, TRAINED, Halves, PairChoice, compare_halves
from train.end_to_end.pair import EndToEnd, load_reader, read_end_to_end
from train.end_to_end.photos import photo_page
from train.end_to_end.words_choice import choose_words
from train.errors import DataError
from train.export import export_network
from train.loop import assemble
from train.models import MODELS
from train.sets.found import Quads, boxes_of
from train.sets.read import Source, read_photo_splits
from train.system.files import write_whole
from train.tasks import TASKS
from train.trained.loaded import Loaded
from train.trained.readers import Read

REPORT = "report.html"
GATE_PHOTOS = 8
"""With whose pixels the parity gate of a published detector is content."""


@dataclass(frozen=True)
class Measured:
    """A pair as it is to be served.

    Attributes:
        detector: bundle, or the name that was given.
        reader: bundle.
        splits: how the photos of each split are read.
        choice: what other pairs read; None where there is no published model to compare with.
    """

    detector: str
    reader: str
    splits: Mapping[str, EndToEnd]
    choice: PairChoice | None


def measure(
    source: Source, name: str, detector: str, reader: str, folder: Path, *, searched: bool, samples: bool
) -> Measured:
    """Return how validation and test photos are read end to end, and write a page of the former.

    Thresholds of a detector that was searched, and the cut, are chosen on validation for the trained reader: others are
    written into the bundles where they are significantly better. A published model may take a trained one's place
    (`compare_halves`), its bundle with `samples` (`export_network`).
    """
    splits = _readable_splits(source, searched)
    if searched:  # a detector that was given stays as it is
        suit_to_reader(Path(detector), splits.val, Path(reader))
    _choose_cut(Path(reader), splits.val, _boxes(source, detector, splits.val))
    choice = _compare(source, splits, detector, reader, searched=searched)
    if choice is not None:
        print(choice, flush=True)
        with caching_in(source.cache):
            detector, reader = _taken(
                choice.chosen, detector, reader, splits.val, folder / PUBLISHED, samples
            )
    recogniser, found = load_reader(Path(reader)), dict[str, EndToEnd]()
    for split, photos in (("validation", splits.val), ("test", splits.test)):
        if photos:
            found[split] = read_end_to_end(photos, _boxes(source, detector, photos), recogniser)
    val = found["validation"]
    write_whole(folder / REPORT, photo_page(f"{name}: validation photos", splits.val, val.pages, val.told))
    return Measured(detector, reader, found, choice)


def _readable_splits(source: Source, searched: bool) -> Splits:
    """Return the photos of each split; raise DataError if no validation photo can be read.

    Reading labels looks at headers alone. A searched detector's study has decoded every photo, and refused one that is
    not whole unless `--allow-bad` lets it be. Beside a detector that was given no one has decoded photos without lines.
    """
    splits = read_photo_splits(source)[0]
    if searched and not source.allow_bad:
        return splits
    kept = replace(splits, val=keep_readable(splits.val), test=keep_readable(splits.test))
    if not kept.val:
        raise DataError(
            "a pair must have validation photos that can be read",
            f"none of {len(splits.val)}",
            "mend them, or name another label file (--val-labels)",
        )
    return kept


def _choose_cut(reader: Path, photos: Sequence[Sample], boxes: Sequence[Quads]) -> None:
    recogniser = load_reader(reader)
    chosen = choose_cut(photos, boxes, recogniser, recogniser.config.cut)
    write_cut(reader, chosen.cut)
    words = choose_words(photos, boxes, load_reader(reader))
    print(f"{chosen}\n{words}", flush=True)
    write_cut(reader, chosen.cut.model_copy(update={"words": words.words}))


def _compare(
    source: Source, splits: Splits, detector: str, reader: str, *, searched: bool
) -> PairChoice | None:
    finders = {TRAINED: partial(_boxes, source, detector)}
    if searched and (published := find_published(load_reader(Path(detector)))):
        finders[PUBLISHED] = partial(_boxes, source, published.model, engine=published.engine)
    return compare_halves(splits, finders, list_readers(load_reader(Path(reader))))


def list_readers(trained: Read) -> dict[str, Read]:
    """Return the trained reader, and the published one unless a format was declared, of which that knows nothing."""
    published = find_published(trained)
    if published is None or (trained.text_model is not None and trained.text_model.rules):
        return {TRAINED: trained}
    return {TRAINED: trained, PUBLISHED: Read(published)}


def find_published(trained: Read) -> TrialConfig | None:
    """Return how the model of a bundle is run as it was published, with the same cut.

    None where training began with other weights: those, or none, are what the model was before.
    """
    assert trained.bundle is not None, "pairs are made of bundles"
    manifest, config = trained.bundle.manifest, trained.config
    if config.weights or not MODELS.get(manifest.model).pretrained(None):
        return None
    return TrialConfig(
        task=manifest.task, model=manifest.model, engine=config.engine, charset="keep", cut=config.cut
    )


def _taken(
    chosen: Halves, detector: str, reader: str, photos: Sequence[Sample], folder: Path, samples: bool
) -> tuple[str, str]:
    """Return the pair to serve: published models become bundles, which are served as they were read here."""
    taken = []
    for which, bundle in zip(chosen, (detector, reader), strict=True):
        config = find_published(load_reader(Path(bundle))) if which == PUBLISHED else None
        taken.append(bundle if config is None else _export(config, photos, folder / config.task, samples))
    return taken[0], taken[1]


def _export(config: TrialConfig, photos: Sequence[Sample], bundle: Path, samples: bool) -> str:
    kind = TASKS.get(config.task)
    images = lines_of(photos) if kind.worded else photos[:GATE_PHOTOS]
    data = decode_usable(images, kind.stored_as(config))[0]  # a search left out labels that are no lines
    # The characters are those that it was compared with: none that the labels alone have.
    engine, task = assemble(config, replace(data, texts=("",) * len(data)) if kind.worded else data)
    checkpoint = Checkpoint(config, engine.charset, 0, {}, engine.state())
    bundle.parent.mkdir(exist_ok=True)
    export_network(Loaded(engine, task, checkpoint=checkpoint), data, bundle, samples)
    return str(bundle)


def _boxes(source: Source, detector: str, photos: Sequence[Sample], engine: str | None = None) -> list[Quads]:
    with caching_in(source.cache):
        return boxes_of(photos, ModelFinder(detector, engine))
