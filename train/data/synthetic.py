"""The embedded default data, drawn vehicle identification numbers, hard for a model as published; other drawn lines.

    python -m train.data.synthetic DIR [--train N] [--val N] [--test N] [--seed S]
    python -m train.data.synthetic --texts FILE --fonts DIR --out DIR [--count N] [--seed S]

The same numbers give the same labels everywhere, and with the pinned libraries the same pixels.
"""

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

if __name__ == "__main__":
    from train.system.cli import main_guard

    main_guard("train.data.synthetic")

import cv2
import numpy as np

from train.data.arguments import add_seed_argument, whole_number
from train.data.augment import sample_rng
from train.data.drawing import draw_marked, vin
from train.data.drawing.drawn_texts import draw_texts
from train.data.drawing.other_lines import draw_other_line
from train.data.drawing.other_texts import first_texts, other_texts
from train.data.folders.split_names import SPLITS
from train.data.images import Image
from train.errors import DataError, UsageError
from train.system.cli import Parser
from train.system.files import make_folder, write_whole
from train.system.paths import given_path, require_folder

MANIFEST, FORMAT_FILE = "manifest.json", "format.yaml"
VERSION, OTHERS_VERSION = 1, 2  # raise it when the same parameters would draw other lines
VIN_LINES = {
    "train": (512, "training lines"),
    "val": (128, "validation lines"),
    "test": (128, "held-back lines"),
}
"""How many lines of VINs are drawn, and what they are, by split."""
LOOKS = 100  # numpy seeds (seed, 0) and (seed, 0, 0) alike: texts and looks need numbers of their own

Manifest = dict[str, str | int]
Draw = Callable[[str, np.random.Generator], Image]


def make_vin_dataset(directory: Path, count_train: int, count_val: int, count_test: int, seed: int) -> None:
    """Draw a dataset of VINs into `directory`, or keep the one with these parameters that stands there.

    Writes PaddleOCR's lists `rec_gt_{train,val,test}.txt`, `images/` and `format.yaml`; the folder appears complete or
    not at all. No VIN is in two splits. Raises UsageError for a count or seed below 0, DataError if
    `directory` holds anything else.
    """
    counts = dict(zip(SPLITS, (count_train, count_val, count_test), strict=True))
    if min(seed, *counts.values()) < 0:
        raise UsageError(
            "counts and the seed must not be negative", f"{counts}, seed={seed}", "use 0 or more"
        )
    manifest: Manifest = {"texts": "vin", **counts, "seed": seed, "version": VERSION}
    if not _stands(directory, manifest):
        _publish(directory, vin_texts(counts, seed), manifest, seed, vin.FORMAT)
    elif not (directory / FORMAT_FILE).is_file():  # drawn by an earlier version
        write_whole(directory / FORMAT_FILE, vin.FORMAT)


def make_other_lines(directory: Path, count: int, seed: int, *, first: bool = False) -> Path:
    """Draw `count` lines of many kinds into `directory`, or keep those that stand there; return their list.

    With `first` they are those that the first version drew. Raises DataError if `directory` holds anything else.
    """
    texts, draw = (first_texts, draw_marked) if first else (other_texts, draw_other_line)
    version = 1 if first else OTHERS_VERSION
    manifest: Manifest = {"texts": "others", "train": count, "seed": seed, "version": version}
    if not _stands(directory, manifest):
        _publish(directory, {"train": texts(count, seed)}, manifest, seed, draw=draw)
    return directory / "rec_gt_train.txt"


def vin_texts(counts: Mapping[str, int], seed: int) -> dict[str, list[str]]:
    """Draw `counts[split]` VINs for each split, all different."""
    seen: set[str] = set()
    texts = {}
    for number, (split, count) in enumerate(counts.items()):
        rng = np.random.default_rng((seed, number))
        texts[split] = [_new_vin(seen, rng) for _ in range(count)]
    return texts


def _new_vin(seen: set[str], rng: np.random.Generator) -> str:
    """Draw a VIN that is not in `seen`, and add it."""
    while (text := vin.random_vin(rng)) in seen:
        pass
    seen.add(text)
    return text


def write_lines(
    directory: Path, split: str, texts: Sequence[str], seed: int, draw: Draw = draw_marked
) -> None:
    """Draw `texts` into `directory/images` and list them in `directory/rec_gt_SPLIT.txt`."""
    rows = []
    for index, text in enumerate(texts):
        name = f"images/{split}_{index:05d}.png"
        rng = sample_rng(seed, LOOKS + SPLITS.index(split), index)
        (directory / name).write_bytes(cv2.imencode(".png", draw(text, rng))[1].tobytes())
        rows.append(f"{name}\t{text}\n")
    (directory / f"rec_gt_{split}.txt").write_text("".join(rows), encoding="utf-8")


def _stands(directory: Path, manifest: Manifest) -> bool:
    """Whether `directory` holds this very dataset; raise DataError if it holds something else."""
    if not directory.exists() or (directory.is_dir() and not any(directory.iterdir())):
        return False
    path = directory / MANIFEST
    found = path.read_text("utf-8", "replace") if path.is_file() else "no manifest"
    if found == json.dumps(manifest):
        return True
    raise DataError(
        f"{directory} must be new, empty or hold this dataset, {json.dumps(manifest)}",
        found[:200],
        "remove the folder or name another one",
    )


def _publish(
    directory: Path,
    texts: Mapping[str, Sequence[str]],
    manifest: Manifest,
    seed: int,
    format_text: str = "",
    *,
    draw: Draw = draw_marked,
) -> None:
    """Write the dataset, which appears whole."""
    try:
        with make_folder(directory) as draft:
            (draft / "images").mkdir()
            for split, lines in texts.items():
                write_lines(draft, split, lines, seed, draw)
            if format_text:
                (draft / FORMAT_FILE).write_text(format_text, encoding="utf-8")
            (draft / MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")
    except OSError:  # another process's equal dataset may have come first
        if not _stands(directory, manifest):
            raise


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="python -m train.data.synthetic", description="Draw VIN lines, or texts of yours.")
    parser.add_argument(
        "directory", type=given_path, metavar="DIR", nargs="?", help="for VIN lines, in three splits"
    )
    for split, (count, lines) in VIN_LINES.items():
        parser.add_argument(
            f"--{split}", type=whole_number, metavar="N", help=f"{lines} of VINs (default {count})"
        )
    add_seed_argument(parser, "seed of texts and looks")
    group = parser.add_argument_group("lines of your own texts", "written to OUT/rec_gt.txt and OUT/images")
    group.add_argument("--texts", type=given_path, metavar="FILE", help="texts to draw, one a line")
    group.add_argument("--fonts", type=given_path, metavar="DIR", help="folder of .ttf and .otf files")
    group.add_argument(
        "--out",
        type=given_path,
        metavar="DIR",
        help="new folder, or that of an interrupted run, which is resumed",
    )
    group.add_argument(
        "--count", type=whole_number, metavar="N", help="lines to draw (default: each text once)"
    )
    group.add_argument(
        "--processes", type=int, default=2, metavar="N", help="processes that draw (default 2)"
    )
    return parser


def main(arguments: Sequence[str]) -> None:
    """Draw the dataset the command line asks for."""
    options = _parser().parse_args(arguments)
    own = (options.texts, options.fonts, options.out)
    if (options.directory is None) != all(own) or (options.directory and any(own)):
        raise UsageError(
            "lines are VINs in DIR, or --texts in --fonts to --out",
            f"DIR {options.directory}, --texts {own[0]}, --fonts {own[1]}, --out {own[2]}",
            "give DIR alone or all three",
        )
    others = ("count",) if options.directory else VIN_LINES
    if idle := [f"--{name}" for name in others if getattr(options, name) is not None]:
        raise UsageError(
            "--train, --val and --test go with DIR, --count with --texts", ", ".join(idle), "leave it out"
        )
    if options.processes < 1:
        raise UsageError("--processes must be at least 1", options.processes, "name a number of cores")
    require_folder(options.directory or options.out, "DIR" if options.directory else "--out")
    print(_make(options))


def _make(options: argparse.Namespace) -> Path:
    """Draw what the options ask for; return the list of it to train on."""
    if options.directory is None:
        return draw_texts(
            options.texts, options.fonts, options.out, options.count, options.seed, options.processes
        )
    train, val, test = (
        usual if getattr(options, split) is None else getattr(options, split)
        for split, (usual, _) in VIN_LINES.items()
    )
    make_vin_dataset(options.directory, train, val, test, options.seed)
    return Path(options.directory) / "rec_gt_train.txt"
