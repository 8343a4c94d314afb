"""The studies of a storage folder: list, show, compare, export (`search/studies/commands.py`)."""

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parent.parent)  # not this folder: its files shadow others

from search.studies.commands import main
from train.cli import main_guard

if __name__ == "__main__":
    main_guard(main)
