"""What a JSON file of labels holds."""

import json
from pathlib import Path
from typing import Any, NoReturn

from train.data.formats import read_text
from train.errors import DataError


def read_json(path: Path) -> Any:
    """Return what a JSON file holds; raise DataError naming the line if it is none."""
    text = read_text(path)
    try:
        return json.loads(text, parse_constant=_refuse)
    except json.JSONDecodeError as error:
        raise DataError(
            "a label file must be JSON", f"{path}:{error.lineno}: {error.msg}", "mend it at that line"
        ) from error
    except (ValueError, RecursionError) as error:
        raise DataError(
            "a label file must be JSON", f"{path}:1: {str(error)[:80]}", "save it again with its tool"
        ) from error


def peek_json(path: Path) -> Any:
    """Return what a JSON file holds; None if it is none."""
    try:
        return read_json(path)
    except DataError:
        return None


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no number")
