"""The URL of an SQLite file, as Optuna takes it."""

from pathlib import Path

from sqlalchemy.engine import URL


def sqlite_url(path: Path) -> str:
    """Return a database file's URL, whatever characters its path has."""
    return URL.create("sqlite", database=str(path)).render_as_string()
