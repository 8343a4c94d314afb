"""One HTML page of photos that were read end to end: what was found over what is labelled, and the texts of both."""

import base64
from collections.abc import Sequence
from html import escape

import cv2

from train.data import images
from train.data.contact_sheet import STYLE
from train.data.images import Image
from train.data.region_picture import draw_regions
from train.data.regions import regions_of
from train.data.sample import Sample
from train.photo_reading import PhotoReading
from train.region_metrics import RegionCounts

SHOWN = 60


def photo_page(
    title: str,
    samples: Sequence[Sample],
    readings: Sequence[PhotoReading],
    counts: Sequence[RegionCounts],
) -> str:
    """Return the page, the photos with the most faults first; labels are green, what was found is orange."""
    found = sorted(zip(samples, readings, counts, strict=True), key=lambda one: -_faults(one[2]))
    right = sum(not _faults(one) for one in counts)
    figures = "".join(_figure(*one) for one in found[:SHOWN])
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head><body><h1>{escape(title)}</h1>"
        f"<p>{right} of {len(counts)} photos have every text found and read right, and nothing else.</p>"
        f'<div class="grid">{figures}</div></body></html>\n'
    )


def _faults(one: RegionCounts) -> float:
    return one.labels + one.detections - 2 * one.read


def _figure(sample: Sample, page: PhotoReading, one: RegionCounts) -> str:
    regions = regions_of(sample.text, sample.source)
    labels = " | ".join(region.text for region in regions if not region.ignored)
    picture = draw_regions(images.read(sample.path), regions, page.quads)
    verdict = "right" if not _faults(one) else f"{one.read:.0f} of {one.labels:.0f} texts right"
    return (
        f'<figure><img src="{_data_uri(picture)}" alt="" loading="lazy"><figcaption><b>{escape(labels)}</b>'
        f"<small>read: {escape(' | '.join(page.texts)) or 'nothing'}</small>"
        f"<small>{verdict} · {escape(sample.path.name)}</small></figcaption></figure>"
    )


def _data_uri(image: Image) -> str:
    data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 85])[1].tobytes()
    return f"data:image/jpeg;base64,{base64.b64encode(data).decode('ascii')}"
