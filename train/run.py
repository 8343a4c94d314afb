"""Train one configuration, no search: the same way as a trial."""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parent.parent)  # not this folder: its files shadow others
    from train.system.cli import main_guard

    main_guard("train.run")

from train.checkpoint import Checkpoint, load_checkpoint
from train.config import TrialConfig
from train.data.arguments import add_seed_argument, options_of, require_data
from train.data.batching.mixture import Extra, require_extras
from train.data.batching.versions import with_versions
from train.data.checks.allowed import describe_left_out
from train.data.decoded.decoding import CACHE, Decoding
from train.data.formats.named import Named
from train.errors import UsageError
from train.models.weights.starting import require_weights
from train.paddleocr_config.translation import read_config
from train.reading.formats.declared import declared_rules
from train.reading.knowledge import TextKnowledge
from train.sets.arguments import add_source_arguments, add_task_argument
from train.sets.read import Sets, Source, read_sets
from train.sets.texts import check_rules, read_further
from train.steps.fits import check_fits, default_config
from train.steps.kept_epochs import BEST, LAST, keep_epochs
from train.steps.resuming import DIGEST, choose_config, digest_data, require_same_data, resumable, sole_run
from train.steps.teacher import check_teacher
from train.steps.training_report import COMPLETED, FILE, TrainingReport, reporting_the_end
from train.system.cli import EXIT, Parser
from train.system.machine.memory import keep_freed
from train.system.paths import given_path, require_folder
from train.tasks import TASKS

if TYPE_CHECKING:
    from train.loop import TrainingData
    from train.sets.found import Finder

SEEN = ("train", "val", "general", "replay", "synthetic")


def parser() -> argparse.ArgumentParser:
    """Return the command line's definition."""
    parse = Parser(
        prog="python train/run.py",
        description="Train one configuration and export it.",
        epilog=f"{EXIT}, can be resumed",
    )
    data = parse.add_argument_group("data")
    data.add_argument("--data", metavar="DIR", type=given_path, help="folder with labelled images")
    add_task_argument(data, None, "the configuration's")
    add_seed_argument(data, "of the splits")
    _add_training(parse.add_argument_group("training"))
    add_source_arguments(parse, data)
    return parse


def _add_training(parse: argparse._ArgumentGroup) -> None:
    parse.add_argument(
        "--config",
        metavar="FILE",
        type=given_path,
        help="YAML as a search writes best.yaml, or PaddleOCR's, which is translated (docs/training.md; default: "
        f"{TrialConfig().model}, or the task's first model, with the usual settings)",
    )
    parse.add_argument(
        "--engine",
        metavar="NAME",
        help="paddle, torch, or auto for the faster one here (default: the configuration's)",
    )
    parse.add_argument(
        "--weights",
        metavar="PATH",
        type=given_path,
        help="what to start from, e.g. a .pdparams (default: the configuration's)",
    )
    parse.add_argument(
        "--output",
        metavar="DIR",
        type=given_path,
        default=Path("runs/train"),
        help="folder of the bundle (best/), checkpoints and report (default runs/train)",
    )
    parse.add_argument("--resume", action="store_true", help="go on from the output folder's last checkpoint")


def main(arguments: Sequence[str]) -> None:
    """Train, keep the best and the last checkpoint, export the best."""
    chosen = parser().parse_args(arguments)
    data = require_data(chosen.data, chosen)
    require_folder(chosen.output, "--output")
    keep_freed()
    with sole_run(chosen.output, None if chosen.resume else chosen.data):
        _run(chosen, data)


def _run(chosen: argparse.Namespace, data: Named) -> None:
    output = chosen.output
    if (output / LAST).exists() != chosen.resume:
        remedy = "add --resume or choose another --output" if not chosen.resume else "leave out --resume"
        raise UsageError("--resume goes with an output folder that has a checkpoint", output, remedy)
    resume = load_checkpoint(output / LAST) if chosen.resume else None
    config = _named_config(chosen, resume)
    if config.weights and not resume:
        require_weights(Path(config.weights), "--weights" if chosen.weights else "weights")
    cache = chosen.cache or output.parent / CACHE
    require_folder(cache, "--cache")
    for share, labels in (("replay", chosen.general_labels), ("synthetic", chosen.synthetic_labels)):
        if labels is None:  # a share of nothing is refused before any work
            require_extras([Extra(share, getattr(config, share), None)])
    from train.engines.choice import resolve

    engine = resolve(chosen.engine or config.engine, [config.model], weights=config.weights)
    config = config.model_copy(update={"engine": engine})
    check_fits(config)
    check_teacher(config)
    task = TASKS.get(config.task)
    rules = declared_rules(chosen.reading, data)
    check_rules(rules, task, chosen.precision)
    further = read_further(chosen.texts, task)
    sets = _read(chosen, data, config)
    config = config.model_copy(
        update={"dictionary": sets.dictionary and str(sets.dictionary.path.absolute())}
    )
    how = Decoding(cache, chosen.decode_to, stored=task.stored_as(config))
    decoded = _decode(sets, how, chosen)
    facts, epoch = _facts(config, decoded, resume), resume.epoch if resume else 0
    if resume:
        require_same_data(resume, output / FILE, facts, decoded.train.texts)
    report = TrainingReport(output / FILE, facts, epoch, task.scores.names)
    knowledge = TextKnowledge(decoded.train.texts, rules, chosen.seed, chosen.precision, further)
    with reporting_the_end(report), resumable(output / LAST):
        _train_and_export(config, decoded, output, report, resume, knowledge, samples=chosen.samples)


def _named_config(chosen: argparse.Namespace, resume: Checkpoint | None) -> TrialConfig:
    """Return the configuration of a run; of one that goes on its own, if none is named."""
    begun = resume.config if resume else default_config(chosen.task, chosen.weights)
    config = read_config(chosen.config) if chosen.config else begun
    if chosen.weights:
        config = config.model_copy(update={"weights": str(chosen.weights)})
    if chosen.task not in (None, config.task):
        raise UsageError(
            f"--task must be the configuration's, {config.task}", chosen.task, "leave out one of the two"
        )
    return choose_config(resume.config, config) if resume else config


def _read(chosen: argparse.Namespace, data: Named, config: TrialConfig) -> Sets:
    """Return the usable samples of each set, and the dictionary."""
    sets = read_sets(
        Source(
            data=data,
            task=TASKS.get(config.task),
            format=chosen.format,
            options=options_of(chosen.option),
            general_labels=chosen.general_labels,
            general_format=chosen.general_format,
            general_options=options_of(chosen.general_option, "--general-option"),
            synthetic_labels=chosen.synthetic_labels,
            seed=chosen.seed,
            test_fraction=chosen.test_fraction,
            allow_bad=chosen.allow_bad,
            cache=chosen.cache,
            dictionary=chosen.dictionary or config.dictionary,
            finder=_finder(chosen.detection),
            cut=config.cut,
            group_by=chosen.group_by,
            begun=chosen.resume,
        )
    )
    for line in sets.messages:
        print(line, flush=True)
    if sets.repaired:
        print(f"labels put right: {sets.repaired}", flush=True)
    return sets


def _finder(named: str | None) -> "Finder | None":
    from train.end_to_end.finder import ModelFinder

    return ModelFinder(named) if named else None


def _decode(sets: Sets, how: Decoding, chosen: argparse.Namespace) -> "TrainingData":
    """Decode what training sees, and say what is left out."""
    from train.loop import TrainingData

    seen = {name: samples for name, samples in sets.samples.items() if name != "test"}
    decoded, left_out = how.decode_usable(seen, chosen.allow_bad, sets.left_out)
    if left_out:
        print(describe_left_out(left_out), flush=True)
    return TrainingData(**with_versions(decoded), dictionary=sets.characters, documents=sets.documents)


def _facts(config: TrialConfig, data: "TrainingData", resume: Checkpoint | None) -> dict[str, Any]:
    """Return what the training report says of a run before its first epoch, and tell of random weights."""
    from train.engines import ENGINES
    from train.loop import charset_for, list_taught_sets
    from train.models import MODELS

    scratch = not MODELS.get(config.model).pretrained(Path(config.weights) if config.weights else None)
    if scratch:
        print(f"{config.model} starts from random weights: it is trained from scratch", flush=True)
    charset = (
        resume.charset
        if resume
        else charset_for(config, data.train, list_taught_sets(config, data), data.dictionary)
    )
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
        "dictionary": config.dictionary,
        DIGEST: digest_data({name: getattr(data, name) for name in SEEN}),
    }


def _train_and_export(
    config: TrialConfig,
    data: "TrainingData",
    output: Path,
    report: TrainingReport,
    resume: Checkpoint | None,
    knowledge: TextKnowledge,
    *,
    samples: bool,
) -> None:
    from train.export import export_network
    from train.loop import published_scores, train
    from train.trained.loaded import load_network
    from train.trained.text_models import add_text_model
    from train.trained.tuning import with_tuned_settings

    task = TASKS.get(config.task)
    if published := published_scores(config, data):
        score = f"general {task.terms.short[0]} {published.primary:.3f}"
        print(f"baseline: {config.model}, as published: {score}", flush=True)
    train(config, data, keep_epochs(output, config.epochs, report, task), resume)
    reached, bundle = load_checkpoint(output / BEST), output / "best"
    tuned = with_tuned_settings(reached, data.val, data.train.sizes)
    network = add_text_model(load_network(tuned, data.val), data.val, knowledge)
    best = network.checkpoint
    if best.text_model is not None:  # its metrics stay: they are compared with those of later epochs
        replace(reached, text_model=best.text_model).save(output / BEST, durable=True)
    export_network(network, data.val, bundle, samples)
    report.write(COMPLETED, bundle)
    primary = task.scores.from_metrics(best.metrics, len(data.val)).primary
    print(f"best: epoch {best.epoch}, {task.terms.scores[0]} {primary:.3f}; bundle in {bundle}")
