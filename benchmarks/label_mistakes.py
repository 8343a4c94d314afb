"""How many planted label mistakes a study's trials find: `python benchmarks/label_mistakes.py runs/NAME`.

In some validation labels one character is replaced by a similar one; then the study's good trials are asked, as
`python search/results.py labels NAME` asks them. The study's own files are not changed.
"""

import argparse
import random
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parent.parent)  # not this folder: its files shadow others
    from train.system.cli import main_guard

    main_guard("benchmarks.label_mistakes")

from search.selection.labels import Timer, check_labels
from search.studies.export import decode_lines
from search.studies.labels import list_voters
from search.studies.read import read_study
from train.data.dataset import MemoryDataset
from train.errors import UsageError

SIMILAR = {"8": "B", "0": "D", "5": "S", "1": "7", "6": "G", "2": "Z"}
SIMILAR |= {other: one for one, other in SIMILAR.items()}


def planted(data: MemoryDataset, count: int, seed: int) -> tuple[MemoryDataset, set[int]]:
    """Return the data with mistakes in `count` of its labels, and where they are."""
    rng, texts = random.Random(seed), list(data.texts)
    able = [index for index, text in enumerate(texts) if set(text) & SIMILAR.keys()]
    chosen = set(rng.sample(able, count))
    for index in sorted(chosen):
        text = texts[index]
        place = rng.choice([i for i, character in enumerate(text) if character in SIMILAR])
        texts[index] = text[:place] + SIMILAR[text[place]] + text[place + 1 :]
    return replace(data, texts=tuple(texts)), chosen


def main(arguments: Sequence[str]) -> None:
    """Plant, ask and count."""
    parse = argparse.ArgumentParser(description=str(__doc__), formatter_class=argparse.RawTextHelpFormatter)
    parse.add_argument("study", type=Path, help="folder of a finished study")
    parse.add_argument("--count", type=int, default=40)
    parse.add_argument("--seed", type=int, default=0)
    chosen = parse.parse_args(arguments)
    study = read_study(chosen.study)
    data = decode_lines(study.settings)
    right = data.val
    if not isinstance(right, MemoryDataset):
        raise UsageError(
            "the decoded lines must be in memory", study.settings.decode_to, "use a smaller study"
        )
    wrong, places = planted(right, chosen.count, chosen.seed)
    voters = list_voters(study, data.train)
    only_val = Timer(None, 1.0)  # reading the training lines is then never cheap
    found = check_labels(voters, replace(data, val=wrong), only_val).samples
    hits = [sample for sample in found if sample.index in places]
    true = sum(sample.reading == right.texts[sample.index] for sample in hits)
    print(
        f"{len(voters)} trials: {len(hits)} of {len(places)} planted errors found, {true} read as they were"
    )
    print(f"other labels found: {len(found) - len(hits)} of {len(right) - len(places)}")
