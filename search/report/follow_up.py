"""The exact commands that follow from a study."""

import shlex
import sys
from pathlib import Path

from search.records.facts import DataSummary
from search.settings import StudySettings
from search.storage.files import BEST_CONFIG, EMBEDDED_FOLDER
from train.bundle import ONNX


def list_commands(
    settings: StudySettings,
    data: DataSummary,
    folder: Path,
    exported: bool = True,
    refitted: bool = False,
    several: bool = True,
) -> dict[str, str]:
    """Return purpose -> exact command, the next one to type first.

    Args:
        settings: the study's.
        data: the study's.
        folder: where its files lie.
        exported: whether it has a winner's bundle.
        refitted: whether that has learned the validation samples, which therefore say nothing of it.
        several: whether another trial has a score, too.
    """
    curves = {"watch or read the curves": curves_command(folder)}
    repeat = {"repeat the search": shlex.join(["python", *sys.argv])}
    if not exported:
        return repeat | curves
    root = settings.data or str(folder.parent / EMBEDDED_FOLDER)
    return {
        "evaluate": _evaluate(settings, data, folder, root, "test" if refitted else "val"),
        **_serve(settings, folder),
        **({"export another trial": _export(settings, folder)} if several else {}),
        **curves,
        **_train(settings, folder, root),
        **repeat,
    }


def curves_command(folder: Path) -> str:
    """Return what shows the trials' curves, while they are trained and later."""
    return shlex.join(["tensorboard", "--logdir", str(folder)])


def _evaluate(settings: StudySettings, data: DataSummary, folder: Path, root: str, split: str) -> str:
    named = Path(root) / data.origins.get(split, "")
    labels = settings.labels.get(split) or (str(named) if named.is_file() else "LABELS",)
    lists = [word for path in labels for word in ("--labels", path)]
    evaluate = ["python", "train/evaluate.py", "--bundle", str(folder / "best")]
    return shlex.join([*evaluate, *_detection(settings), *lists, *_format(settings)])


def _detection(settings: StudySettings) -> list[str]:
    return ["--detection", settings.detection] if settings.detection else []


def _texts(settings: StudySettings) -> list[str]:
    """Return the arguments that say what is known of the texts."""
    asked = settings.precision != StudySettings.model_fields["precision"].default
    return [
        *(["--reading", settings.reading] if settings.reading else []),
        *(["--texts", settings.texts] if settings.texts else []),
        *(["--precision", f"{settings.precision:g}"] if asked else []),
    ]


def _format(settings: StudySettings) -> list[str]:
    """Return the arguments that say how the labels are read."""
    chosen = ["--format", settings.data_format] if settings.data_format else []
    return [*chosen, *(f"--option={key}={value}" for key, value in settings.data_options.items())]


def _serve(settings: StudySettings, folder: Path) -> dict[str, str]:
    """Return nothing for a bundle without a graph, which cannot be served."""
    if not (folder / "best" / ONNX).is_file():
        return {}
    option = f"--{settings.task_name}"
    return {"serve": shlex.join(["python", "serve/run.py", option, str(folder / "best")])}


def _export(settings: StudySettings, folder: Path) -> str:
    study = [settings.name, "--storage", str(folder.parent)]
    choice = ["--trial", "2", "--output", str(folder / "second")]
    return shlex.join(["python", "search/results.py", "export", *study, *choice])


def _train(settings: StudySettings, folder: Path, root: str) -> dict[str, str]:
    splits = ["--seed", str(settings.seed), "--test-fraction", f"{settings.test_fraction:g}"]
    splits += ["--group-by", settings.group_by] if settings.group_by else []
    splits += [*_detection(settings), *_texts(settings)]
    if settings.general_labels:
        splits += ["--general-labels", settings.general_labels]
        splits += ["--general-format", settings.general_format] if settings.general_format else []
        splits += [f"--general-option={key}={value}" for key, value in settings.general_options.items()]
    if settings.synthetic_labels:
        splits += ["--synthetic-labels", settings.synthetic_labels]
    if settings.allow_bad:
        splits += ["--allow-bad", str(settings.allow_bad)]
    lists = [
        word
        for split, paths in settings.labels.items()
        for path in paths
        for word in (f"--{split}-labels", path)
    ]
    run = ["python", "train/run.py", *(lists or ["--data", root]), *_format(settings)]
    return {"train the winner again": shlex.join([*run, "--config", str(folder / BEST_CONFIG), *splits])}
