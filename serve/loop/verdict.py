"""The verdict on a retraining: whether the new model is better, and whether it still reads what was read before."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from train.scoring.intervals import paired_share_gain

KEPT = ("n", "exact_match", "edit_similarity", "cer")
MARGIN = 0.05
"""Share of the general lines that were read right which a new model may lose at most, with 95 % confidence."""


def compare(folder: Path) -> dict[str, Any]:
    """Return how the new and the serving model read the held-back lines, and the general ones.

    `fixed` and `broken` count the held-back lines that only the new, or only the serving model reads right;
    `better` is by exact match, ties by edit similarity, and asks for a line that is read right. `kept` says
    whether it is shown that the new model reads the general lines no worse, `general` by what numbers.
    """
    new, serving, misread, misread_before = _read(folder, "")
    return {
        "held_back": new["n"],
        "new": {key: new[key] for key in KEPT},
        "serving": {key: serving[key] for key in KEPT},
        "fixed": len(misread_before - misread),
        "broken": len(misread - misread_before),
        "better": new["exact_match"] > 0 and make_sort_key(new) > make_sort_key(serving),
        **_compare_general(folder),
    }


def _compare_general(folder: Path) -> dict[str, Any]:
    """Return `kept` and `general`; nothing is kept where there are none, or the serving model read none."""
    if not (folder / "general_new.json").exists():
        return {"kept": False, "general": None}
    new, _, misread, misread_before = _read(folder, "general_")
    n, lost, won = new["n"], len(misread - misread_before), len(misread_before - misread)
    right = n - len(misread_before)
    of_each = [lost, won, right - lost, n - right - won]
    before, after = (np.repeat(each, of_each) for each in ((1, 0, 1, 0), (0, 1, 1, 0)))
    gain = paired_share_gain(before, after)
    counts = {"n": n, "new": n - len(misread), "serving": right, "lost": lost, "won": won}
    return {
        "kept": right > 0 and gain.interval.low > -MARGIN * right / n,
        "general": counts | {"gain": gain.interval.ends},
    }


def _read(folder: Path, prefix: str) -> tuple[dict[str, Any], dict[str, Any], set[str], set[str]]:
    """Return the scores of the new and the serving model, and the images that each misread."""
    names = [f"{prefix}{name}" for name in ("new", "serving")]
    new, serving = (json.loads((folder / f"{name}.json").read_bytes()) for name in names)
    misread, misread_before = (read_misread_images(folder / f"{name}.tsv") for name in names)
    return new, serving, misread, misread_before


def make_sort_key(scores: dict[str, Any]) -> tuple[float, float]:
    """Return the key by which the better model is found: exact match, then edit similarity."""
    return scores["exact_match"], scores["edit_similarity"]


def read_misread_images(path: Path) -> set[str]:
    """Return the images of a table that `train/evaluate.py --errors` wrote."""
    rows = path.read_bytes().decode(errors="surrogatepass").split("\n")  # a text may hold other line ends
    return {row.split("\t")[0] for row in rows[1:-1]}


def describe_scores(scores: dict[str, Any]) -> str:
    """Return the comparison in words."""
    new, serving = (scores[name]["exact_match"] * scores["held_back"] for name in ("new", "serving"))
    word = "better" if scores["better"] else "not better"
    held = f"{word}: reads {new:.0f} of {scores['held_back']} held-back lines right, the serving model {serving:.0f}"
    general = scores["general"]
    if general is None:
        return f"{held}; what else it read before was not compared"
    others = f"{general['new']} of {general['n']} general lines, the serving model {general['serving']}"
    changes = f"{general['lost']} lost, {general['won']} won"
    kept = "" if scores["kept"] else ", so it is not shown to read as well as before"
    return f"{held}; {others} ({changes}){kept}"
