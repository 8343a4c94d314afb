"""The exact commands that follow from a study."""

import shlex
import sys
from pathlib import Path

from search.preflight.data import EMBEDDED_FOLDER
from search.records.facts import DataSummary
from search.settings import StudySettings
from train.bundle import ONNX


def commands(
    settings: StudySettings, data: DataSummary, folder: Path, exported: bool = True
) -> dict[str, str]:
    """Return the exact commands that follow from a study, the next one to type first."""
    again = {"repeat the search": shlex.join(["python", *sys.argv])}
    if not exported:
        return again
    root = settings.data or str(folder.parent / EMBEDDED_FOLDER)
    named = Path(root) / data.origins.get("val", "")
    labels = settings.labels.get("val") or (str(named) if named.is_file() else "LABELS")
    evaluate_bundle = ["python", "train/evaluate.py", "--bundle", str(folder / "best"), "--labels", labels]
    train_again = ["python", "train/run.py", "--data", root, "--config", str(folder / "best.yaml")]
    same_splits = ["--seed", str(settings.seed), "--test-fraction", f"{settings.test_fraction:g}"]
    if settings.general_labels:
        same_splits += ["--general-labels", settings.general_labels]
        same_splits += [f"--general-option={key}={value}" for key, value in settings.general_options.items()]
    if settings.synthetic_labels:
        same_splits += ["--synthetic-labels", settings.synthetic_labels]
    name_it = [settings.name, "--storage", str(folder.parent)]
    another = [
        "python",
        "search/results.py",
        "export",
        *name_it,
        "--trial",
        "2",
        "--output",
        str(folder / "second"),
    ]
    # only what has a graph can be served
    serve = {
        "serve the winner": f"python serve/run.py --{settings.task_name} {shlex.quote(str(folder / 'best'))}"
    }
    return {
        "evaluate": shlex.join(evaluate_bundle),
        **(serve if (folder / "best" / ONNX).is_file() else {}),
        "export another trial": shlex.join(another),
        "watch or read the curves": shlex.join(["tensorboard", "--logdir", str(folder)]),
        # train/run.py reads a folder, not a label file for each split
        **({} if settings.labels else {"train the winner again": shlex.join(train_again + same_splits)}),
        **again,
    }
