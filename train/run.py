"""Train one configuration, no search: the same way as a trial."""

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parent.parent)  # not this folder: its files shadow others
    from train.cli import main_guard

    main_guard("train.run")

from train.checkpoint import Checkpoint, load_checkpoint
from train.config import TrialConfig, load_config
from train.data.arguments import add_decoding_arguments, add_general_arguments, options_of
from train.data.batching.mixture import Extra, wanted
from train.data.decoded.decoding import CACHE, Decoding
from train.data.sample import Sample
from train.errors import UsageError
from train.fits import check_fits, models_for
from train.sets.arguments import add_task_argument
from train.sets.read import Source, read_sets
from train.steps.teacher import check_teacher
from train.steps.validation import GENERAL
from train.tasks import TASKS, Task
from train.training_report import COMPLETED, FILE, TrainingReport, reported

if TYPE_CHECKING:
    from train.loop import MakeCheckpoint, Metrics, Report, TrainingData


def parser() -> argparse.ArgumentParser:
    """Return the command line's definition."""
    parse = argparse.ArgumentParser(
        prog="python train/run.py", description="Train one configuration and export it."
    )
    parse.add_argument("--data", metavar="DIR", required=True, help="folder with labelled images")
    add_task_argument(parse, None, "the configuration's")
    parse.add_argument(
        "--synthetic-labels", metavar="FILE", help="drawn lines to mix in by the configuration's `synthetic`"
    )
    parse.add_argument(
        "--config", metavar="FILE", help="YAML as a search writes best.yaml (default: the defaults)"
    )
    parse.add_argument(
        "--engine", help="paddle, torch, or auto for the faster one here (default: the configuration's)"
    )
    parse.add_argument("--output", metavar="DIR", default="runs/train", help="for checkpoints and the bundle")
    parse.add_argument(
        "--test-fraction", type=float, default=0.1, metavar="SHARE", help="held back, as in a search"
    )
    parse.add_argument("--seed", type=int, default=0, help="of the splits (default 0)")
    parse.add_argument(
        "--allow-bad", type=int, default=0, metavar="N", help="go on without up to N bad samples"
    )
    add_general_arguments(parse)
    add_decoding_arguments(parse)
    parse.add_argument("--resume", action="store_true", help="go on from the output folder's last checkpoint")
    return parse


def main(arguments: Sequence[str]) -> None:
    """Train, keep the best and the last checkpoint, export the best."""
    chosen = parser().parse_args(arguments)
    output = Path(chosen.output)
    config = load_config(Path(chosen.config)) if chosen.config else default_config(chosen.task)
    if chosen.task not in (None, config.task):
        raise UsageError(
            f"--task must be the configuration's, {config.task}", chosen.task, "leave out one of the two"
        )
    if (output / "last").exists() != chosen.resume:
        remedy = "add --resume or choose another --output" if not chosen.resume else "leave out --resume"
        raise UsageError("--resume goes with an output folder that has a checkpoint", output, remedy)
    for share, labels in (("replay", chosen.general_labels), ("synthetic", chosen.synthetic_labels)):
        if labels is None:
            wanted([Extra(share, getattr(config, share), None)])  # refuses a share of nothing before any work
    from train.engines.choice import resolve

    engine = resolve(chosen.engine or config.engine, [config.model], weights=config.weights)
    config = config.model_copy(update={"engine": engine})
    check_fits(config)
    check_teacher(config)
    resume = load_checkpoint(output / "last") if chosen.resume else None
    task = TASKS.get(config.task)
    sets = _read(chosen, task)
    from train.loop import TrainingData

    folder = Path(chosen.cache) if chosen.cache else output.parent / CACHE
    data = TrainingData(**Decoding(folder, chosen.decode_to, stored=task.stored).decode(sets))
    facts, epoch = _facts(config, data, resume), resume.epoch if resume else 0
    report = TrainingReport(output / FILE, facts, epoch, task.scores.names)
    with reported(report):
        _train_and_export(config, data, output, report, resume)


def default_config(task: str | None) -> TrialConfig:
    """Return the defaults, for a task with its first model; raise UsageError for a task without any."""
    usual = TrialConfig()
    if task in (None, usual.task):
        return usual
    models = models_for(task)
    if not models:
        raise UsageError("--task must have a model", task, "name one with --config")
    return TrialConfig(task=task, model=models[0])


def _read(chosen: argparse.Namespace, task: type[Task]) -> dict[str, Sequence[Sample]]:
    """Return the usable samples of each set that training sees."""
    sets = read_sets(
        Source(
            data=Path(chosen.data),
            task=task,
            general_labels=Path(chosen.general_labels) if chosen.general_labels else None,
            general_options=options_of(chosen.general_option),
            synthetic_labels=Path(chosen.synthetic_labels) if chosen.synthetic_labels else None,
            seed=chosen.seed,
            test_fraction=chosen.test_fraction,
            allow_bad=chosen.allow_bad,
        )
    )
    for line in sets.told:
        print(line, flush=True)
    if sets.repaired:
        print(f"labels put right: {sets.repaired}", flush=True)
    return {name: samples for name, samples in sets.samples.items() if name != "test"}


def _facts(config: TrialConfig, data: "TrainingData", resume: Checkpoint | None) -> dict[str, Any]:
    """Return what the training report says of a run before its first epoch, and tell of random weights."""
    from train.engines import ENGINES
    from train.loop import charset_for, teaching
    from train.models import MODELS

    scratch = not MODELS.get(config.model).pretrained(Path(config.weights) if config.weights else None)
    if scratch:
        print(f"{config.model} starts from random weights: it is trained from scratch", flush=True)
    charset = resume.charset if resume else charset_for(config, data.train, teaching(config, data))
    return {
        "model": config.model,
        "engine": config.engine,
        "from_scratch": scratch,
        "samples_used": len(data.train) + len(data.val),
        "train_samples": len(data.train),
        "val_samples": len(data.val),
        "epochs": config.epochs,
        "batch_size": config.batch_size,
        "learning_rate": config.optimiser.learning_rate,
        "device": ENGINES.get(config.engine).device(),
        "vocab_size": len(charset.characters),
    }


def _train_and_export(
    config: TrialConfig,
    data: "TrainingData",
    output: Path,
    report: TrainingReport,
    resume: Checkpoint | None,
) -> None:
    from train.export import export_checkpoint
    from train.loop import published_scores, train
    from train.tuning import tuned

    task = TASKS.get(config.task)
    published = published_scores(config, data)
    if published:
        score = f"general {task.terms.short[0]} {published.primary:.3f}"
        print(f"baseline: {config.model}, as published: {score}", flush=True)
    train(config, data, _report(output, config.epochs, report, task), resume)
    best, bundle = tuned(load_checkpoint(output / "best-checkpoint"), data.val), output / "best"
    export_checkpoint(best, data.val, bundle)
    report.write(COMPLETED, bundle)
    reached = task.scores.kept_in(best.metrics, len(data.val)).primary
    print(f"best: epoch {best.epoch}, {task.terms.scores[0]} {reached:.3f}; bundle in {bundle}")


def _report(output: Path, epochs: int, training_report: TrainingReport, task: type[Task]) -> "Report":
    """Return a report function that prints a line, keeps the last checkpoint, the best one and the report."""
    best = (-1.0, -1.0)  # an epoch without a single right character is still the best so far
    if (output / "best-checkpoint").exists():
        best = task.scores.kept_in(load_checkpoint(output / "best-checkpoint").metrics, 0).rank

    def report(metrics: "Metrics", make: "MakeCheckpoint") -> None:
        nonlocal best
        scores = task.scores.kept_in(metrics, 0)
        checkpoint = make()
        checkpoint.save(output / "last")
        if scores.rank > best:
            best = scores.rank
            checkpoint.save(output / "best-checkpoint")
        training_report.add(metrics)
        named = zip(task.terms.short, scores.rank, strict=True)
        print(
            f"epoch {metrics['epoch']:>3}/{epochs}  loss {metrics['loss']:8.3f}  "
            f"{''.join(f'{word} {value:.3f}  ' for word, value in named)}"
            f"{_general(metrics, task)}{metrics['epoch_seconds']:.0f} s",
            flush=True,
        )

    return report


def _general(metrics: Mapping[str, float], task: type[Task]) -> str:
    if not task.scores.are_in(metrics, GENERAL):
        return ""
    return f"general {task.scores.kept_in(metrics, 0, GENERAL).primary:.3f}  "
