"""The rules of `train.data.check` for photos with regions, and what is repaired without asking."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import shapely

from train.data.checks.findings import Contents, Finding
from train.data.checks.rules import Checks, header_findings
from train.data.photos.kept import photo_size
from train.data.photos.picture import photo_picture
from train.data.photos.regions import Region, clockwise, doubled_area, label_of, regions_of
from train.data.photos.targets import MIN_TEXT_PX
from train.data.sample import Sample, is_turned

CORNERS = 4
EDGE_PX = 2
"""Corners may lie this far outside: labellers round, and click on the very edge."""


def photo_findings(split: str, sample: Sample) -> Iterator[Finding]:
    """Yield what is wrong with a photo by its label and its image's header."""
    regions = regions_of(sample.text, sample.source)
    broken = {i: rule for i, region in enumerate(regions) if (rule := _broken(region)) is not None}
    for i, rule in broken.items():
        yield Finding(rule, split, sample, _named(i, regions[i]))
    for i, region in enumerate(regions):
        if i not in broken and doubled_area(region.points) < 0:
            yield Finding("anticlockwise", split, sample, _named(i, region))
    if all(region.ignored for region in regions):
        yield Finding(
            "no_regions", split, sample, f"{len(regions)} regions, all ignored" if regions else "no region"
        )
    header = yield from header_findings(split, sample)
    if header is not None:
        sound = [(i, region) for i, region in enumerate(regions) if i not in broken]
        yield from _size_findings(split, sample, sound, header.size)


def _broken(region: Region) -> str | None:
    """Return the rule that a region's outline breaks, if any; ignored regions obey the same ones."""
    if len(region.points) < CORNERS:
        return "few_corners"
    shape = shapely.Polygon(region.points)
    if shape.convex_hull.area < 1:
        return "no_area"
    return None if shape.is_valid else "crossed"


def _size_findings(
    split: str, sample: Sample, regions: Sequence[tuple[int, Region]], size: tuple[int, int]
) -> Iterator[Finding]:
    height, width = size
    if is_turned(sample, size):
        yield Finding("turned", split, sample, f"{width}x{height} px, labelled at {height}x{width} px")
    for i, region in regions:
        corners = np.array(region.points)
        low, high = corners.min(axis=0), corners.max(axis=0)
        value = f"{_named(i, region)} up to {high[0]:g},{high[1]:g} in {width}x{height} px"
        if (high <= 0).any() or (low >= (width, height)).any():
            yield Finding("outside", split, sample, value)
        elif (low < -EDGE_PX).any() or (high > (width + EDGE_PX, height + EDGE_PX)).any():
            yield Finding("over_edge", split, sample, value)
    scale = max(photo_size(*size)) / max(size)  # a text's size counts as the photo is kept
    cared = [region for _, region in regions if not region.ignored]
    small = [region for region in cared if _shorter_side(region) * scale < MIN_TEXT_PX]
    if small:
        yield Finding("small_text", split, sample, f"{len(small)} of {len(cared)} under {MIN_TEXT_PX} px")


def _shorter_side(region: Region) -> float:
    return float(np.ptp(np.array(region.points), axis=0).min())


def _named(index: int, region: Region) -> str:
    first = ",".join(f"{value:g}" for value in region.points[0]) if region.points else "nowhere"
    return f"region {index + 1} ({region.text[:40]!r} at {first})"


def repaired(sample: Sample) -> Sample:
    """Return the sample with the corners of every region in clockwise order; itself if they are already."""
    regions = regions_of(sample.text, sample.source)
    turned = tuple(replace(region, points=clockwise(region.points)) for region in regions)
    return sample if turned == regions else replace(sample, text=label_of(turned))


def _texts(sample: Sample) -> tuple[str, ...]:
    return tuple(region.text for region in regions_of(sample.text) if not region.ignored)


def _count(sample: Sample) -> int:
    return len(regions_of(sample.text))


def photo_checks() -> Checks:
    """Return the rules of photos with regions."""
    return Checks(photo_findings, lambda splits: iter(()), repaired, PHOTOS, photo_picture)


PHOTOS = Contents(_texts, _count, "most regions", "Regions in a photo")
"""How the report of a check counts photos: `findings.report_of(splits, findings, deep, PHOTOS)`."""
