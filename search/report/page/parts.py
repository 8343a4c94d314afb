"""What every part of the page is made of: the style sheet, sections, tables."""

from collections.abc import Sequence
from html import escape
from importlib import resources


def read_style() -> str:
    """Return the page's style sheet."""
    return resources.files(__package__).joinpath("style.css").read_text("utf-8")


def section(title: str, body: str, caption: str = "") -> str:
    """Return a part of the page; `body` is HTML, title and caption are words."""
    note = f'<p class="soft">{escape(caption)}</p>' if caption else ""
    return f"<section><h2>{escape(title)}</h2>{note}{body}</section>"


def nothing(words: str) -> str:
    """Return what stands where there is nothing to show."""
    return f'<p class="soft">{escape(words)}</p>'


def warning(words: str) -> str:
    """Return what has gone wrong."""
    return f'<p class="warn">{escape(words)}</p>'


def table(head: Sequence[str], rows: Sequence[Sequence[str]], text_columns: int, first: bool = False) -> str:
    """Return a table that scrolls sideways on its own.

    Args:
        head: the columns' titles.
        rows: a cell for each column.
        text_columns: so many from the left are texts; numbers are right-aligned.
        first: whether the first row stands out.
    """

    def line(tag: str, cells: Sequence[str], classes: str = "") -> str:
        sides = ["text" if column < text_columns else "number" for column in range(len(cells))]
        parts = [f'<{tag} class="{side}">{escape(c)}</{tag}>' for side, c in zip(sides, cells, strict=True)]
        return f"<tr{classes}>{''.join(parts)}</tr>"

    body = [line("td", row, ' class="first"' if first and i == 0 else "") for i, row in enumerate(rows)]
    return f'<div class="scroll"><table><thead>{line("th", head)}</thead><tbody>{"".join(body)}</tbody></table></div>'
