"""What a teacher is worth: a tiny student taught by a fine-tuned small model against the same student alone.

    python benchmarks/distillation.py [--teacher BUNDLE] [--epochs N] [--lines N] [--seeds N] [--engine NAME]

Both sides train for the same epochs on the same VIN lines and are read after the last one, whose choice nobody's
score had a part in: no figure is a maximum over epochs. Without --teacher, the small model is fine-tuned first.
"""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

sys.path[0] = str(Path(__file__).resolve().parent.parent)  # not this folder: its files shadow others

import numpy as np

from benchmarks.common import data_folder, machine, print_table, use_cores, write_result
from train.checkpoint import Checkpoint
from train.config import TrialConfig, config_from_mapping
from train.data.dataset import decode_samples
from train.data.formats.loading import load_file
from train.loop import TrainingData, assemble, train
from train.scoring.intervals import paired_gain_interval
from train.scoring.texts import score_texts
from train.steps.report import MakeCheckpoint, Metrics
from train.steps.validation import evaluate

TEACHER = {"model": "pp-ocrv6-small", "optimiser": {"learning_rate": 1e-4}}
STUDENT = {"model": "pp-ocrv6-tiny", "optimiser": {"learning_rate": 5e-4}, "batch_norm": "live"}
COMMON = {"fit_width": 320, "batch_size": 16, "augmentation": {"probability": 0.2}}


def parser() -> argparse.ArgumentParser:
    """Return the command line's definition."""
    parse = argparse.ArgumentParser(prog="python benchmarks/distillation.py", description=__doc__)
    parse.add_argument("--teacher", metavar="BUNDLE", help="a bundle's folder, or a registered model")
    parse.add_argument("--teacher-epochs", type=int, default=6, metavar="N", help="of its fine-tuning (6)")
    parse.add_argument("--epochs", type=int, default=12, metavar="N", help="of the students (12)")
    parse.add_argument("--lines", type=int, default=512, metavar="N", help="to train on (512, all)")
    parse.add_argument("--seeds", type=int, default=1, metavar="N", help="students of each kind (1)")
    parse.add_argument("--alpha", type=float, default=0.9, help="the labels' share of the loss (0.9)")
    parse.add_argument("--temperature", type=float, default=1.0, help="that softens both (1)")
    parse.add_argument("--engine", default="torch", help="of all of them (torch)")
    parse.add_argument("--cores", type=int, default=2, metavar="N", help="to train on (2)")
    return parse


def main(arguments: Sequence[str]) -> int:
    """Train teacher and students, print and write the figures."""
    chosen = parser().parse_args(arguments)
    use_cores(chosen.cores)
    before, folder = machine(), data_folder() / "vin"
    splits = [load_file(folder / f"rec_gt_{split}.txt") for split in ("train", "val")]
    data = TrainingData(decode_samples(splits[0][: chosen.lines]), decode_samples(splits[1]))
    with tempfile.TemporaryDirectory() as temporary:
        teacher = chosen.teacher or fine_tuned(chosen, data, Path(temporary) / "teacher")
        rows = [
            {"reader": "teacher", "seed": 0, **scores(teacher_readings(chosen.engine, teacher, data), data)}
        ]
        gains = [compare(chosen, teacher, seed, data, rows) for seed in range(chosen.seeds)]
    print_table(rows)
    figures = {"students": {**STUDENT, **COMMON}, "rows": rows, "gains": gains}
    options = vars(chosen) | {"teacher": origin(chosen.teacher)}  # no paths of this machine
    write_result("distillation", before, {"options": options, **figures})
    return 0


def origin(teacher: str | None) -> dict[str, Any]:
    """Return where the teacher came from."""
    if teacher is None:
        return {"fine-tuned here": {**TEACHER, **COMMON}}
    return {"a bundle": True} if Path(teacher).is_dir() else {"as published, not fine-tuned": teacher}


def fine_tuned(chosen: argparse.Namespace, data: TrainingData, folder: Path) -> str:
    """Train the teacher and return its bundle's folder."""
    from train.export import export_checkpoint

    settings = {**TEACHER, **COMMON, "engine": chosen.engine, "epochs": chosen.teacher_epochs}
    _, checkpoint = trained(config_from_mapping(settings, "teacher"), data)
    export_checkpoint(checkpoint, data.val, folder)
    return str(folder)


def teacher_readings(engine_name: str, teacher: str, data: TrainingData) -> list[str]:
    """Return the validation lines' texts as the teacher, a bundle or a published model, reads them."""
    if not Path(teacher).is_dir():
        settings = {"engine": engine_name, "model": teacher, "fit_width": COMMON["fit_width"]}
        engine, task = assemble(config_from_mapping(settings, "teacher"), data.train)
        return [text for text, _ in evaluate(engine, task, data.val)[1]]
    from train.bundle import load_bundle

    reader = load_bundle(Path(teacher)).recogniser(threads=0)
    return [text for text, _ in reader.read([data.val.image(i) for i in range(len(data.val))])]


def compare(
    chosen: argparse.Namespace, teacher: str, seed: int, data: TrainingData, rows: list[dict[str, Any]]
) -> dict[str, Any]:
    """Train a student alone and one with the teacher; add their rows and return what teaching gained."""
    options = {"teacher": teacher, "alpha": chosen.alpha, "temperature": chosen.temperature}
    techniques = {"alone": {"name": "full"}, "taught": {"name": "distill", "options": options}}
    right = {}
    for name, technique in techniques.items():
        changes = {"engine": chosen.engine, "epochs": chosen.epochs, "seed": seed, "technique": technique}
        history, checkpoint = trained(config_from_mapping({**STUDENT, **COMMON, **changes}, name), data)
        engine, task = assemble(checkpoint.config, data.train, checkpoint)
        predictions = evaluate(engine, task, data.val)[1]
        texts, right[name] = [text for text, _ in predictions], task.per_sample(predictions, data.val)
        seconds = float(np.mean([epoch["train_seconds"] for epoch in history]))
        row = {"reader": name, "seed": seed, **scores(texts, data), "train, s/epoch": seconds}
        rows.append(row | {"exact match by epoch": [round(epoch["exact_match"], 4) for epoch in history]})
    gain = paired_gain_interval(right["alone"], right["taught"], task.primary, seed)
    return {"seed": seed, "gain": gain.difference, "interval_95": [gain.interval.low, gain.interval.high]}


def scores(texts: Sequence[str], data: TrainingData) -> dict[str, Any]:
    """Return the scores on the validation lines, and the exact match on those that models did not agree on."""
    found = score_texts(texts, data.val.texts)
    hard = [i for i, source in enumerate(data.val.sources) if "val_hard" in source]
    readings, labels = ([lines[i] for i in hard] for lines in (texts, data.val.texts))
    return {
        "exact match": found.exact_match,
        "hard lines": score_texts(readings, labels).exact_match,
        "edit similarity": found.edit_similarity,
        "train, s/epoch": 0.0,
        "exact match by epoch": [],
    }


def trained(config: TrialConfig, data: TrainingData) -> tuple[list[Metrics], Checkpoint]:
    """Train to the last epoch, printing each; return every epoch's metrics and the last checkpoint."""
    history: list[Metrics] = []
    last: list[Checkpoint] = []

    def report(metrics: Metrics, make: MakeCheckpoint) -> None:
        history.append(metrics)
        last[:] = [make()]
        print(
            f"{config.model}, {config.technique.name}, epoch {metrics['epoch']}/{config.epochs}: loss "
            f"{metrics['loss']:.3f}, exact match {metrics['exact_match']:.3f}, {metrics['epoch_seconds']:.0f} s",
            flush=True,
        )

    train(config, data, report)
    return history, last[0]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
