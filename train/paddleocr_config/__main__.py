"""Print PaddleOCR's or PaddleX's training configuration as one of ours.

python -m train.paddleocr_config PP-OCRv5_mobile_rec.yml > mine.yaml
"""

from collections.abc import Sequence

if __name__ == "__main__":
    from train.system.cli import main_guard

    main_guard("train.paddleocr_config.__main__")

import yaml

from train.config import config_from_mapping
from train.config_file import read_settings
from train.errors import UsageError
from train.paddleocr_config.translation import describe, is_theirs, translate
from train.system.cli import Parser
from train.system.dotted import nest
from train.system.paths import given_path


def main(arguments: Sequence[str]) -> None:
    """Print ours, below what became of theirs as comments."""
    parse = Parser(prog="python -m train.paddleocr_config", description=str(__doc__).split("\n")[0])
    parse.add_argument(
        "config", type=given_path, metavar="FILE", help="a training configuration of PaddleOCR or PaddleX"
    )
    path = parse.parse_args(arguments).config
    theirs = read_settings(path)
    if not is_theirs(theirs):
        raise UsageError("the file must be PaddleOCR's, with a section Global", path, "name such a file")
    made = translate(theirs, path)
    config_from_mapping(nest(made.settings), f"{path}, translated,")  # refuses what we do not take
    print("".join(f"# {line}\n" for line in describe(made)), end="")
    print(yaml.safe_dump(nest(made.settings), sort_keys=False), end="")
