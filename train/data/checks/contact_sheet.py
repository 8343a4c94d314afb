"""One HTML page, complete in itself, on which a person sees what a model would learn from."""

import random
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from html import escape

import cv2
import numpy as np

from train.data import images
from train.data.checks.findings import CheckReport, Finding, place
from train.data.checks.rulebook import RULES
from train.data.sample import Sample
from train.data.split import Splits
from train.errors import DataError

FINDINGS_SHOWN = 24
SAMPLES_SHOWN = 60
CHARACTERS_SHOWN = 120
BINS = 60
CAPTION_LENGTH = 200
THUMB_HEIGHT_PX, THUMB_WIDTH_PX = 56, 420
BAR_PX, PLOT_HEIGHT_PX = 16, 120

STYLE = """
:root { color-scheme: light dark; --back: #fbfbfa; --card: #fff; --ink: #1c1c1a; --dim: #63635e;
  --line: #dededa; --bar: #3d6fb6; --error: #b3261e; --warning: #8a5a00; }
@media (prefers-color-scheme: dark) { :root { --back: #161615; --card: #20201e; --ink: #ecece8;
  --dim: #a3a39c; --line: #3a3a36; --bar: #7aa7e8; --error: #ff8a80; --warning: #e8b45a; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 1200px; padding: 16px; background: var(--back); color: var(--ink);
  font: 15px/1.45 system-ui, sans-serif; }
h1 { font-size: 22px; overflow-wrap: anywhere; } h2 { font-size: 18px; margin-top: 32px; }
h3 { font-size: 15px; margin: 20px 0 4px; } p { margin: 4px 0 8px; color: var(--dim); }
.error { color: var(--error); } .warning { color: var(--warning); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; } th, td { text-align: left; padding: 4px 12px 4px 0;
  border-bottom: 1px solid var(--line); } td.number { text-align: right; font-variant-numeric: tabular-nums; }
.grid { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 220px), 1fr)); gap: 8px; }
figure { margin: 0; padding: 8px; background: var(--card); border: 1px solid var(--line); border-radius: 6px;
  min-width: 0; }
figure img { display: block; max-width: 100%; border-radius: 2px; }
figcaption { margin-top: 6px; overflow-wrap: anywhere; }
figcaption b { font: 600 14px/1.4 ui-monospace, monospace; white-space: pre-wrap; }
small { display: block; color: var(--dim); font-size: 12px; }
svg text { fill: var(--dim); font: 11px ui-monospace, monospace; } svg rect { fill: var(--bar); }
"""


Picture = Callable[[Sample], images.Image]


def line_picture(sample: Sample) -> images.Image:
    """Return a sample's image, no larger than a thumbnail, (h, w, 3) uint8 BGR; raise DataError if it is unreadable."""
    image = images.read(sample.path)
    height, width = image.shape[:2]
    scale = min(THUMB_HEIGHT_PX / height, THUMB_WIDTH_PX / width, 1)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)


def contact_sheet(
    title: str, splits: Splits, report: CheckReport, seed: int, picture: Picture = line_picture
) -> str:
    """Return the page: findings first, then histograms, then seeded samples of each split, each as its `picture`."""
    card = partial(_card, report, picture)
    parts = [f"<h1>{escape(title)}</h1>", _summary(report), "<h2>Findings</h2>"]
    parts += [_rule(rule, found, card) for rule, found in report.by_rule().items()] or ["<p>None.</p>"]
    parts.append(f"<h2>{escape(report.contents.lengths)}</h2>")
    parts += [f"<h3>{name}</h3>{_plot(_binned(lengths))}" for name, lengths in report.lengths.items()]
    parts.append(_characters(report.characters))
    parts += [_split(name, samples, seed, card) for name, samples in splits.items()]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head>\n<body>"
        + "\n".join(parts)
        + "</body></html>\n"
    )


def _summary(report: CheckReport) -> str:
    rows = "".join(
        f'<tr><td>{name}</td><td class="number">{sum(lengths.values())}</td>'
        f'<td class="number">{report.texts[name]}</td><td>{escape(report.origin[name])}</td></tr>'
        for name, lengths in report.lengths.items()
    )
    warnings = len(report.findings) - len(report.errors)
    looked = "Every image was decoded." if report.deep else "Only headers were read."
    return (
        f'<p><span class="error">{len(report.errors)} errors</span>, '
        f'<span class="warning">{warnings} warnings</span>. {looked}</p>'
        "<div class=scroll><table><tr><th>split</th><th>samples</th><th>texts</th><th>from</th></tr>"
        f"{rows}</table></div>"
    )


def _rule(rule: str, found: Sequence[Finding], card: Callable[[Sample, str], str]) -> str:
    about = RULES[rule]
    shown = found[:FINDINGS_SHOWN]
    count = f"{len(found)}, the first {len(shown)} shown" if len(found) > len(shown) else str(len(found))
    cards = "".join(card(f.sample, f"{f.value} · {f.split} · {place(f)}") for f in shown)
    return (
        f'<h3><span class="{about.severity}">{about.severity}</span> {rule} ({count})</h3>'
        f"<p>{escape(about.broken)}: {escape(about.remedy)}</p><div class=grid>{cards}</div>"
    )


def _split(name: str, samples: Sequence[Sample], seed: int, card: Callable[[Sample, str], str]) -> str:
    chosen = random.Random(seed).sample(samples, min(SAMPLES_SHOWN, len(samples)))
    cards = "".join(card(sample, sample.path.name) for sample in chosen)
    return f"<h2>{name}: {len(chosen)} of {len(samples)}</h2><div class=grid>{cards}</div>"


def _card(report: CheckReport, picture: Picture, sample: Sample, note: str) -> str:
    uri = _data_uri(picture, sample)
    image = f'<img src="{uri}" alt="" loading="lazy">' if uri else "<small>no image</small>"
    texts = " · ".join(text for text in report.contents.texts(sample) if text)
    text = f"<b dir=auto>{escape(_cut(texts))}</b>" if texts else "<small>no text</small>"
    return f"<figure>{image}<figcaption>{text}<small>{escape(note)}</small></figcaption></figure>"


def _cut(text: str) -> str:
    return text if len(text) <= CAPTION_LENGTH else f"{text[:CAPTION_LENGTH]} ..."


def _data_uri(picture: Picture, sample: Sample) -> str:
    """Return a data URI, or nothing for an image that cannot be read: the findings say so."""
    try:
        image = picture(sample)
    except DataError:
        return ""
    return images.data_uri(image, "jpeg")


def _binned(lengths: Mapping[int, int]) -> list[tuple[str, str, int]]:
    """Return (title, mark, count) of at most BINS neighbouring bins of one width."""
    step = -(-(max(lengths) + 1) // BINS)
    bins = [
        sum(lengths.get(n, 0) for n in range(low, low + step)) for low in range(0, max(lengths) + 1, step)
    ]
    return [
        (f"{i * step} to {i * step + step - 1}", str(i * step) if i % 2 == 0 else "", count)
        for i, count in enumerate(bins)
    ]


def _characters(characters: Mapping[str, int]) -> str:
    ordered = sorted(characters.items(), key=lambda item: (-item[1], item[0]))
    shown = ordered[:CHARACTERS_SHOWN]
    count = (
        f"{len(ordered)}, the {len(shown)} most frequent shown" if len(ordered) > len(shown) else len(ordered)
    )
    bars = [(f"U+{ord(c):04X} {c}", c if c.isprintable() and c != " " else "␣", n) for c, n in shown]
    return f"<h2>Characters ({count})</h2>{_plot(bars) if bars else '<p>None.</p>'}"


def _plot(bars: Sequence[tuple[str, str, int]]) -> str:
    """Return a bar chart of (title, mark, count) as inline SVG; on a narrow page it scrolls."""
    highest = max(count for _, _, count in bars)
    marks = []
    for i, (title, mark, count) in enumerate(bars):
        height = max(1, PLOT_HEIGHT_PX * count / highest) if count else 0
        x = i * BAR_PX
        marks.append(
            f'<g><title>{escape(title)}: {count}</title><rect x="{x}" y="{PLOT_HEIGHT_PX - height:.1f}" '
            f'width="{BAR_PX - 3}" height="{height:.1f}"/>'
            f'<text x="{x + (BAR_PX - 3) / 2}" y="{PLOT_HEIGHT_PX + 14}" text-anchor="middle">{escape(mark)}</text></g>'
        )
    width, full = BAR_PX * len(bars), PLOT_HEIGHT_PX + 20
    return (
        f'<div class=scroll><svg width="{width}" height="{full}" viewBox="0 0 {width} {full}" role="img">'
        f"{''.join(marks)}</svg></div><p>highest bar: {highest}</p>"
    )
