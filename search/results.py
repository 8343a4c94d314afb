"""The studies of a storage folder: list, show, compare, export (`search/studies/commands.py`)."""

import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parent.parent)  # not this folder: its files shadow others
    from train.system.cli import main_guard

    main_guard("search.studies.commands")
