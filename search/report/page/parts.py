"""The report's style sheet: light and dark, from a phone's width upwards."""

from collections.abc import Sequence
from html import escape

CSS = """
:root {
  color-scheme: light dark;
  --page: #f6f6f3; --card: #ffffff; --ink: #1d1e20; --soft: #5b5e66; --line: #dfdfd9;
  --accent: #0b5cad; --warn: #a8400a; --wrong: #ffd9cc; --wrong-ink: #7a1f00; --code: #f0f0eb;
  --s0: #2273c4; --s1: #b8580c; --s2: #0c8068; --s3: #8b47ad;
  --q0: #0b5cad; --q1: #4a8ac4; --q2: #86add3; --q3: #a9bccb; --q4: #c3c7c9;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #141517; --card: #1d1f22; --ink: #ececea; --soft: #a6a9b0; --line: #34373c;
    --accent: #74b6f7; --warn: #f2a46b; --wrong: #6b2a12; --wrong-ink: #ffd9c9; --code: #26292d;
    --s0: #5fa8ee; --s1: #e59a55; --s2: #48bda3; --s3: #c08be0;
    --q0: #8cc4fb; --q1: #5f99d1; --q2: #4a749c; --q3: #46596c; --q4: #45494e;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
main { max-width: 1120px; margin: 0 auto; padding: 24px 16px 64px; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0 0 8px; text-wrap: balance; }
h2 { font-size: 1.1rem; margin: 0 0 4px; }
p { margin: 0 0 8px; max-width: 75ch; }
.soft, figcaption, .legend { color: var(--soft); font-size: .9rem; }
.warn { color: var(--warn); }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 12px; margin: 16px 0; }
.tiles div, section { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 14px 16px; }
.tiles b { display: block; font-size: 1.45rem; line-height: 1.3; }
.tiles span { color: var(--soft); font-size: .85rem; }
.grid { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 460px), 1fr)); gap: 16px; }
.grid, section { margin-bottom: 16px; }
.grid section { margin: 0; }
section { min-width: 0; }
.scroll { overflow-x: auto; }
svg { display: block; width: 100%; height: auto; margin-top: 8px; }
svg text { font: 12px system-ui, sans-serif; fill: var(--soft); }
svg .label, svg .value { fill: var(--ink); }
svg .note { fill: var(--warn); paint-order: stroke; stroke: var(--card); stroke-width: 4px; }
svg .halo { paint-order: stroke; stroke: var(--card); stroke-width: 4px; }
.gridline { stroke: var(--line); stroke-width: 1; }
line.axis { stroke: var(--soft); stroke-width: 1; }
line.baseline { stroke: var(--warn); stroke-width: 1.5; stroke-dasharray: 6 4; }
@media (max-width: 520px) { :not(.scroll) > svg text { font-size: 14px; } }
polyline { fill: none; }
.hit { stroke: transparent; stroke-width: 12; }
.curve { stroke: var(--c); stroke-width: 1.6; }
.best { stroke: var(--accent); stroke-width: 2.5; }
.faint { fill: var(--soft); opacity: .45; }
.bar { fill: var(--q2); }
line.reach { stroke: var(--ink); stroke-width: 1.5; }
h3 { font-size: .95rem; margin: 10px 0 2px; } h3 span { color: var(--soft); font-weight: 400; }
.pairs { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 240px), 1fr)); gap: 4px 20px; }
.pairs figure { margin: 0 0 8px; min-width: 0; }
.pairs img { display: block; max-width: 100%; max-height: 48px; border-radius: 4px; background: #fff; }
.pairs code { display: block; font: 14px/1.4 ui-monospace, monospace; white-space: pre-wrap; overflow-wrap: anywhere; }
.mark-dot.end { fill: var(--c); }
.mark-ring.end { fill: var(--card); stroke: var(--c); stroke-width: 2; }
.mark-cross.end { fill: none; stroke: var(--warn); stroke-width: 2; }
g:hover > .curve { stroke-width: 3.5; }
.series0 { --c: var(--s0); } .series1 { --c: var(--s1); } .series2 { --c: var(--s2); } .series3 { --c: var(--s3); }
.shade0 { --c: var(--q0); } .shade1 { --c: var(--q1); } .shade2 { --c: var(--q2); }
.shade3 { --c: var(--q3); } .shade4 { --c: var(--q4); }
.unscored { --c: var(--soft); opacity: .7; }
.winner { --c: var(--ink); } .winner > .curve { stroke-width: 3; }
.legend { display: flex; flex-wrap: wrap; gap: 4px 16px; margin: 6px 0 0; padding: 0; list-style: none; }
.legend i { display: inline-block; width: 14px; height: 3px; margin-right: 6px; vertical-align: middle;
  background: var(--c); }
table { border-collapse: collapse; font-size: .87rem; width: 100%; }
th, td { padding: 5px 10px 5px 0; border-bottom: 1px solid var(--line); text-align: right; white-space: nowrap; }
th { color: var(--soft); font-weight: 600; }
td.text, th.text { text-align: left; }
.narrow td, .narrow th { white-space: normal; }
tr.first td { font-weight: 700; }
.lines { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 320px), 1fr)); gap: 12px;
  margin: 12px 0 0; }
.lines figure { margin: 0; border: 1px solid var(--line); border-radius: 8px; padding: 10px; min-width: 0; }
.lines img { display: block; max-width: 100%; max-height: 64px; border-radius: 4px; background: #fff; }
.photos img { max-height: 420px; }
.lines code { display: block; font: 15px/1.5 ui-monospace, monospace; white-space: pre-wrap; overflow-wrap: anywhere; }
.lines code span { color: var(--soft); font: 12px system-ui, sans-serif; display: inline-block; width: 3.6em; }
.lines figcaption { overflow-wrap: anywhere; font-size: .8rem; }
mark { background: var(--wrong); color: var(--wrong-ink); border-radius: 3px; font-weight: 700; }
pre { background: var(--code); border-radius: 8px; padding: 10px 12px; margin: 2px 0 12px;
  overflow-x: auto; font-size: .87rem; }
dl { display: grid; grid-template-columns: minmax(90px, max-content) 1fr; gap: 2px 16px; margin: 0; font-size: .9rem; }
dt { color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; }
"""


def section(title: str, body: str, caption: str = "") -> str:
    """Return a part of the page; `body` is HTML, title and caption are words."""
    note = f'<p class="soft">{escape(caption)}</p>' if caption else ""
    return f"<section><h2>{escape(title)}</h2>{note}{body}</section>"


def nothing(words: str) -> str:
    """Return what stands where there is nothing to show."""
    return f'<p class="warn">{escape(words)}</p>'


def table(head: Sequence[str], rows: Sequence[Sequence[str]], text_columns: int, first: bool = False) -> str:
    """Return a table that scrolls sideways on its own; the first `text_columns` are left-aligned."""

    def line(tag: str, cells: Sequence[str], classes: str = "") -> str:
        sides = ["text" if column < text_columns else "number" for column in range(len(cells))]
        parts = [f'<{tag} class="{side}">{escape(c)}</{tag}>' for side, c in zip(sides, cells, strict=True)]
        return f"<tr{classes}>{''.join(parts)}</tr>"

    body = [line("td", row, ' class="first"' if first and i == 0 else "") for i, row in enumerate(rows)]
    return f'<div class="scroll"><table><thead>{line("th", head)}</thead><tbody>{"".join(body)}</tbody></table></div>'
