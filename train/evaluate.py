"""Score a bundle, a checkpoint or a pretrained model on labelled images, or a detector and a recogniser together."""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parent.parent)  # not this folder: its files shadow others
    from train.system.cli import main_guard

    main_guard("train.evaluate")

from train.bundle import GRAPHS, load_bundle
from train.checkpoint import load_checkpoint
from train.config import TrialConfig, config_from_mapping
from train.data.arguments import add_allow_bad_argument, add_format_arguments, options_of
from train.data.checks.allowed import describe_left_out, require_few
from train.data.dataset import Dataset, decode_usable
from train.data.decoded.stored import Stored
from train.data.formats.named import load_files, require_apart
from train.data.images import Image
from train.data.sample import Sample
from train.end_to_end.finder import find_boxes
from train.end_to_end.pair import read_end_to_end
from train.end_to_end.photos import misread_photos, photo_page
from train.end_to_end.words_choice import tell_inside
from train.errors import DataError, UsageError
from train.scoring.texts import AS_LABELLED, CHARSET_RULES
from train.sets.arguments import add_task_argument
from train.sets.texts import add_decode_argument
from train.system.cli import Parser
from train.system.files import write_output
from train.system.paths import given_path, given_place, require_file, require_present
from train.tasks import TASKS, Task
from train.trained.mistakes import describe, tell_hopeless, write_errors, write_table
from train.trained.readers import DETECTION, Read, detector, read
from train.trained.text_models import measure_decoding

LEARNED = "this bundle has learned its search's validation samples, too: their score flatters, that of others says more"


def parser() -> argparse.ArgumentParser:
    """Return the command line's definition."""
    parse = Parser(prog="python train/evaluate.py", description=__doc__)
    _add_models(parse.add_argument_group("what is scored"))
    _add_labels(parse.add_argument_group("labels"))
    _add_runtime(parse.add_argument_group("how it reads"))
    _add_output(parse.add_argument_group("output"))
    return parse


def _add_models(parse: argparse._ArgumentGroup) -> None:
    what = parse.add_mutually_exclusive_group(required=True)
    what.add_argument(
        "--bundle", metavar="DIR", type=given_path, help="an exported model, read by onnxruntime"
    )
    what.add_argument(
        "--checkpoint", metavar="DIR", type=given_path, help="a trial's checkpoint, read by its framework"
    )
    what.add_argument("--model", metavar="NAME", help="a pretrained model as it is, e.g. pp-ocrv6-tiny")
    parse.add_argument(
        "--detection",
        metavar="DIR|NAME",
        type=given_place,
        help="end to end: this detector's bundle, or a pretrained one such as pp-ocrv6-small-det, finds the lines in "
        "photos that the other model reads",
    )
    parse.add_argument(
        "--charset",
        choices=("keep", "domain"),
        help="with --model: its whole dictionary (the default) or the labels' characters alone",
    )
    parse.add_argument(
        "--weights",
        metavar="DIR",
        type=given_place,
        help="with --bundle of an adapter: the base weights, if they were moved",
    )
    parse.add_argument(
        "--engine",
        metavar="NAME",
        help="with --checkpoint or --model: paddle or torch (default: the checkpoint's own; paddle)",
    )


def _add_labels(parse: argparse._ArgumentGroup) -> None:
    parse.add_argument(
        "--labels",
        metavar="FILE",
        type=given_path,
        action="append",
        required=True,
        help="the images and their labels; given again, all are joined",
    )
    add_task_argument(parse, None, "the model's")
    add_format_arguments(parse)
    add_allow_bad_argument(parse)


def _add_runtime(parse: argparse._ArgumentGroup) -> None:
    add_decode_argument(parse)
    parse.add_argument(
        "--precision",
        choices=tuple(GRAPHS),
        default="float32",
        help="with --bundle: its graph to read with; int8 is what `train.quantise` adds (default float32)",
    )
    parse.add_argument(
        "--threads", type=int, default=1, metavar="N", help="with --bundle: cores to use (default 1)"
    )


def _add_output(parse: argparse._ArgumentGroup) -> None:
    parse.add_argument(
        "--charset-rule",
        choices=sorted(CHARSET_RULES),
        default=AS_LABELLED,
        help=f"how texts are compared: as they are labelled, or without regard to case (default {AS_LABELLED})",
    )
    parse.add_argument("--json", action="store_true", help="print the scores as JSON")
    parse.add_argument(
        "--errors",
        metavar="FILE",
        type=given_path,
        help="write what was got wrong, tab-separated: lines, or with --detection photos",
    )
    parse.add_argument(
        "--html",
        metavar="FILE",
        type=given_path,
        help="with --detection: write a page with the photos and what was read",
    )


def main(arguments: Sequence[str]) -> None:
    """Read every image and print the scores."""
    chosen = parser().parse_args(arguments)
    _check(chosen)
    model = load_named_model(chosen)
    print(evaluate_end_to_end(chosen, model) if chosen.detection else evaluate_alone(chosen, model))


def evaluate_alone(chosen: argparse.Namespace, model: Read) -> str:
    """Return the scores of one model on its own task, as text to print."""
    kind = TASKS.get(model.config.task)
    if chosen.task not in (None, model.config.task):
        raise UsageError(
            f"--task must be the model's, {model.config.task}",
            chosen.task,
            "name another model, or leave it out",
        )
    data = load_labelled(chosen, kind, kind.stored_as(model.config))[1]
    task, predictions = read(model, data, chosen.threads)
    for line in tell_hopeless(task, data.texts) if chosen.charset_rule == AS_LABELLED else ():
        print(line, file=sys.stderr)
    task = task.comparing(chosen.charset_rule)
    if chosen.errors:
        write_errors(chosen.errors, task.mistakes(predictions, data), data)
    scores = task.score(predictions, data)
    decoded = measure_decoding(task, predictions, data) if task.text_model else None
    if chosen.json:
        return json.dumps(scores.as_dict() | (decoded.as_dict() if decoded else {}))
    return "\n".join([describe(scores, task.terms), *(decoded.lines() if decoded else ())])


def load_labelled(
    chosen: argparse.Namespace, kind: type[Task], stored: Stored
) -> tuple[list[Sample], Dataset]:
    """Return the samples of the label files that the command line names, decoded; say what is left out."""
    samples = load_files(chosen.labels, options_of(chosen.option), chosen.format, kind.formats)[1]
    require_apart({"--errors": chosen.errors, "--html": chosen.html}, samples)
    data, left_out = decode_usable(samples, stored)
    require_few([f"{why}  {source}" for source, why in left_out.items()], chosen.allow_bad)
    if left_out:
        print(describe_left_out(left_out), file=sys.stderr)
    if not len(data):
        named = ", ".join(map(str, chosen.labels))
        raise DataError("a label file must hold samples", named, "name another one")
    there = set(data.sources)
    return [sample for sample in samples if str(sample.path) in there], data


def _check(chosen: argparse.Namespace) -> None:
    if chosen.charset and not chosen.model:
        raise UsageError("--charset goes with --model", chosen.charset, "leave it out")
    if chosen.engine and chosen.bundle:
        raise UsageError("a bundle is read by onnxruntime", f"--engine {chosen.engine}", "leave it out")
    if chosen.weights and not chosen.bundle:
        raise UsageError("--weights goes with --bundle", chosen.weights, "leave it out")
    if chosen.precision != "float32" and not chosen.bundle:
        raise UsageError("--precision goes with --bundle", chosen.precision, "leave it out")
    if chosen.detection and chosen.task:
        raise UsageError("--task is for one model, --detection for two", chosen.task, "leave one of them out")
    if chosen.html and not chosen.detection:
        raise UsageError("--html goes with --detection", chosen.html, "leave it out")
    for option, path in (("--errors", chosen.errors), ("--html", chosen.html)):
        if path:
            require_file(path, option)
    if chosen.threads < 1:
        raise UsageError("--threads must be at least 1", chosen.threads, "name a number of cores")
    for option, path in (("--bundle", chosen.bundle), ("--checkpoint", chosen.checkpoint)):
        if path:
            require_present(path, option)


def load_named_model(chosen: argparse.Namespace) -> Read:
    """Return the model that the command line names."""
    raw = chosen.decode == "raw"
    if chosen.bundle:
        bundle = load_bundle(chosen.bundle)
        config = config_from_mapping(bundle.manifest.config, str(bundle.directory))
        config = config.model_copy(update={"weights": chosen.weights or config.weights})
        if bundle.manifest.learned_val:
            print(LEARNED, file=sys.stderr)
        if chosen.precision != "float32":
            bundle.require_precision(chosen.precision)
        text_model = None if raw else bundle.text_model
        return Read(config, bundle, text_model=text_model, precision=chosen.precision)
    if chosen.checkpoint:
        checkpoint = load_checkpoint(chosen.checkpoint).with_engine(chosen.engine)
        text_model = None if raw else checkpoint.text_model
        return Read(checkpoint.config, checkpoint=checkpoint, text_model=text_model)
    from train.models import MODELS

    model = MODELS.get(chosen.model)
    if not model.pretrained(None):
        raise UsageError(
            "--model must name a model with published weights", chosen.model, "name a bundle of it"
        )
    config = TrialConfig(task=model.task, model=chosen.model, charset=chosen.charset or "keep")
    return Read(config.model_copy(update={"engine": chosen.engine or config.engine}))


def evaluate_end_to_end(chosen: argparse.Namespace, reader: Read) -> str:
    """Find the lines in photos and read them; return how many of the labelled texts are right, to be printed."""
    if not TASKS.get(reader.config.task).spells:
        raise UsageError(
            "--detection goes with a model that reads lines", f"one for {reader.config.task}", "name another"
        )
    finder, kind = detector(chosen.detection), TASKS.get(DETECTION)
    samples = load_labelled(chosen, kind, replace(kind.stored, prepare=_forget))[0]
    boxes = find_boxes(finder, samples, chosen.threads)
    one = read_end_to_end(samples, boxes, reader, chosen.charset_rule, chosen.threads)
    if told := tell_inside(samples, boxes, reader):
        print(told, file=sys.stderr)
    if chosen.errors:
        write_table(chosen.errors, misread_photos(samples, one.pages, one.counts))
    if chosen.html:
        title = f"{', '.join(map(str, chosen.labels))}: {chosen.detection} and {reader.config.model}"
        write_output(chosen.html, photo_page(title, samples, one.pages, one.told), "--html")
    return json.dumps(one.scores.as_dict()) if chosen.json else str(one.scores)


def _forget(photo: Image) -> Image:
    """Return a pixel: it can be read, and is read again when its turn comes, as thousands do not fit in memory."""
    return photo[:1, :1].copy()
