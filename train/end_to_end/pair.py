"""A detector and a reader at work together: photos read end to end, one way for evaluation, search and benchmarks."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from train.bundle import SETTINGS, load_bundle, rewrite_manifest
from train.config import config_from_mapping
from train.data.geometry.detection import DetectionParameters
from train.data.sample import Sample
from train.end_to_end.photos import (
    PhotoReading,
    PhotoScores,
    add_counts,
    count_photos,
    describe_faults,
    read_photos,
    score_photos,
)
from train.end_to_end.reading_thresholds import NAMES
from train.scoring.regions import RegionCounts
from train.scoring.texts import AS_LABELLED
from train.sets.found import Quads
from train.system.files import digest_of
from train.tasks.inference_yml import write_detection_settings
from train.trained.readers import Read, read


@dataclass(frozen=True)
class EndToEnd:
    """How photos are read.

    Attributes:
        pages: what was read in each; where a format looks for some texts, the lines that can be one.
        counts: of each photo, compared with its labels.
        told: the same for people: a text whose box a format left out for what was read in it is misread, not missed.
        raw: the counts of reading greedily; None without a text model.
    """

    pages: Sequence[PhotoReading]
    counts: Sequence[RegionCounts]
    told: Sequence[RegionCounts]
    raw: Sequence[RegionCounts] | None = None

    @cached_property
    def scores(self) -> PhotoScores:
        """Of all photos together, with intervals."""
        return score_photos(self.counts, self.raw)

    @property
    def faults(self) -> str:
        """What finding and what reading did wrong; empty where all is right."""
        return describe_faults(add_counts(self.told))

    def as_dict(self) -> dict[str, Any]:
        """Return it for JSON."""
        return self.scores.as_dict() | {"faults": self.faults}


def read_end_to_end(
    samples: Sequence[Sample],
    boxes: Sequence[Quads],
    reader: Read,
    rule: str = AS_LABELLED,
    threads: int | None = None,
) -> EndToEnd:
    """Return how photos are read by a reader of lines, which says how they are cut, in the boxes that were found.

    Args:
        samples: the photos.
        boxes: that a detector finds in each.
        reader: with the text model that stands behind it, if any.
        rule: of CHARSET_RULES.
        threads: that it reads with; None for all cores.
    """
    found = [list(quads) for quads in boxes]
    how = reader.config.cut
    whole = read_photos(samples, found, lambda lines: read(reader, lines, threads, words=how.words)[1], how)
    pages, model = [page.wanted for page in whole], reader.text_model
    raw = count_photos(samples, [page.raw for page in pages], rule, model) if model else None
    counts, every = (count_photos(samples, some, rule, model) for some in (pages, whole))
    return EndToEnd(pages, counts, [*map(with_boxes_left_out, counts, every)], raw)


def with_boxes_left_out(one: RegionCounts, every: RegionCounts) -> RegionCounts:
    """Return a photo's counts with the labels that were hit by any box, given those of what is wanted and of all."""
    more = max(0.0, every.hits - one.hits)
    return one._replace(hits=one.hits + more, detections=one.detections + more)


def load_reader(bundle: Path) -> Read:
    """Return a bundle's model with its text model."""
    loaded = load_bundle(bundle)
    config = config_from_mapping(loaded.manifest.config, str(bundle))
    return Read(config, loaded, text_model=loaded.text_model)


def write_thresholds(bundle: Path, how: DetectionParameters) -> None:
    """Write how a detector's map becomes boxes into its bundle, which a kill at any moment leaves whole."""
    manifest = load_bundle(bundle).manifest
    chosen = {name: getattr(how, name) for name in NAMES}
    config = manifest.config | {"detection": manifest.config.get("detection", {}) | chosen}
    changed = replace(manifest, config=config, settings=manifest.settings | chosen)
    if manifest.published_name is None:
        rewrite_manifest(bundle, manifest, changed)
        return
    changed = replace(changed, absent=_without(manifest.absent, SETTINGS))
    if changed == manifest:
        return
    # Two files cannot change at once: while PaddleOCR's is written, the manifest says that there is none.
    unfinished = replace(manifest, files=_without(manifest.files, SETTINGS))
    absent = manifest.absent | {SETTINGS: "its thresholds were being changed when that was interrupted"}
    rewrite_manifest(bundle, manifest, replace(unfinished, absent=absent))
    write_detection_settings(bundle, manifest.published_name, how)
    files = unfinished.files | {SETTINGS: digest_of(bundle / SETTINGS)}
    rewrite_manifest(bundle, unfinished, replace(changed, files=files))


def _without(values: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in values.items() if key != name}
